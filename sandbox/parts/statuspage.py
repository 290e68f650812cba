"""A Statuspage page: management API v1 and the public API v2. https://developer.statuspage.io/"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.world import World

_TOKEN = "sandbox-statuspage-key"
_PAGE = "teei0000page"
_NAMES = ("Cockpit", "Reporting API", "Q2Q pipeline", "Notifications", "Exports")
_CLOSED = {"resolved", "completed"}
_PLANNED = {"scheduled", "in_progress", "verifying", "completed"}
_STATUSES = {"investigating", "identified", "monitoring", "resolved"} | _PLANNED


@dataclass
class _Incident:
    id: str
    fields: dict[str, JsonValue]
    updates: list[JsonValue] = field(default_factory=list)

    @property
    def status(self) -> str:
        return str(self.fields["status"])


class StatuspagePart:
    """One page with five components, subscribers, and what was announced on it."""

    name = "statuspage"

    def __init__(self) -> None:
        self._components = {f"comp{number}": "operational" for number in range(len(_NAMES))}
        self._incidents: list[_Incident] = []
        self._sequence = 0
        self._lock = threading.Lock()

    def define(self, world: World) -> None:
        self._world = world
        world.define("statuspage.token_valid", True, "whether the management API accepts the key")
        world.define("statuspage.subscribers", 12, "subscribers who get mail")
        world.define("statuspage.quarantined", 0, "subscribers whose address bounced")
        world.define("statuspage.notice_shift_hours", 0, "the public page shows maintenance windows so much later")
        world.define("statuspage.maintenance_shown_as", "", "status the public page shows for running maintenance")
        world.define("statuspage.component_status", "", "public state of the first component; empty: as it was set")
        world.define("statuspage.resolution_text", "", "what the public page shows as text of resolved incidents")

    def start(self) -> None:
        """Nothing runs beside the shared server."""

    def stop(self) -> None:
        """Nothing runs beside the shared server."""

    def tick(self) -> None:
        """Maintenance begins and ends by hand here: automatic transitions are off, as the tool asks."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {
            "statuspage/sandbox-statuspage": {
                "token": _TOKEN,
                "page_id": _PAGE,
                "public_url": f"{base_url}/public",
                "base_url": f"{base_url}/v1",
                "timeout_seconds": 3,
            }
        }

    def routes(self) -> Sequence[BaseRoute]:
        page = f"/v1/pages/{_PAGE}"
        return [
            Route(page, self._page),
            Route(f"{page}/components", self._list_components),
            Route(f"{page}/components/{{id}}", self._patch_component, methods=["PATCH"]),
            Route(f"{page}/subscribers/histogram_by_state", self._histogram),
            Route(f"{page}/incidents", self._list_incidents, methods=["GET"]),
            Route(f"{page}/incidents", self._create, methods=["POST"]),
            Route(f"{page}/incidents/{{id}}", self._change, methods=["PATCH", "DELETE"]),
            Route("/public/api/v2/summary.json", self._summary),
            Route("/public/api/v2/scheduled-maintenances.json", self._maintenances),
            Route("/public/api/v2/incidents.json", self._public_incidents),
        ]

    def _refusal(self, request: Request) -> Response | None:
        if request.headers.get("authorization") == f"OAuth {_TOKEN}" and self._world.get("statuspage.token_valid"):
            return None
        return JSONResponse({"error": "Could not authenticate"}, status_code=401)

    def _page(self, request: Request) -> Response:
        return self._refusal(request) or JSONResponse({"id": _PAGE, "name": "TEEI"})

    def _list_components(self, request: Request) -> Response:
        return self._refusal(request) or JSONResponse(self._shown_components())

    async def _patch_component(self, request: Request) -> Response:
        refusal = self._refusal(request)
        component = request.path_params["id"]
        if refusal or component not in self._components:
            return refusal or JSONResponse({"error": "not found"}, status_code=404)
        self._components[component] = (await request.json())["component"]["status"]
        return JSONResponse({"id": component, "status": self._components[component]})

    def _histogram(self, request: Request) -> Response:
        active, quarantined = self._world.get("statuspage.subscribers"), self._world.get("statuspage.quarantined")
        states = {"active": active, "unconfirmed": 0, "quarantined": quarantined, "total": active}
        none = {"active": 0, "unconfirmed": 0, "quarantined": 0, "total": 0}
        return self._refusal(request) or JSONResponse({"email": states, "sms": none, "webhook": none})

    def _list_incidents(self, request: Request) -> Response:
        return self._refusal(request) or JSONResponse([self._shown(found) for found in reversed(self._incidents)])

    async def _create(self, request: Request) -> Response:
        refusal = self._refusal(request)
        if refusal:
            return refusal
        given: dict[str, JsonValue] = (await request.json()).get("incident", {})
        if not given.get("name") or given.get("status") not in _STATUSES:
            return JSONResponse({"error": ["Name can't be blank, or status is unknown"]}, status_code=422)
        with self._lock:
            self._sequence += 1
            incident = _Incident(f"inc{self._sequence:09d}", {"status": "investigating", "metadata": {}})
            incident.fields |= {"created_at": self._now(), "resolved_at": None, "scheduled_for": None}
            self._merge(incident, given)
            self._incidents.append(incident)
        return JSONResponse(self._shown(incident), status_code=201)

    async def _change(self, request: Request) -> Response:
        refusal = self._refusal(request)
        found = next((item for item in self._incidents if item.id == request.path_params["id"]), None)
        if refusal or found is None:
            return refusal or JSONResponse({"error": "not found"}, status_code=404)
        if request.method == "DELETE":
            self._incidents.remove(found)
            return JSONResponse(self._shown(found))
        given = (await request.json()).get("incident", {})
        if given.get("status", found.status) not in _STATUSES:
            return JSONResponse({"error": ["Status is unknown"]}, status_code=422)
        with self._lock:
            self._merge(found, given)
        return JSONResponse(self._shown(found))

    def _merge(self, incident: _Incident, given: dict[str, JsonValue]) -> None:
        body, components = given.pop("body", None), given.pop("components", None)
        incident.fields |= given
        if isinstance(components, dict):
            self._components |= {name: str(status) for name, status in components.items() if name in self._components}
        if body is not None or "status" in given:
            update: JsonValue = {"body": body, "status": incident.status, "created_at": self._now()}
            incident.updates.insert(0, update)
        if incident.status in _CLOSED:
            incident.fields["resolved_at"] = incident.fields["resolved_at"] or self._now()

    def _shown(self, incident: _Incident) -> dict[str, JsonValue]:
        return {
            "id": incident.id,
            "page_id": _PAGE,
            "shortlink": f"https://stspg.io/{incident.id}",
            **incident.fields,
            "incident_updates": list(incident.updates),
        }

    def _shown_components(self) -> list[JsonValue]:
        named = zip(self._components.items(), _NAMES, strict=True)
        return [{"id": key, "name": name, "status": status, "group": False} for (key, status), name in named]

    def _now(self) -> str:
        return self._world.now().isoformat()

    def _summary(self, _: Request) -> Response:
        components = self._shown_components()
        forced = str(self._world.get("statuspage.component_status"))
        if forced and isinstance(components[0], dict):
            components[0]["status"] = forced
        states = {str(part["status"]) for part in components if isinstance(part, dict)}
        open_incident = any(found.status not in _PLANNED | _CLOSED for found in self._incidents)
        match states:
            case _ if "under_maintenance" in states:
                indicator, words = "maintenance", "Service Under Maintenance"
            case _ if states != {"operational"}:
                indicator, words = "minor", "Partially Degraded Service"
            case _ if open_incident:
                indicator, words = "minor", "Minor Service Outage"
            case _:
                indicator, words = "none", "All Systems Operational"
        page: JsonValue = {"id": _PAGE, "name": "TEEI"}
        status: JsonValue = {"indicator": indicator, "description": words}
        return JSONResponse({"page": page, "status": status, "components": components})

    def _maintenances(self, _: Request) -> Response:
        shown = [self._public_maintenance(found) for found in self._incidents if found.status in _PLANNED]
        return JSONResponse({"page": {"id": _PAGE}, "scheduled_maintenances": shown})

    def _public_maintenance(self, incident: _Incident) -> dict[str, JsonValue]:
        shift = timedelta(hours=float(str(self._world.get("statuspage.notice_shift_hours"))))
        shown = self._shown(incident)
        for name in ("scheduled_for", "scheduled_until"):
            shown[name] = (datetime.fromisoformat(str(shown[name])) + shift).isoformat()
        forced = str(self._world.get("statuspage.maintenance_shown_as"))
        if forced and incident.status == "in_progress":
            shown["status"] = forced
        return shown

    def _public_incidents(self, _: Request) -> Response:
        shown = [self._shown(found) for found in reversed(self._incidents) if found.status not in _PLANNED]
        text = str(self._world.get("statuspage.resolution_text"))
        for incident in shown:
            if text and incident["status"] == "resolved":
                incident["incident_updates"] = [{"body": text, "status": "resolved", "created_at": self._now()}]
        return JSONResponse({"page": {"id": _PAGE}, "incidents": shown})
