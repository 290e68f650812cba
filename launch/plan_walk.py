"""Reaching into a plan by patterns such as `checks[].probes[].of`, with the concrete path of each value found."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel


def walk(root: BaseModel, pattern: str) -> Iterator[tuple[str, object]]:
    """Every value at a pattern with its path (`checks[3].probes[0].of`).

    `[]` goes into a list, `{}` over a mapping's keys.
    What is None, or a field that this member of a union does not have, yields nothing.
    """
    yield from _walk(root, "", pattern.split("."))


def _walk(value: object, path: str, parts: list[str]) -> Iterator[tuple[str, object]]:
    if value is None:
        return
    if not parts:
        yield path, value
        return
    name, rest = parts[0], parts[1:]
    field = name.rstrip("[]{}")
    inner = getattr(value, field, None)
    here = f"{path}.{field}" if path else field
    if name.endswith("[]") and isinstance(inner, tuple):
        for at, item in enumerate(inner):
            yield from _walk(item, f"{here}[{at}]", rest)
    elif name.endswith("{}") and isinstance(inner, dict):
        for key in inner:
            yield from _walk(key, f"{here}.{key}", rest)
    elif name == field:
        yield from _walk(inner, here, rest)


def items(root: BaseModel) -> Iterator[tuple[str, BaseModel]]:
    """Every model inside a model with its path, outermost first."""
    for name in type(root).model_fields:
        for path, value in _spread(getattr(root, name), name):
            yield path, value
            yield from ((f"{path}.{inner}", model) for inner, model in items(value))


def _spread(value: object, path: str) -> Iterator[tuple[str, BaseModel]]:
    if isinstance(value, BaseModel):
        yield path, value
    elif isinstance(value, tuple):
        for at, item in enumerate(value):
            yield from _spread(item, f"{path}[{at}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _spread(item, f"{path}.{key}")
