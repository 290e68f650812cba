"""Uptime monitors of the product at Pingdom (https://docs.pingdom.com/api/) and Uptime Robot (https://uptimerobot.com/api/legacy/)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import parse_qs

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.parts.bearer import refused
from sandbox.world import World

_TOKEN, _KEY = "sandbox-pingdom-token", "sandbox-uptime-robot-key"
_NAMES = ("cockpit", "reporting-api", "sign-in", "exports", "status page")
_TAG = "teei"
_UP, _DOWN = 2, 9


class MonitorsPart:
    """Five monitors tagged `teei` at each of them, and one that is paused."""

    name = "monitors"

    def define(self, world: World) -> None:
        self._world = world
        world.define("monitors.down", 0, "how many of the five monitors are down")
        world.define("monitors.uptime", 100, "share of the time since the go-live that each was up, in %")
        world.define("monitors.looked_minutes_ago", 0, "how long ago Pingdom looked last")

    def start(self) -> None:
        """Nothing runs beside the shared server."""

    def stop(self) -> None:
        """Nothing runs beside the shared server."""

    def tick(self) -> None:
        """Monitors are as their knobs say."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {
            "pingdom/sandbox-pingdom": {"url": f"{base_url}/pingdom", "token": _TOKEN, "timeout_seconds": 5},
            "uptime-robot/sandbox-uptime-robot": {
                "url": f"{base_url}/uptime-robot",
                "api_key": _KEY,
                "timeout_seconds": 5,
            },
        }

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/pingdom/api/3.1/checks", self._checks),
            Route("/pingdom/api/3.1/summary.average/{id:int}", self._average),
            Route("/uptime-robot/v2/getMonitors", self._monitors, methods=["POST"]),
        ]

    def _is_up(self, number: int) -> bool:
        return number >= int(str(self._world.get("monitors.down")))

    def _checks(self, request: Request) -> Response:
        looked = self._world.now() - timedelta(minutes=float(str(self._world.get("monitors.looked_minutes_ago"))))
        checks: list[JsonValue] = [
            {
                "id": number + 1,
                "name": name,
                "hostname": "cockpit.teei.io",
                "resolution": 1,
                "status": "up" if self._is_up(number) else "down",
                "lasttesttime": int(looked.timestamp()),
                "tags": [{"name": _TAG, "type": "u", "count": "1"}],
            }
            for number, name in enumerate(_NAMES)
        ]
        checks.append({"id": 99, "name": "old staging", "hostname": "x", "resolution": 1, "status": "paused"})
        wanted = request.query_params.get("tags")
        shown = checks if wanted in {None, _TAG} else []
        first, most = int(request.query_params.get("offset", 0)), int(request.query_params.get("limit", 25_000))
        page = shown[first : first + most]
        counts: JsonValue = {"total": len(checks), "limited": len(page), "filtered": len(shown)}
        return refused(request, _TOKEN) or JSONResponse({"checks": page, "counts": counts})

    def _average(self, request: Request) -> Response:
        window = int(request.query_params["to"]) - int(request.query_params["from"])
        up = round(window * self._share() / 100)
        status: JsonValue = {"totalup": up, "totaldown": window - up, "totalunknown": 0}
        response: JsonValue = {"from": 0, "to": 0, "avgresponse": 123}
        return refused(request, _TOKEN) or JSONResponse({"summary": {"responsetime": response, "status": status}})

    async def _monitors(self, request: Request) -> Response:
        """Refusals are 200 here."""
        asked = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if asked.get("api_key") != _KEY:
            error: JsonValue = {"type": "invalid_parameter", "parameter_name": "api_key", "passed_value": ""}
            return JSONResponse({"stat": "fail", "error": error})
        monitors: list[dict[str, JsonValue]] = [
            {
                "id": number + 1,
                "friendly_name": f"{_TAG} {name}",
                "url": "https://cockpit.teei.io",
                "type": 1,
                "interval": 300,
                "status": _UP if self._is_up(number) else _DOWN,
                "custom_uptime_ranges": f"{self._share():.3f}",
            }
            for number, name in enumerate(_NAMES)
        ]
        ids = asked.get("monitors", "").split("-") if "monitors" in asked else None
        found = [
            one
            for one in monitors
            if asked.get("search", "") in str(one["friendly_name"]) and (ids is None or str(one["id"]) in ids)
        ]
        first, most = int(asked.get("offset", 0)), int(asked.get("limit", 50))
        pagination: JsonValue = {"offset": first, "limit": most, "total": len(found)}
        return JSONResponse({"stat": "ok", "pagination": pagination, "monitors": found[first : first + most]})

    def _share(self) -> float:
        return float(str(self._world.get("monitors.uptime")))
