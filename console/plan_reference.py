"""Writes the plan reference and the JSON Schema for editors from the model: `python -m console.plan_reference`."""

from __future__ import annotations

import inspect
import json
import types
import typing
from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import click
from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from launch.model import Model
from launch.moments import format_duration, format_offset, parse_duration, parse_offset
from launch.plan import Plan
from launch.plan_rules import CODES

ROOT = Path(__file__).parents[1]
REFERENCE = Path("docs/plan-reference.md")
SCHEMA = Path("plans/plan.schema.json")

_INTRODUCTION = """\
# Plan reference

Generated from the model by `python -m console.plan_reference`; do not edit. A plan is one YAML document (as in YAML 1.2
only `true` and `false` are booleans, and `07:00` is text). Unknown keys and keys written twice are refused. Put
`# yaml-language-server: $schema=plan.schema.json` in its first line and an editor completes and checks as you type.

An *offset* counts from T0: `T-7d`, `T-60m`, `T0`, `T+4h`. A *duration* is `90s`, `15m`, `1h30m` or `7d`. An *id* is
lower case with hyphens; ids are unique over all kinds, while roles, channels, people, systems, environments, services
and service groups have a name space each.

## Findings of `tminus lint`

| code | means |
| --- | --- |
"""


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a file is not what the model says.")
def main(*, check: bool) -> None:
    """Write docs/plan-reference.md and plans/plan.schema.json."""
    stale = []
    for path, content in {REFERENCE: reference(), SCHEMA: schema()}.items():
        file = ROOT / path
        if check and (not file.exists() or file.read_text(encoding="utf-8") != content):
            stale.append(str(path))
        elif not check:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
    if stale:
        raise click.ClickException(f"stale: {', '.join(stale)}; run python -m console.plan_reference")


def schema() -> str:
    """The JSON Schema of a plan."""
    content = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Plan.model_json_schema()}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def reference() -> str:
    """The reference as Markdown: findings, then every class of the plan with its fields."""
    lines = [_INTRODUCTION.rstrip(), *(f"| {code} | {meaning} |" for code, meaning in sorted(CODES.items())), ""]
    classes = _classes()
    plain = [one for one in classes if _word(one) is None]
    for one in plain:
        lines += _chapter(one, one.__name__)
    for field, title, said in (
        ("ask", "Probes", "questions a check or a success criterion can put to a system: `probes: [{ask: …, of: …}]`"),
        ("do", "Effects", "changes an action can make: `effect: {do: …, on: …}`"),
    ):
        lines += [f"## {title}", "", f"These are the {said}.", ""]
        members = [one for one in classes if field in one.model_fields and _word(one) is not None]
        for one in sorted(members, key=lambda member: str(_word(member))):
            lines += _chapter(one, f"`{_word(one)}`", level="###")
    return "\n".join(lines).rstrip() + "\n"


def _chapter(model: type[BaseModel], title: str, level: str = "##") -> list[str]:
    lines = [f"{level} {title}", "", inspect.cleandoc(model.__doc__ or ""), ""]
    lines += ["| field | type | default | |", "| --- | --- | --- | --- |"]
    for name, field in model.model_fields.items():
        cells = (f"`{name}`", _type(field), _default(field), field.description or "")
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return [*lines, ""]


def _classes() -> list[type[BaseModel]]:
    """Every class of a plan, the plan first, each before those it holds."""
    found: dict[type[BaseModel], None] = {}
    waiting: list[type[BaseModel]] = [Plan]
    while waiting:
        model = waiting.pop(0)
        if model in found:
            continue
        found[model] = None
        for field in model.model_fields.values():
            waiting += list(_models(field.annotation))
    return list(found)


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models(inner)


def _word(model: type[BaseModel]) -> str | None:
    for name in ("ask", "do"):
        field = model.model_fields.get(name)
        values = typing.get_args(field.annotation) if field is not None else ()
        if values:
            return str(values[0])
    return None


def _type(field: FieldInfo) -> str:
    readers = {extra.func for extra in field.metadata if isinstance(extra, BeforeValidator)}
    if parse_offset in readers:
        return "offset"
    if parse_duration in readers:
        return "duration"
    if any(getattr(extra, "pattern", None) == "^[a-z0-9][a-z0-9-]*$" for extra in field.metadata):
        return "id"
    return _words(field.annotation)


def _words(annotation: object) -> str:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        words = _type(FieldInfo.from_annotation(typing.cast("type", annotation)))
    elif origin is typing.Literal:
        words = " or ".join(f"`{value}`" for value in inner)
    elif origin in {typing.Union, types.UnionType}:
        words = _union([one for one in inner if one is not type(None)])
    elif origin is tuple:
        words = f"list of {_words(inner[0])}"
    elif origin is dict:
        words = f"mapping of {_words(inner[0])} to {_words(inner[1])}"
    else:
        words = _name(annotation)
    return words


def _union(members: Sequence[object]) -> str:
    models = [one for one in members if isinstance(one, type) and issubclass(one, BaseModel)]
    if len(models) > 1 and all(_word(one) for one in models):
        return "a probe" if "ask" in models[0].model_fields else "an effect"
    return " or ".join(dict.fromkeys(_words(one) for one in members))


def _name(annotation: object) -> str:
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        word = _word(annotation)
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})" if word is None else f"`{word}`"
    names = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`"}
    return names.get(annotation, getattr(annotation, "__name__", "value"))  # type: ignore[call-overload, no-any-return]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value in (None, "", (), {}) or isinstance(value, Model):
        return ""
    if isinstance(value, timedelta):
        return format_offset(value) if _type(field) == "offset" else format_duration(value)
    if isinstance(value, tuple):
        return ", ".join(str(one) for one in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    main()
