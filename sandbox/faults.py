"""Faults on purpose: `KIND[:TARGET]@MOMENT[=VALUE]`, each a knob that takes a value from a moment on."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from pydantic import JsonValue

from launch.errors import PlanError
from launch.moments import format_offset, parse_offset

_FAULT = re.compile(r"^(?P<kind>[a-z0-9-]+)(?::(?P<target>[^@]+))?@(?P<moment>T[^=]+)(?:=(?P<value>.+))?$")


@dataclass(frozen=True)
class Fault:
    """A knob, the value it takes, and when (offset from T0)."""

    text: str
    knob: str
    value: JsonValue
    offset: timedelta


@dataclass(frozen=True)
class Kind:
    """One kind of fault: which knob it turns, how its value is read, and an example."""

    what: str
    knob: str
    value: Callable[[str | None], JsonValue]
    example: str
    needs_target: bool = False


def _percent(text: str | None) -> JsonValue:
    return float((text or "12%").removesuffix("%"))


def _milliseconds(text: str | None) -> JsonValue:
    written = text or "6s"
    return float(written[:-2]) if written.endswith("ms") else 1000.0 * float(written.removesuffix("s"))


def _json(text: str | None) -> JsonValue:
    import json

    try:
        value: JsonValue = json.loads(text or "true")
    except json.JSONDecodeError:
        return text
    return value


def _fixed(value: JsonValue) -> Callable[[str | None], JsonValue]:
    return lambda _text: value


def _sample(text: str | None) -> JsonValue:
    if text is None:
        raise ValueError("a series needs a value: a number, NaN, none or stale")
    match text.lower():
        case "none":
            return None
        case "nan":
            return "NaN"
        case "stale":
            return "stale"
        case _:
            return float(text.removesuffix("%"))


KINDS: dict[str, Kind] = {
    "error-rate": Kind(
        "share of failing requests on the release", "product.error-rate", _percent, "error-rate@T+5m=8%"
    ),
    "latency": Kind(
        "95th percentile of response times of the release", "product.latency-ms", _milliseconds, "latency@T+10m=6s"
    ),
    "no-data": Kind("metrics fall silent", "product.no-data", _fixed(True), "no-data@T+5m"),
    "metric": Kind(
        "any series takes a value: a number, NaN, none (it ends) or stale (no more samples)",
        "metric.{target}",
        _sample,
        "metric:app:cpu:percent@T+10m=97",
        needs_target=True,
    ),
    "pods-restart": Kind(
        "pods of a track (canary or stable) restart, and their counters begin anew",
        "product.restarts.{target}",
        _fixed(1),
        "pods-restart:canary@T+5m",
        needs_target=True,
    ),
    "pod-unready": Kind(
        "a service never gets ready",
        "cluster.unready.{target}",
        _fixed(True),
        "pod-unready:export-service@T-45m",
        needs_target=True,
    ),
    "migration-fails": Kind(
        "the schema migration fails", "database.migration-fails", _fixed(True), "migration-fails@T-45m"
    ),
    "vendor-500": Kind(
        "a vendor answers 500", "vendor.{target}", _fixed("500"), "vendor-500:statuspage@T-60m", needs_target=True
    ),
    "vendor-429": Kind(
        "a vendor limits the rate", "vendor.{target}", _fixed("429"), "vendor-429:slack@T0", needs_target=True
    ),
    "vendor-hangs": Kind(
        "a vendor never answers", "vendor.{target}", _fixed("hang"), "vendor-hangs:slack@T0", needs_target=True
    ),
    "vendor-heals": Kind(
        "a vendor answers again", "vendor.{target}", _fixed("ok"), "vendor-heals:slack@T+1h", needs_target=True
    ),
    "knob": Kind("any fact of the sandbox", "{target}", _json, "knob:dns.ttl@T-13h=3600", needs_target=True),
}


def parse_fault(text: str) -> Fault:
    """Reads `KIND[:TARGET]@MOMENT[=VALUE]`. Raises `PlanError` with what would be right."""
    match = _FAULT.match(text)
    kind = KINDS.get(match["kind"]) if match else None
    if match is None or kind is None:
        problem = f"{text!r} is no fault; write KIND[:TARGET]@MOMENT[=VALUE] with a kind of {', '.join(KINDS)}"
        raise PlanError(problem, where="--fault")
    if kind.needs_target != bool(match["target"]):
        problem = f"{text!r} {'lacks' if kind.needs_target else 'must not have'} a target; for instance {kind.example}"
        raise PlanError(problem, where="--fault")
    try:
        offset, value = parse_offset(match["moment"]), kind.value(match["value"])
    except ValueError as error:
        raise PlanError(f"{text!r}: {error}; for instance {kind.example}", where="--fault") from error
    return Fault(text, kind.knob.format(target=match["target"]), value, offset)


def describe(fault: Fault) -> str:
    """One line for a report: `product.error-rate = 8.0 from T+5m`."""
    return f"{fault.knob} = {fault.value} from {format_offset(fault.offset)}"
