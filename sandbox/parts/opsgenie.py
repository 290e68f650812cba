"""An Opsgenie account: schedules, alerts, and pages that are worked on later. https://docs.opsgenie.com/docs/api-overview"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.parts.bearer import refused
from sandbox.world import World

_KEY = "sandbox-opsgenie-key"
_SCHEDULES = {"s-primary": "Launch primary", "s-secondary": "Launch secondary"}
_SHIFT = timedelta(hours=12)
_MOMENT = re.compile(r"createdAt (>=|<=) (\d+)")

Fields = dict[str, JsonValue]


class OpsgeniePart:
    """Two schedules that are filled for weeks; no alert until somebody pages."""

    name = "opsgenie"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._alerts: list[tuple[datetime, Fields]] = []

    def define(self, world: World) -> None:
        self._world = world
        world.define("opsgenie.rota_days", 28, "days from now that the schedules are filled")
        world.define("opsgenie.processed", True, "whether a page that was taken is worked on")
        world.define("opsgenie.alerts_have_owner", True, "whether alerts are acknowledged by somebody")

    def start(self) -> None:
        """Nothing runs beside the shared server."""

    def stop(self) -> None:
        """Nothing runs beside the shared server."""

    def tick(self) -> None:
        """Alerts appear when somebody pages."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {"opsgenie/sandbox-opsgenie": {"url": base_url, "api_key": _KEY, "timeout_seconds": 5}}

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/v2/schedules", self._list_schedules),
            Route("/v2/schedules/{id}/timeline", self._timeline),
            Route("/v2/alerts", self._list_alerts, methods=["GET"]),
            Route("/v2/alerts", self._page, methods=["POST"]),
            Route("/v2/alerts/requests/{id}", self._request),
            Route("/v2/alerts/{id}/notes", self._notes),
        ]

    def _list_schedules(self, request: Request) -> Response:
        data: list[JsonValue] = [{"id": key, "name": name, "enabled": True} for key, name in _SCHEDULES.items()]
        return refused(request, _KEY, scheme="GenieKey") or JSONResponse({"data": data})

    def _timeline(self, request: Request) -> Response:
        if refusal := refused(request, _KEY, scheme="GenieKey"):
            return refusal
        if request.path_params["id"] not in _SCHEDULES:
            return JSONResponse({"message": "Schedule not found"}, status_code=404)
        start = datetime.fromisoformat(request.query_params["date"])
        filled = start + timedelta(days=float(str(self._world.get("opsgenie.rota_days"))))
        end = min(start + timedelta(days=int(request.query_params["interval"])), filled)
        periods: list[JsonValue] = []
        while start < end:
            until = min(start + _SHIFT, end)
            period: JsonValue = {"startDate": start.isoformat(), "endDate": until.isoformat()}
            assert isinstance(period, dict)
            periods.append({**period, "type": "default", "recipient": {"type": "user", "name": "ana@teei.io"}})
            start = until
        rotations: JsonValue = [{"id": "r1", "name": "Rotation", "periods": periods}]
        return JSONResponse({"data": {"finalTimeline": {"rotations": rotations}}})

    def _list_alerts(self, request: Request) -> Response:
        bounds = {sign: datetime.fromtimestamp(int(ms) / 1000, UTC) for sign, ms in _MOMENT.findall(_query(request))}
        first, most = int(request.query_params.get("offset", 0)), int(request.query_params.get("limit", 20))
        with self._lock:
            found = [
                self._shown(alert) for at, alert in self._alerts if bounds.get(">=", at) <= at <= bounds.get("<=", at)
            ]
        page: list[JsonValue] = [*found[first : first + most]]
        paging: Fields = {"next": f"{request.url}"} if len(found) > first + most else {}
        return refused(request, _KEY, scheme="GenieKey") or JSONResponse({"data": page, "paging": paging})

    def _shown(self, alert: Fields) -> Fields:
        report: Fields = {"acknowledgedBy": "ana@teei.io"} if self._world.get("opsgenie.alerts_have_owner") else {}
        return {**alert, "owner": "", "report": report}

    async def _page(self, request: Request) -> Response:
        body = await request.json()
        if refusal := refused(request, _KEY, scheme="GenieKey"):
            return refusal
        with self._lock:
            open_one = next((one for _, one in self._alerts if one["alias"] == body["alias"]), None)
            if open_one is None:
                open_one = {"id": f"alert-{len(self._alerts) + 1}", **body}
                if self._world.get("opsgenie.processed"):
                    self._alerts.append((self._world.now(), open_one))
        accepted: Fields = {"result": "Request will be processed", "took": 0.3, "requestId": f"of-{open_one['id']}"}
        return JSONResponse(accepted, status_code=202)

    def _request(self, request: Request) -> Response:
        done = bool(self._world.get("opsgenie.processed"))
        alert = request.path_params["id"].removeprefix("of-")
        data: Fields = {
            "success": done,
            "action": "Create",
            "status": "Created alert",
            "alertId": alert if done else "",
        }
        return refused(request, _KEY, scheme="GenieKey") or JSONResponse({"data": data})

    def _notes(self, request: Request) -> Response:
        note: JsonValue = {"note": "Looked at it.", "owner": "ana@teei.io"}
        return refused(request, _KEY, scheme="GenieKey") or JSONResponse({"data": [note]})


def _query(request: Request) -> str:
    return request.query_params.get("query", "")
