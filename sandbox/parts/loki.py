"""A log store that speaks Loki's HTTP API over the product's log lines.

https://grafana.com/docs/loki/latest/reference/loki-http-api/ - instant queries of `sum(count_over_time(...))`,
backward range queries of a stream, `/config`, `/loki/api/v1/rules`, `buildinfo`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import yaml
from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.parts.bearer import refused
from sandbox.product import History, Product, recorded
from sandbox.world import World

_TOKEN = "sandbox-loki-token"
_COUNT = re.compile(r"^sum\(count_over_time\((\{[^}]*\})(.*)\[(\d+)([smhd])\]\)\)$", re.DOTALL)
_STREAM = re.compile(r"^(\{[^}]*\})(.*)$", re.DOTALL)
_LABEL = re.compile(r'(\w+)\s*(=~|!=|=)\s*"([^"]*)"')
_FILTER = re.compile(r"\s*(\|~|!~|\|=|!=)\s*`([^`]*)`")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SERVICES = ("reporting-api", "q2q-pipeline", "notification-service", "export-service")


@dataclass(frozen=True)
class Line:
    """One log line."""

    at: datetime
    app: str
    text: str

    @property
    def labels(self) -> dict[str, str]:
        return {"app": self.app, "env": "production"}


class Loki:
    """The part `loki`."""

    name = "loki"

    _world: World
    _product: Product
    _lines: History
    _silent: History

    def define(self, world: World) -> None:
        self._world = world
        self._product = Product.of(world)
        self._lines = recorded(
            world,
            "loki.lines",
            [],
            "lines written when turned: list of {level, text, app?, ago_seconds?}; [] forgets all",
        )
        self._silent = recorded(world, "loki.silent", False, "true: no log line arrives any more")
        world.define("loki.retention", "720h", "how long log lines are kept, as configured")
        world.define("loki.alert-rules", True, "false: no rule raises an alert for error lines")

    def start(self) -> None:
        """Nothing to start: the endpoints compute their answers."""

    def tick(self) -> None:
        """Nothing to do: lines are functions of their moment."""

    def stop(self) -> None:
        """Nothing to stop."""

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/loki/api/v1/query", self._query),
            Route("/loki/api/v1/query_range", self._query_range),
            Route("/loki/api/v1/labels", self._labels),
            Route("/loki/api/v1/rules", self._rules),
            Route("/loki/api/v1/status/buildinfo", self._build),
            Route("/config", self._config),
        ]

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {"loki/sandbox-logs": {"url": base_url, "token": _TOKEN}}

    def written(self, start: datetime, end: datetime) -> Iterator[Line]:
        """Lines of (start, end], of no order."""
        end = min(end, self._world.now())
        minute = start.replace(second=0, microsecond=0)
        while minute <= end:
            if start < minute and self._silent.at(minute) is not True:
                for app in _SERVICES:
                    yield Line(minute, app, 'level=INFO msg="requests served" status=200')
                if minute.minute == 0:
                    yield Line(minute, "reporting-api", 'level=WARN msg="deprecated header X-Teei-Client"')
            minute += timedelta(minutes=1)
        for at in self._product.failed_requests(start, end):
            yield Line(at, "reporting-api", 'level=ERROR msg="request failed" status=500')
        yield from (line for line in self._told() if start < line.at <= end)

    def _told(self) -> list[Line]:
        told: list[Line] = []
        for turned, lines in self._lines.turns():
            told = [*told, *_lines_of(turned, lines)] if lines else []
        return told

    def _query(self, request: Request) -> Response:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        asked = _COUNT.match(request.query_params.get("query", ""))
        if asked is None:
            return PlainTextResponse("parse error at line 1, col 1: syntax error: unexpected IDENTIFIER", 400)
        at = _moment(request.query_params.get("time"), self._world.now())
        start = at - timedelta(seconds=int(asked[3]) * _SECONDS[asked[4]])
        count = sum(_selected(line, asked[1], asked[2]) for line in self.written(start, at))
        # As the real server: counting nothing gives an empty vector, not a zero.
        result = [{"metric": {}, "value": [at.timestamp(), str(count)]}] if count else []
        return JSONResponse({"status": "success", "data": {"resultType": "vector", "result": result, "stats": {}}})

    def _query_range(self, request: Request) -> Response:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        asked = _STREAM.match(request.query_params.get("query", ""))
        if asked is None:
            return PlainTextResponse("parse error at line 1, col 1: syntax error: unexpected IDENTIFIER", 400)
        start = _moment(request.query_params.get("start"), self._world.now() - timedelta(hours=1))
        end = _moment(request.query_params.get("end"), self._world.now())
        lines = [line for line in self.written(start, end) if _selected(line, asked[1], asked[2])]
        newest = sorted(lines, key=lambda line: line.at, reverse=True)[: int(request.query_params.get("limit", "100"))]
        result = [
            {"stream": line.labels, "values": [[str(int(line.at.timestamp()) * 10**9), line.text]]} for line in newest
        ]
        return JSONResponse({"status": "success", "data": {"resultType": "streams", "result": result, "stats": {}}})

    def _rules(self, request: Request) -> Response:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        rule = {
            "alert": "ErrorLogLines",
            "expr": 'sum(count_over_time({env="production"} |~ `level=(ERROR|CRITICAL|FATAL)` [5m])) > 0',
            "labels": {"severity": "alert"},
        }
        if self._world.get("loki.alert-rules") is not True:
            return PlainTextResponse("no rule groups found", 404)
        return PlainTextResponse(yaml.safe_dump({"teei": [{"name": "errors", "rules": [rule]}]}))

    def _config(self, request: Request) -> Response:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        return PlainTextResponse(
            yaml.safe_dump({"limits_config": {"retention_period": self._world.get("loki.retention")}})
        )

    def _labels(self, request: Request) -> Response:
        labels = {"status": "success", "data": ["app", "environment"]}
        return refused(request, _TOKEN) or JSONResponse(labels)

    def _build(self, request: Request) -> Response:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        return JSONResponse({"version": "3.2.1", "revision": "sandbox"})


def _lines_of(turned: datetime, lines: JsonValue) -> Iterator[Line]:
    for line in lines if isinstance(lines, list) else []:
        if isinstance(line, dict):
            ago = line.get("ago_seconds", 0)
            at = turned - timedelta(seconds=float(ago) if isinstance(ago, int | float) else 0.0)
            yield Line(at, str(line.get("app", "reporting-api")), f"level={line['level']} {line['text']}")


def _selected(line: Line, stream: str, filters: str) -> bool:
    for label, operator, wanted in _LABEL.findall(stream):
        have = line.labels.get(label, "")
        hit = re.fullmatch(wanted, have) is not None if operator == "=~" else have == wanted
        if hit is (operator == "!="):
            return False
    for operator, wanted in _FILTER.findall(filters):
        hit = re.search(wanted, line.text) is not None if "~" in operator else wanted in line.text
        if hit is operator.startswith("!"):
            return False
    return True


def _moment(text: str | None, default: datetime) -> datetime:
    if text is None:
        return default
    number = float(text)
    return datetime.fromtimestamp(number / 10**9 if number > 10**12 else number, UTC)
