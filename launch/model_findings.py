"""Pydantic's errors in the words of the people who write plans: which key, what is there, what would be right."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import ErrorDetails

from launch.findings import PlanFinding, near

_CODES = {"extra_forbidden": "P003", "missing": "P004", "value_error": "P006"}
_WRONG_VALUE = "P005"
_LONGEST = 60


def model_findings(error: ValidationError, data: JsonValue, root: type[BaseModel]) -> list[PlanFinding]:
    """One finding per wrong place, without lines. A value that fits no member of a union counts once."""
    found: dict[tuple[str, str], PlanFinding] = {}
    for detail in error.errors(include_url=False):
        path = _path(detail["loc"], data)
        code = _CODES.get(detail["type"], _WRONG_VALUE)
        problem, right = _words(detail, root)
        if (path, code) in found:
            continue
        found[path, code] = PlanFinding(code=code, path=path, problem=problem, right=right)
    return list(found.values())


def _words(detail: ErrorDetails, root: type[BaseModel]) -> tuple[str, str]:
    name = str(detail["loc"][-1]) if detail["loc"] else "the document"
    context = {key: str(value) for key, value in detail.get("ctx", {}).items()}
    shown = _shown(detail["input"])
    if detail["type"].startswith("union_tag"):
        return _union_words(detail["type"], context)
    match detail["type"]:
        case "extra_forbidden":
            words = f"the key {name!r} is unknown", near(name, _fields(detail["loc"][:-1], root))
        case "missing":
            words = f"{name!r} is missing", f"add `{name}`"
        case "value_error":
            words = context["error"], ""
        case "enum" | "literal_error":
            words = f"{shown} is not one of the words that fit here", f"write {context['expected']}"
        case "string_pattern_mismatch":
            words = f"{shown} is not well formed", f"it must match {context['pattern']}"
        case _:
            words = f"{shown} does not fit: {detail['msg'].removeprefix('Input ')}", ""
    return words


def _union_words(kind: str, context: Mapping[str, str]) -> tuple[str, str]:
    discriminator = context["discriminator"].strip("'")
    if kind == "union_tag_not_found":
        return f"{discriminator!r} is missing", "it says which kind this is"
    tags = [tag.strip("' ") for tag in context["expected_tags"].split(",")]
    return f"there is no {discriminator} {context['tag']!r}", near(context["tag"], tags) or "see the plan reference"


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _path(location: Sequence[str | int], data: JsonValue) -> str:
    """The place in the document: pydantic also names the members of a union, which are not written there."""
    path, here = "", data
    for at, part in enumerate(location):
        if isinstance(part, int) and isinstance(here, list):
            path, here = f"{path}[{part}]", here[part] if part < len(here) else None
        elif isinstance(part, str) and isinstance(here, dict) and (part in here or at == len(location) - 1):
            if part == "[key]":
                continue
            path, here = f"{path}.{part}" if path else part, here.get(part)
    return path


def _fields(location: Iterable[str | int], root: type[BaseModel]) -> set[str]:
    """The keys that are known at a place."""
    models = {root}
    for part in location:
        if isinstance(part, int):
            continue
        tagged = {model for model in models if _tag(model) == part}
        models = tagged or {
            inner
            for model in models
            if part in model.model_fields
            for inner in _models_in(model.model_fields[part].annotation)
        }
    return {name for model in models for name in model.model_fields}


def _tag(model: type[BaseModel]) -> str | None:
    """The word by which a union tells this model: the only value of its `ask` or `do`."""
    for name in ("ask", "do"):
        if name in model.model_fields:
            values = typing.get_args(model.model_fields[name].annotation)
            return str(values[0]) if values else None
    return None


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models_in(inner)
