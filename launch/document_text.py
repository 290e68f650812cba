"""A YAML document read with the line of every value, by rules that hold no surprises for the people who write plans.

libyaml parses; what a scalar means follows YAML 1.2, not 1.1: only `true` and `false` are booleans (so `on:` is a key
and `off` a word), `07:00` is text and not 420, dates are text. A key written twice is refused instead of silently lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

import yaml
from pydantic import BaseModel, JsonValue, ValidationError

from launch.errors import PlanError
from launch.findings import InvalidFileError, PlanFinding, on_lines
from launch.model_findings import model_findings

Read = TypeVar("Read", bound=BaseModel)

_INTEGER = re.compile(r"^[-+]?\d+$")
_NUMBER = re.compile(r"^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$")
_WORDS: dict[str, JsonValue] = {"": None, "~": None, "null": None, "true": True, "false": False}
_DEEPEST = 40
_MOST_VALUES = 500_000


@dataclass
class Document:
    """The data of a document, the line (from 1) of every path in it, and what was wrong already."""

    data: JsonValue = None
    lines: dict[str, int] = field(default_factory=dict)
    findings: list[PlanFinding] = field(default_factory=list)


def read_document(text: str, where: str) -> Document:
    """Reads YAML (or JSON). Raises `PlanError` for what is not YAML at all, with the line."""
    try:
        return _Reader(text, where).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = f"this is not YAML: {error.problem or error.context}"
        raise PlanError(problem, where=f"{where}:{mark.line + 1}" if mark else where) from error
    except yaml.YAMLError as error:
        problem = f"this is not YAML: {' '.join(str(error).split())}"
        raise PlanError(problem, where=where) from error


def read_model(document: Document, model: type[Read], where: str) -> Read:
    """The document as a model. Raises `InvalidFileError` with every finding."""
    try:
        read = model.model_validate(document.data)
    except ValidationError as error:
        refuse(model_findings(error, document.data, model), document, where)
        raise
    refuse((), document, where)
    return read


def refuse(findings: Iterable[PlanFinding], document: Document, where: str) -> None:
    """Raises `InvalidFileError` if anything was found, here or while reading."""
    found = on_lines(findings, document.lines) + document.findings
    if found:
        raise InvalidFileError(where, sorted(found, key=lambda finding: finding.line))


class _Reader:
    """Builds data straight from the parser's events: composing nodes first takes twice as long."""

    def __init__(self, text: str, where: str) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.CBaseLoader)
        self._where = where
        self._read = Document()
        self._anchors: dict[str, tuple[JsonValue, int]] = {}
        self._count = 0

    def document(self) -> Document:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if self._count:
                    self._stop("this file holds more than one document", event)
                self._read.data = self._value(next(self._events), "", 0)
        return self._read

    def _value(self, event: yaml.Event, path: str, depth: int) -> JsonValue:
        self._count += 1
        if depth > _DEEPEST or self._count > _MOST_VALUES:
            # Aliases can multiply without end.
            limits = f"{_DEEPEST} levels or {_MOST_VALUES} values"
            self._stop(f"this is nested beyond {limits}; are there aliases in aliases?", event)
        self._read.lines[path] = _line(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            message = f"the parser gave {event} where a value begins"
            raise TypeError(message)
        if event.tag not in {None, "!"}:
            self._found("P001", path, f"the tag {event.tag!r} has no meaning in a plan", "leave it out")
        before = self._count
        value: JsonValue = []
        match event:
            case yaml.MappingStartEvent():
                value = self._mapping(path, depth)
            case yaml.SequenceStartEvent():
                value = self._sequence(path, depth)
            case yaml.ScalarEvent():
                value = _scalar(event.value) if event.implicit[0] else str(event.value)
        if event.anchor is not None:
            self._anchors[event.anchor] = value, self._count - before + 1
        return value

    def _sequence(self, path: str, depth: int) -> list[JsonValue]:
        items: list[JsonValue] = []
        while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(item, f"{path}[{len(items)}]", depth + 1))
        return items

    def _mapping(self, path: str, depth: int) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = {}
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                self._value(key, path, depth + 1)
                self._value(next(self._events), path, depth + 1)
                self._found("P001", path, "a key is a list, a mapping or an alias", "keys are words")
                continue
            name = str(key.value)
            inner = f"{path}.{name}" if path else name
            if name in found:
                self._twice(name, inner, _line(key))
                self._value(next(self._events), f"{inner} (again)", depth + 1)
                continue
            found[name] = self._value(next(self._events), inner, depth + 1)
            self._read.lines[inner] = _line(key)
        return found

    def _alias(self, event: yaml.AliasEvent) -> JsonValue:
        if event.anchor not in self._anchors:
            self._stop(f"the alias *{event.anchor} stands for nothing that is written before it", event)
        value, size = self._anchors[event.anchor]
        self._count += size
        return value

    def _twice(self, name: str, path: str, line: int) -> None:
        problem = f"the key {name!r} is written twice; the first is in line {self._read.lines[path]}"
        finding = PlanFinding(code="P002", path=path, line=line, problem=problem, right="keep one of them")
        self._read.findings.append(finding)

    def _found(self, code: str, path: str, problem: str, right: str) -> None:
        line = self._read.lines[path]
        self._read.findings.append(PlanFinding(code=code, path=path, line=line, problem=problem, right=right))

    def _stop(self, problem: str, event: yaml.Event) -> NoReturn:
        raise PlanError(problem, where=f"{self._where}:{_line(event)}")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 0


def _scalar(text: str) -> JsonValue:
    """What a plain scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    # Most plain scalars of a plan are words: the first character rules numbers out.
    if text[0] not in "+-.0123456789":
        return text
    if _INTEGER.match(text):
        return int(text)
    return float(text) if _NUMBER.match(text) else text
