"""Dashboards that speak Grafana's HTTP API: https://grafana.com/docs/grafana/latest/developers/http_api/.

Search, dashboards, data-source queries and annotations; panels show the product's own series.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from sandbox.parts.bearer import refused
from sandbox.product import Product
from sandbox.world import World

_TOKEN = "sandbox-grafana-token"
# Title of each dashboard, and the query of each of its panels by title.
_DASHBOARDS = {
    "Request Volume": {"Requests per minute": "teei:request_rate:per_min"},
    "Error Rates": {"Errors": "teei:error_rate:percent", "5xx": "teei:http_5xx_rate:percent"},
    "Latency": {"P50": "teei:latency_p50:ms", "P95": "teei:latency_p95:ms", "P99": "teei:latency_p99:ms"},
    "Database": {"Query P95": "teei:db_query_p95:ms", "Pool": "teei:db_pool_utilization:percent"},
    "Cache": {"Hit ratio": "teei:redis_hit_ratio:percent"},
}
_SOURCE: JsonValue = {"type": "prometheus", "uid": "metrics"}
_POINTS = 12


class Grafana:
    """The part `grafana`."""

    name = "grafana"

    _world: World
    _product: Product

    def __init__(self) -> None:
        self._annotations: dict[int, dict[str, JsonValue]] = {}
        self._lock = threading.Lock()

    def define(self, world: World) -> None:
        self._world = world
        self._product = Product.of(world)
        world.define("grafana.empty-panels", [], "titles of panels that show no data")
        world.define("grafana.lost-annotations", False, "true: annotations are taken and never shown")

    def start(self) -> None:
        """Nothing to start: the endpoints compute their answers."""

    def tick(self) -> None:
        """Nothing to do: panels show what the product's series hold."""

    def stop(self) -> None:
        """Nothing to stop."""

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/api/org", self._org),
            Route("/api/search", self._search),
            Route("/api/dashboards/uid/{uid}", self._dashboard),
            Route("/api/ds/query", self._data, methods=["POST"]),
            Route("/api/annotations", self._list, methods=["GET"]),
            Route("/api/annotations", self._annotate, methods=["POST"]),
            Route("/api/annotations/{id:int}", self._patch, methods=["PATCH"]),
        ]

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {"grafana/sandbox-dashboards": {"url": base_url, "token": _TOKEN}}

    def _org(self, request: Request) -> JSONResponse:
        return refused(request, _TOKEN) or JSONResponse({"id": 1, "name": "TEEI"})

    def _search(self, request: Request) -> JSONResponse:
        tagged = request.query_params.get("tag") in {None, "teei"}
        found = [{"uid": _uid(title), "title": title, "type": "dash-db", "tags": ["teei"]} for title in _DASHBOARDS]
        return refused(request, _TOKEN) or JSONResponse(found if tagged else [])

    def _dashboard(self, request: Request) -> JSONResponse:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        title = next((name for name in _DASHBOARDS if _uid(name) == request.path_params["uid"]), None)
        if title is None:
            return JSONResponse({"message": "Dashboard not found"}, status_code=404)
        panels = [
            {
                "id": number,
                "title": panel,
                "type": "timeseries",
                "datasource": _SOURCE,
                "targets": [{"refId": "A", "expr": query, "datasource": _SOURCE}],
            }
            for number, (panel, query) in enumerate(_DASHBOARDS[title].items(), start=1)
        ]
        heading = {"id": 99, "title": "About", "type": "text"}
        dashboard = {"uid": _uid(title), "title": title, "panels": [*panels, heading]}
        return JSONResponse({"dashboard": dashboard, "meta": {"slug": _uid(title)}})

    async def _data(self, request: Request) -> JSONResponse:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        asked = await request.json()
        start, end = (datetime.fromtimestamp(int(asked[name]) / 1000, UTC) for name in ("from", "to"))
        results = {query["refId"]: self._frames(query.get("expr", ""), start, end) for query in asked["queries"]}
        return JSONResponse({"results": results})

    def _frames(self, query: str, start: datetime, end: datetime) -> JsonValue:
        empty = self._world.get("grafana.empty-panels")
        hidden = {title for panels in _DASHBOARDS.values() for title, its in panels.items() if its == query}
        if isinstance(empty, list) and hidden & {str(title) for title in empty}:
            return {"status": 200, "frames": []}
        times: list[JsonValue] = []
        values: list[JsonValue] = []
        for n in range(_POINTS + 1):
            at = start + (end - start) / _POINTS * n
            for value in (self._product.sampled(query, at) or {}).values() if at <= self._world.now() else ():
                times.append(int(at.timestamp() * 1000))
                values.append(value)
        fields: JsonValue = [{"name": "Time", "type": "time"}, {"name": "Value", "type": "number"}]
        return {"status": 200, "frames": [{"schema": {"fields": fields}, "data": {"values": [times, values]}}]}

    def _list(self, request: Request) -> JSONResponse:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        wanted = set(request.query_params.getlist("tags"))
        start, end = (int(request.query_params.get(name, "0")) for name in ("from", "to"))
        lost = self._world.get("grafana.lost-annotations") is True
        with self._lock:
            found = [
                note
                for note in self._annotations.values()
                if wanted <= set(_strings(note["tags"]))
                and (not end or _whole(note["time"]) <= end)
                and _whole(note["timeEnd"]) >= start
            ]
        return JSONResponse([] if lost else found)

    async def _annotate(self, request: Request) -> JSONResponse:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        asked = await request.json()
        with self._lock:
            number = len(self._annotations) + 1
            begin = asked.get("time", int(self._world.now().timestamp() * 1000))
            note = {"time": begin, "timeEnd": begin, "tags": [], "text": ""}
            self._annotations[number] = {"id": number, **note, **asked}
        return JSONResponse({"message": "Annotation added", "id": number})

    async def _patch(self, request: Request) -> JSONResponse:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        asked = await request.json()
        with self._lock:
            note = self._annotations.get(request.path_params["id"])
            if note is None:
                return JSONResponse({"message": "Could not find annotation to update"}, status_code=404)
            note.update(asked)
        return JSONResponse({"message": "Annotation patched"})


def _uid(title: str) -> str:
    return title.lower().replace(" ", "-")


def _whole(value: JsonValue) -> int:
    return value if isinstance(value, int) else 0


def _strings(value: JsonValue) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
