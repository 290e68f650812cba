"""A YAML document read with the line of every value, by rules that hold no surprises for the people who write plans.

libyaml parses; what a scalar means follows YAML 1.2, not 1.1: only `true` and `false` are booleans (so `on:` is a key
and `off` a word), `07:00` is text and not 420, dates are text. A key written twice is refused instead of silently lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import yaml
from pydantic import BaseModel, JsonValue, ValidationError

from launch.errors import PlanError
from launch.findings import InvalidFileError, PlanFinding, on_lines
from launch.model_findings import model_findings

Read = TypeVar("Read", bound=BaseModel)

_INTEGER = re.compile(r"^[-+]?\d+$")
_NUMBER = re.compile(r"^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$")
_WORDS: dict[str, JsonValue] = {"": None, "~": None, "null": None, "true": True, "false": False}
_PLAIN_TAGS = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"}
_DEEPEST = 40
_MOST_VALUES = 500_000


class _Loader(yaml.CBaseLoader):
    """Composes nodes without deciding what scalars mean."""


@dataclass
class Document:
    """The data of a document, the line (from 1) of every path in it, and what was wrong already."""

    data: JsonValue = None
    lines: dict[str, int] = field(default_factory=dict)
    findings: list[PlanFinding] = field(default_factory=list)


def read_document(text: str, where: str) -> Document:
    """Reads YAML (or JSON). Raises `PlanError` for what is not YAML at all, with the line."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = f"this is not YAML: {error.problem or error.context}"
        raise PlanError(problem, where=f"{where}:{mark.line + 1}" if mark else where) from error
    except (yaml.YAMLError, RecursionError) as error:
        problem = f"this is not YAML: {' '.join(str(error).split())}"
        raise PlanError(problem, where=where) from error
    document = Document()
    if node is not None:
        document.data = _Reader(document, where).value(node, "", 0)
    return document


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
    def __init__(self, document: Document, where: str) -> None:
        self._document = document
        self._where = where
        self._count = 0

    def value(self, node: yaml.Node, path: str, depth: int) -> JsonValue:
        self._count += 1
        if depth > _DEEPEST or self._count > _MOST_VALUES:
            # Aliases can nest in themselves or multiply without end.
            limits = f"{_DEEPEST} levels or {_MOST_VALUES} values"
            problem = f"this is nested beyond {limits}; are there aliases in aliases?"
            raise PlanError(problem, where=f"{self._where}:{node.start_mark.line + 1}")
        self._document.lines[path] = node.start_mark.line + 1
        if node.tag not in _PLAIN_TAGS:
            self._found("P001", path, f"the tag {node.tag!r} has no meaning in a plan", "leave it out")
        match node:
            case yaml.MappingNode():
                return self._mapping(node, path, depth)
            case yaml.SequenceNode():
                return [self.value(item, f"{path}[{at}]", depth + 1) for at, item in enumerate(node.value)]
            case _:
                return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: str, depth: int) -> JsonValue:
        found: dict[str, JsonValue] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._found("P001", path, "a key is a list or a mapping", "keys are words")
                continue
            key = str(key_node.value)
            inner = f"{path}.{key}" if path else key
            if key in found:
                first = self._document.lines[inner]
                self._document.findings.append(
                    PlanFinding(
                        code="P002",
                        path=inner,
                        line=key_node.start_mark.line + 1,
                        problem=f"the key {key!r} is written twice; the first is in line {first}",
                        right="keep one of them",
                    )
                )
                continue
            found[key] = self.value(value_node, inner, depth + 1)
            self._document.lines[inner] = key_node.start_mark.line + 1
        return found

    def _found(self, code: str, path: str, problem: str, right: str) -> None:
        line = self._document.lines[path]
        self._document.findings.append(PlanFinding(code=code, path=path, line=line, problem=problem, right=right))


def _scalar(node: yaml.Node) -> JsonValue:
    text = str(node.value)
    if isinstance(node, yaml.ScalarNode) and node.style:
        return text
    if text in _WORDS:
        return _WORDS[text]
    # Most plain scalars of a plan are words: the first character rules numbers out.
    if text[0] not in "+-.0123456789":
        return text
    if _INTEGER.match(text):
        return int(text)
    return float(text) if _NUMBER.match(text) else text
