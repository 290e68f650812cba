"""Synthetic monitoring that speaks Datadog's HTTP API: https://docs.datadoghq.com/api/latest/synthetics/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from sandbox.product import History, Product, recorded
from sandbox.world import World

_API_KEY = "sandbox-datadog-api-key"
_APP_KEY = "sandbox-datadog-application-key"
_LOCATIONS = ("aws:eu-central-1", "aws:eu-west-2", "aws:us-east-1", "aws:us-west-2", "aws:ap-southeast-1")
_TESTS = {"tee-cock-pit": "cockpit loads", "tee-api-001": "API health"}
# The product is down for a visitor when at least this share of requests fails, in %.
_DOWN_PERCENT = 50


class Synthetics:
    """The part `synthetics`."""

    name = "synthetics"

    _world: World
    _product: Product
    _red: History
    _silent: History

    def define(self, world: World) -> None:
        self._world = world
        self._product = Product.of(world)
        self._red = recorded(world, "synthetics.red-locations", [], "locations whose runs fail")
        self._silent = recorded(world, "synthetics.silent", False, "true: no location reports any more")
        world.define("synthetics.tick-seconds", 60, "seconds between runs of a test")
        world.define("synthetics.retries", 1, "retries before a failure alerts")
        world.define("synthetics.locations", len(_LOCATIONS), "number of locations a test runs from")
        world.define("synthetics.uptime", None, "uptime in % of every test and window; null: by the product's errors")

    def start(self) -> None:
        """Nothing to start: the endpoints compute their answers."""

    def tick(self) -> None:
        """Nothing to do: results are functions of their moment."""

    def stop(self) -> None:
        """Nothing to stop."""

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/api/v1/validate", self._validate),
            Route("/api/v1/synthetics/tests", self._tests),
            Route("/api/v1/synthetics/tests/uptimes", self._uptimes, methods=["POST"]),
            Route("/api/v1/synthetics/tests/{test}/results", self._results),
        ]

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        keys: dict[str, JsonValue] = {"api_key": _API_KEY, "application_key": _APP_KEY}
        return {"datadog-synthetics/sandbox-synthetics": {"url": base_url, **keys}}

    def _validate(self, request: Request) -> JSONResponse:
        return _refused(request) or JSONResponse({"valid": True})

    def _tests(self, request: Request) -> JSONResponse:
        tests = [
            {
                "public_id": test,
                "name": name,
                "status": "live",
                "type": "api",
                "tags": ["service:teei", "env:production"],
                "locations": self._locations(),
                "options": {
                    "tick_every": self._world.get("synthetics.tick-seconds"),
                    "retry": {"count": self._world.get("synthetics.retries"), "interval": 300},
                    "min_location_failed": 1,
                },
            }
            for test, name in _TESTS.items()
        ]
        paused = {**tests[0], "public_id": "old-sta-ging", "name": "old staging test", "status": "paused"}
        return _refused(request) or JSONResponse({"tests": [*tests, paused]})

    def _results(self, request: Request) -> JSONResponse:
        if (refusal := _refused(request)) is not None:
            return refusal
        if request.path_params["test"] not in _TESTS:
            return JSONResponse({"errors": ["Synthetics test not found"]}, status_code=404)
        start, end = _moment(request, "from_ts"), min(_moment(request, "to_ts"), self._world.now())
        every = timedelta(seconds=_whole(self._world.get("synthetics.tick-seconds")))
        ticks: list[datetime] = []
        at = datetime.fromtimestamp(end.timestamp() // every.total_seconds() * every.total_seconds(), UTC)
        while at >= start and len(ticks) < 30:
            ticks.append(at)
            at -= every
        results = [
            {
                "check_time": int(tick.timestamp() * 1000),
                "probe_dc": location,
                "result": {"passed": self._passes(location, tick)},
                "result_id": f"{int(tick.timestamp())}-{location}",
                "status": 0 if self._passes(location, tick) else 1,
            }
            for tick in ticks
            for location in self._locations()
            if self._silent.at(tick) is not True
        ]
        return JSONResponse({"results": results, "last_timestamp_fetched": int(end.timestamp() * 1000)})

    async def _uptimes(self, request: Request) -> JSONResponse:
        if (refusal := _refused(request)) is not None:
            return refusal
        asked = await request.json()
        start, end = asked["from_ts"], asked["to_ts"]
        uptime = self._uptime(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC))
        overall: JsonValue = {"errors": None, "uptime": uptime, "group": "*", "history": [], "span_precision": 2}
        return JSONResponse(
            [
                {"public_id": test, "from_ts": start, "to_ts": end, "overall": overall}
                for test in asked["public_ids"]
                if test in _TESTS
            ]
        )

    def _uptime(self, start: datetime, end: datetime) -> float:
        fixed = self._world.get("synthetics.uptime")
        if isinstance(fixed, int | float):
            return float(fixed)
        minutes = max(int((end - start).total_seconds()) // 60, 1)
        moments = (start + timedelta(minutes=n) for n in range(minutes))
        down = sum(self._product.http_5xx_percent(moment) >= _DOWN_PERCENT for moment in moments)
        return round(100 - 100 * down / minutes, 3)

    def _passes(self, location: str, at: datetime) -> bool:
        red = self._red.at(at)
        if isinstance(red, list) and location in red:
            return False
        return self._product.http_5xx_percent(at) < _DOWN_PERCENT

    def _locations(self) -> list[str]:
        return list(_LOCATIONS[: _whole(self._world.get("synthetics.locations"))])


def _whole(value: JsonValue) -> int:
    return int(value) if isinstance(value, int | float) else 0


def _moment(request: Request, name: str) -> datetime:
    return datetime.fromtimestamp(int(request.query_params[name]) / 1000, UTC)


def _refused(request: Request) -> JSONResponse | None:
    keys = (request.headers.get("dd-api-key"), request.headers.get("dd-application-key"))
    return None if keys == (_API_KEY, _APP_KEY) else JSONResponse({"errors": ["Forbidden"]}, status_code=403)
