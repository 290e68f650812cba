"""Tracing that speaks Jaeger's query API and its sampling endpoint: https://www.jaegertracing.io/docs/latest/apis/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from sandbox.parts.bearer import refused
from sandbox.product import History, recorded
from sandbox.world import World

_TOKEN = "sandbox-jaeger-token"
_EDGES = (
    ("cockpit", "reporting-api"),
    ("cockpit", "export-service"),
    ("reporting-api", "postgres"),
    ("reporting-api", "redis"),
    ("q2q-pipeline", "rabbitmq"),
    ("notification-service", "rabbitmq"),
    ("export-service", "s3"),
)
_SERVICES = sorted({caller for caller, _ in _EDGES})


class Tracing:
    """The part `tracing`."""

    name = "tracing"

    _world: World
    _silent: History

    def define(self, world: World) -> None:
        self._world = world
        self._silent = recorded(world, "tracing.silent", False, "true: no trace arrives any more")
        world.define("tracing.sample-rate", 0.1, "share of requests that services are told to trace, 0 to 1")
        world.define("tracing.missing-edges", [], "dependencies that the service map lacks, as `caller -> callee`")

    def start(self) -> None:
        """Nothing to start: the endpoints compute their answers."""

    def tick(self) -> None:
        """Nothing to do: traces are functions of their moment."""

    def stop(self) -> None:
        """Nothing to stop."""

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/api/services", self._services),
            Route("/api/traces", self._traces),
            Route("/api/dependencies", self._dependencies),
            Route("/api/sampling", self._sampling),
        ]

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {"jaeger/sandbox-tracing": {"url": base_url, "sampling_url": base_url, "token": _TOKEN}}

    def _services(self, request: Request) -> JSONResponse:
        return refused(request, _TOKEN) or _data([*_SERVICES])

    def _traces(self, request: Request) -> JSONResponse:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        asked = request.query_params
        if "service" not in asked:
            problem: JsonValue = [{"code": 400, "msg": "parameter 'service' is required"}]
            return JSONResponse({"data": None, "errors": problem}, status_code=400)
        start, end = (datetime.fromtimestamp(int(asked[name]) / 10**6, UTC) for name in ("start", "end"))
        traces: list[JsonValue] = []
        at = min(end, self._world.now()).replace(second=0, microsecond=0)
        while at > start and asked["service"] in _SERVICES and len(traces) < int(asked.get("limit", "20")):
            if self._silent.at(at) is not True:
                traces.append({"traceID": f"{int(at.timestamp()):032x}", "spans": [], "processes": {}})
            at -= timedelta(minutes=1)
        return _data(traces)

    def _dependencies(self, request: Request) -> JSONResponse:
        missing = self._world.get("tracing.missing-edges")
        missing = missing if isinstance(missing, list) else []
        known = [edge for edge in _EDGES if f"{edge[0]} -> {edge[1]}" not in missing]
        silent = self._silent.at(self._world.now()) is True
        edges: list[JsonValue] = [{"parent": caller, "child": callee, "callCount": 120} for caller, callee in known]
        return refused(request, _TOKEN) or _data([] if silent else edges)

    def _sampling(self, request: Request) -> JSONResponse:
        rate = self._world.get("tracing.sample-rate")
        strategy = {"strategyType": "PROBABILISTIC", "probabilisticSampling": {"samplingRate": rate}}
        return refused(request, _TOKEN) or JSONResponse(strategy)


def _data(data: list[JsonValue]) -> JSONResponse:
    return JSONResponse({"data": data, "total": len(data), "limit": 0, "offset": 0, "errors": None})
