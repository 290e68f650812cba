"""Values out of an HTTP answer, as a probe's extractions name them."""

from __future__ import annotations

import re

import httpx
from pydantic import JsonValue, TypeAdapter, ValidationError

from launch.probes.web import Extraction
from launch.readings import Quantity, Scalar

_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


def extract(response: httpx.Response, wanted: dict[str, Extraction]) -> dict[str, Quantity]:
    """Each wanted value that the answer has; from an answer that is not 2xx, only its status."""
    found: dict[str, Quantity] = {}
    for metric, extraction in wanted.items():
        value = _value(response, extraction)
        if value is not None:
            found[metric] = Quantity(value=value, unit=extraction.unit)
    return found


def _value(response: httpx.Response, extraction: Extraction) -> Scalar | None:
    if extraction.source == "status":
        return response.status_code
    if not response.is_success:
        return None
    match extraction.source:
        case "header":
            raw: Scalar | None = response.headers.get(extraction.at)
        case "json":
            raw = _pointed(response, extraction.at)
        case "body":
            raw = response.text
    return None if raw is None else _measured(raw, extraction)


def _measured(raw: Scalar, extraction: Extraction) -> Scalar:
    text = str(raw)
    if extraction.count:
        return text.casefold().count(extraction.count.casefold())
    if extraction.present:
        return sum(part.casefold() in text.casefold() for part in extraction.present)
    if extraction.matches:
        return re.search(extraction.matches, text) is not None
    return raw


def _pointed(response: httpx.Response, pointer: str) -> Scalar | None:
    try:
        value = _JSON.validate_json(response.content)
    except ValidationError:
        return None
    for token in pointer.strip("/").split("/"):
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value if isinstance(value, bool | int | float | str) else None
