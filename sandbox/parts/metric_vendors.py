"""The product's series as Datadog and New Relic answer for them.

https://docs.datadoghq.com/api/latest/metrics/#query-timeseries-points and
https://docs.newrelic.com/docs/apis/nerdgraph/examples/nerdgraph-nrql-tutorial/.

Both name a series with dots where Prometheus has colons: `teei.error_rate.percent`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import fmean

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.product import Product
from sandbox.world import World

_API_KEY, _APP_KEY = "sandbox-datadog-metrics-key", "sandbox-datadog-metrics-app"
_USER_KEY, _ACCOUNT = "NRAK-SANDBOX", 4_711
_DATADOG = re.compile(
    r"^(?P<how>avg|max|min|sum):(?P<name>[\w.]+)\{[^}]*\}(?:\.rollup\((?:avg|max|min|sum), ?(?P<every>\d+)\))?$"
)
_NRQL = re.compile(
    r"^SELECT (?P<how>average|max|min|sum|latest)\((?P<name>[\w.]+)\) FROM Metric.*"
    r" SINCE (?P<since>\d+) UNTIL (?P<until>\d+) TIMESERIES (?P<every>\d+) seconds LIMIT MAX$"
)
_USUAL_STEP = timedelta(seconds=20)
_AGGREGATE: Mapping[str, Callable[[Sequence[float]], float]] = {
    "avg": fmean,
    "average": fmean,
    "latest": fmean,
    "max": max,
    "min": min,
    "sum": math.fsum,
}


class MetricVendorsPart:
    """Whoever asks too early gets no points yet."""

    name = "metric-vendors"

    def define(self, world: World) -> None:
        self._world = world
        self._product = Product.of(world)
        world.define("metric-vendors.late_seconds", 0, "how long points take to arrive")

    def start(self) -> None:
        """Nothing runs beside the shared server."""

    def stop(self) -> None:
        """Nothing runs beside the shared server."""

    def tick(self) -> None:
        """Points are functions of their moment."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {
            "datadog-metrics/sandbox-datadog": {
                "url": f"{base_url}/datadog",
                "api_key": _API_KEY,
                "application_key": _APP_KEY,
                "timeout_seconds": 5,
            },
            "new-relic-metrics/sandbox-new-relic": {
                "url": f"{base_url}/new-relic",
                "api_key": _USER_KEY,
                "account": _ACCOUNT,
                "timeout_seconds": 5,
            },
        }

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/datadog/api/v1/validate", self._validate),
            Route("/datadog/api/v1/query", self._query),
            Route("/new-relic/graphql", self._graphql, methods=["POST"]),
        ]

    def _points(
        self, name: str, how: str, start: datetime, end: datetime, step: timedelta
    ) -> Iterator[tuple[datetime, float]]:
        """One for each step that begins in the window and has arrived; nothing for a series that nobody records."""
        late = timedelta(seconds=float(str(self._world.get("metric-vendors.late_seconds"))))
        end = min(end, self._world.now() - late)
        self._product.exposure.look()
        at = start
        while at <= end:
            found = self._product.sampled(name.replace(".", ":"), at)
            if found:
                yield at, _AGGREGATE[how](list(found.values()))
            at += step

    def _validate(self, request: Request) -> Response:
        if request.headers.get("dd-api-key") != _API_KEY:
            return JSONResponse({"errors": ["Forbidden"]}, status_code=403)
        return JSONResponse({"valid": True})

    def _query(self, request: Request) -> Response:
        if (request.headers.get("dd-api-key"), request.headers.get("dd-application-key")) != (_API_KEY, _APP_KEY):
            return JSONResponse({"errors": ["Forbidden"]}, status_code=403)
        asked = request.query_params
        query = _DATADOG.match(asked.get("query", ""))
        if query is None:
            return JSONResponse({"status": "error", "error": "Error parsing query", "series": []}, status_code=400)
        start, end = (datetime.fromtimestamp(int(asked[name]), UTC) for name in ("from", "to"))
        step = timedelta(seconds=int(query["every"])) if query["every"] else _USUAL_STEP
        points: list[JsonValue] = [
            [at.timestamp() * 1000, value] for at, value in self._points(query["name"], query["how"], start, end, step)
        ]
        series: list[JsonValue] = [{"metric": query["name"], "scope": "*", "pointlist": points}] if points else []
        return JSONResponse({"status": "ok", "query": asked["query"], "series": series})

    async def _graphql(self, request: Request) -> Response:
        """Refusals are 200, as everywhere in GraphQL."""
        if request.headers.get("api-key") != _USER_KEY:
            return _told({"code": "BAD_API_KEY", "errorClass": "SERVER_ERROR"})
        asked = (await request.json()).get("variables", {})
        if asked.get("account") != _ACCOUNT:
            return _told({"errorClass": "ACCESS_DENIED"})
        nrql = str(asked.get("nrql", ""))
        if nrql.startswith("SELECT count(*) FROM Transaction"):
            return _results([{"count": 7}])
        query = _NRQL.match(nrql)
        if query is None:
            return _told({"errorClass": "GRAPHQL_VALIDATION_ERROR"})
        step = timedelta(seconds=int(query["every"]))
        since, until = (datetime.fromtimestamp(int(query[name]) / 1000, UTC) for name in ("since", "until"))
        points = dict(self._points(query["name"], query["how"], since + step, until, step))
        name = f"{query['how']}.{query['name']}"
        buckets: list[JsonValue] = []
        while since < until:
            end = since + step
            moments: dict[str, JsonValue] = {
                "beginTimeSeconds": int(since.timestamp()),
                "endTimeSeconds": int(end.timestamp()),
            }
            buckets.append(moments | {name: points.get(end)})
            since = end
        return _results(buckets)


def _results(results: list[JsonValue]) -> Response:
    return JSONResponse({"data": {"actor": {"account": {"nrql": {"results": results}}}}})


def _told(extensions: dict[str, JsonValue]) -> Response:
    error: JsonValue = {"message": "no more told", "extensions": extensions}
    return JSONResponse({"data": {"actor": None}, "errors": [error]})
