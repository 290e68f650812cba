"""A metric store that speaks Prometheus' HTTP API over the product's recording rules.

https://prometheus.io/docs/prometheus/latest/querying/api/ - `query`, `query_range` and `status/buildinfo`, by GET and
POST, with the server's error bodies. Queries are series names with optional label matchers, plain or inside one of
`max`, `min`, `sum`, `avg`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import fmean
from urllib.parse import parse_qsl

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from sandbox.parts.bearer import refused
from sandbox.parts.metric_faults import MetricFaults, Turned
from sandbox.product import History, Product, Series, recorded
from sandbox.world import World

_TOKEN = "sandbox-prometheus-token"
_SELECTOR = re.compile(r"^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(.*)\})?\s*$")
_MATCHER = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_AGGREGATION = re.compile(r"^\s*(max|min|sum|avg)\s*\((.*)\)\s*$", re.DOTALL)
_AGGREGATE: Mapping[str, Callable[[Sequence[float]], float]] = {"max": max, "min": min, "sum": math.fsum, "avg": fmean}
_MOST_POINTS = 11_000

Labels = tuple[tuple[str, str], ...]
Matcher = tuple[str, str, str]


class BadQueryError(ValueError):
    """The query is not one that the store can parse."""


class Prometheus:
    """The part `prometheus`."""

    name = "prometheus"

    _world: World
    _product: Product
    _values: History
    _faults: MetricFaults

    def define(self, world: World) -> None:
        self._world = world
        self._product = Product.of(world)
        self._faults = MetricFaults(world, _parse)
        self._values = recorded(
            world,
            "prometheus.values",
            {},
            'series that take a value of their own, by selector: a number, "NaN", or null for no samples',
        )

    def start(self) -> None:
        """Nothing to start: the endpoints compute their answers."""

    def tick(self) -> None:
        """Nothing to do: samples are functions of their moment."""

    def stop(self) -> None:
        """Nothing to stop."""

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/api/v1/query", self._query, methods=["GET", "POST"]),
            Route("/api/v1/query_range", self._query_range, methods=["GET", "POST"]),
            Route("/api/v1/status/buildinfo", self._build, methods=["GET"]),
        ]

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {"prometheus/sandbox-metrics": {"url": base_url, "token": _TOKEN}}

    def samples(self, query: str, at: datetime) -> Series:
        """The samples that `query` selects at one moment. Raises `BadQueryError`."""
        if (aggregation := _AGGREGATION.match(query)) is not None:
            inner = list(self.samples(aggregation[2], at).values())
            return {(): _AGGREGATE[aggregation[1]](inner)} if inner else {}
        name, matchers = _parse(query)
        if at > self._world.now():
            return {}
        measured = self._product.sampled(name, at) or {}
        found: dict[Labels, float | None] = dict(measured)
        turned = [Turned(selector, value) for selector, value in _overrides(self._values.at(at))]
        for fault in [*turned, *self._faults.at(at)]:
            named, wanted = _parse(fault.selector)
            if named != name:
                continue
            hit = [labels for labels in found if _matches(labels, wanted)] or [tuple((k, v) for k, _, v in wanted)]
            last = (self._product.sampled(name, fault.seen) or {}) if fault.seen is not None else {}
            for labels in hit:
                found[labels] = last.get(labels) if fault.seen is not None else fault.value
        return {labels: value for labels, value in found.items() if value is not None and _matches(labels, matchers)}

    async def _query(self, request: Request) -> JSONResponse:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        asked = await _arguments(request)
        try:
            at = _moment(asked.get("time"), self._world.now())
            self._product.exposure.look()
            found = self.samples(asked.get("query", ""), at)
        except ValueError as error:
            return _bad(str(error))
        result = [{"metric": _metric(asked["query"], labels), "value": _point(at, v)} for labels, v in found.items()]
        return JSONResponse({"status": "success", "data": {"resultType": "vector", "result": result}})

    async def _query_range(self, request: Request) -> JSONResponse:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        asked = await _arguments(request)
        try:
            start, end = _moment(asked.get("start"), None), _moment(asked.get("end"), None)
            step = float(asked.get("step", ""))
            if step <= 0:
                return _bad("zero or negative query resolution step widths are not accepted. Try a positive integer")
            if (end - start).total_seconds() / step > _MOST_POINTS:
                return _bad("exceeded maximum resolution of 11,000 points per timeseries.")
            self._product.exposure.look()
            lines = self._lines(asked.get("query", ""), start, end, step)
        except ValueError as error:
            return _bad(str(error))
        result = [{"metric": _metric(asked["query"], labels), "values": points} for labels, points in lines.items()]
        return JSONResponse({"status": "success", "data": {"resultType": "matrix", "result": result}})

    def _lines(self, query: str, start: datetime, end: datetime, step: float) -> dict[Labels, list[JsonValue]]:
        lines: dict[Labels, list[JsonValue]] = {}
        count = int((end - start).total_seconds() // step)
        for at in (start + timedelta(seconds=step * n) for n in range(count + 1)):
            for labels, value in self.samples(query, at).items():
                lines.setdefault(labels, []).append(_point(at, value))
        return lines

    def _build(self, request: Request) -> JSONResponse:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        return JSONResponse({"status": "success", "data": {"version": "2.53.2", "revision": "sandbox"}})


def _overrides(value: JsonValue) -> list[tuple[str, float | None]]:
    chosen = value if isinstance(value, dict) else {}
    return [(selector, None if number is None else float(str(number))) for selector, number in chosen.items()]


def _parse(query: str) -> tuple[str, list[Matcher]]:
    selector = _SELECTOR.match(query)
    if selector is None:
        message = f'invalid parameter "query": 1:1: parse error: unexpected input {query[:40]!r}'
        raise BadQueryError(message)
    inside = selector[2] or ""
    matchers = [(m[1], m[2], m[3]) for m in _MATCHER.finditer(inside)]
    if inside.strip() and not matchers:
        message = 'invalid parameter "query": parse error: unexpected character inside braces'
        raise BadQueryError(message)
    return selector[1], matchers


def _matches(labels: Labels, matchers: Sequence[Matcher]) -> bool:
    have = dict(labels)
    for label, operator, wanted in matchers:
        value = have.get(label, "")
        hit = re.fullmatch(wanted, value) is not None if "~" in operator else value == wanted
        if hit is operator.startswith("!"):
            return False
    return True


async def _arguments(request: Request) -> dict[str, str]:
    asked = dict(request.query_params)
    if request.method == "POST":
        asked |= dict(parse_qsl((await request.body()).decode()))
    return asked


def _moment(text: str | None, default: datetime | None) -> datetime:
    if text is None and default is not None:
        return default
    try:
        return datetime.fromtimestamp(float(text or ""), UTC)
    except ValueError:
        moment = datetime.fromisoformat(text or "")
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _point(at: datetime, value: float) -> list[JsonValue]:
    return [at.timestamp(), "NaN" if value != value else f"{value:.12g}"]  # noqa: PLR0124 - NaN is unequal to itself


def _metric(query: str, labels: Labels) -> dict[str, str]:
    return dict(labels) if _AGGREGATION.match(query) else {"__name__": _parse(query)[0], **dict(labels)}


def _bad(problem: str) -> JSONResponse:
    return JSONResponse({"status": "error", "errorType": "bad_data", "error": problem}, status_code=400)
