"""A PagerDuty account: policies, schedules, services, incidents, and the Events API. https://developer.pagerduty.com/"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.world import World

_TOKEN = "sandbox-pagerduty-key"
_ROUTING_KEY = "0123456789abcdef0123456789abcdef"
_SCHEDULES = {"PSCHED1": "Launch primary", "PSCHED2": "Launch secondary"}
_SERVICES = ("reporting-api", "q2q-pipeline", "notification-service", "export-service", "cockpit")
_WRITTEN_AFTER = timedelta(minutes=30)
# What the account's event orchestration makes of an event's severity.
_PRIORITY = {"critical": "P0", "error": "P1", "warning": "P2", "info": "P3"}

Fields = dict[str, JsonValue]


class PagerDutyPart:
    """Three policies by severity, two schedules, five services; one P2 incident at T+2h, resolved in 15 minutes."""

    name = "pagerduty"

    def __init__(self) -> None:
        self._paged: list[tuple[datetime, Fields]] = []
        self._lock = threading.Lock()

    def define(self, world: World) -> None:
        self._world = world
        world.define("pagerduty.token_valid", True, "whether the REST API accepts the key")
        world.define("pagerduty.response_p0", 5, "minutes until an unanswered P0 page climbs")
        world.define("pagerduty.response_p1", 15, "minutes until an unanswered P1 page climbs")
        world.define("pagerduty.response_p2", 30, "minutes until an unanswered P2 page climbs")
        world.define("pagerduty.oncall_gap", False, "whether the second rung of the P0 policy has nobody on call")
        world.define("pagerduty.services_without_runbook", 0, "services whose description names no runbook")
        world.define("pagerduty.rota_days", 28, "days from now that the schedules are filled")
        world.define("pagerduty.incidents_have_owner", True, "whether incidents are assigned or resolved by a person")
        world.define("pagerduty.p1_incidents", 0, "P1 incidents opened at T+3h")

    def start(self) -> None:
        """Nothing runs beside the shared server."""

    def stop(self) -> None:
        """Nothing runs beside the shared server."""

    def tick(self) -> None:
        """Incidents appear when they are asked for after their moment."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {
            "pagerduty/sandbox-pagerduty": {
                "token": _TOKEN,
                "routing_key": _ROUTING_KEY,
                "base_url": f"{base_url}/api",
                "events_url": f"{base_url}/events",
                "timeout_seconds": 5,
            }
        }

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/api/abilities", self._abilities),
            Route("/api/escalation_policies", self._policies),
            Route("/api/oncalls", self._oncalls),
            Route("/api/services", self._services),
            Route("/api/schedules", self._schedules),
            Route("/api/schedules/{id}", self._schedule),
            Route("/api/incidents", self._incidents),
            Route("/api/incidents/{id}/notes", self._notes),
            Route("/events/v2/enqueue", self._enqueue, methods=["POST"]),
        ]

    def paged(self) -> list[str]:
        """Summaries of what was paged, oldest first."""
        return [str(fields["title"]) for _, fields in self._paged]

    def _answer(self, request: Request, key: str, rows: list[JsonValue]) -> Response:
        authorised = request.headers.get("authorization") == f"Token token={_TOKEN}"
        if not (authorised and self._world.get("pagerduty.token_valid")):
            return JSONResponse({"error": {"message": "Unauthorized", "code": 2006}}, status_code=401)
        offset, limit = int(request.query_params.get("offset", 0)), int(request.query_params.get("limit", 25))
        page = rows[offset : offset + limit]
        more = offset + limit < len(rows)
        return JSONResponse({key: page, "offset": offset, "limit": limit, "more": more, "total": None})

    def _abilities(self, request: Request) -> Response:
        return self._answer(request, "abilities", ["urgencies", "teams"])

    def _policies(self, request: Request) -> Response:
        return self._answer(request, "escalation_policies", [self._policy(level) for level in (0, 1, 2)])

    def _policy(self, level: int) -> JsonValue:
        delay = self._world.get(f"pagerduty.response_p{level}")
        rungs: list[JsonValue] = [
            {
                "id": f"PR{level}{rung}",
                "escalation_delay_in_minutes": delay,
                "targets": [_reference(schedule, "schedule")],
            }
            for rung, schedule in enumerate(_SCHEDULES, start=1)
        ]
        return {"id": f"PPOL{level}", "name": f"TEEI P{level}", "escalation_rules": rungs, "num_loops": 2}

    def _oncalls(self, request: Request) -> Response:
        gap = bool(self._world.get("pagerduty.oncall_gap"))
        rows: list[JsonValue] = [
            {
                "escalation_level": rung,
                "escalation_policy": _reference(f"PPOL{level}", "escalation_policy"),
                "schedule": _reference(schedule, "schedule"),
                "user": _reference(f"PUSER{rung}", "user"),
            }
            for level in (0, 1, 2)
            for rung, schedule in enumerate(_SCHEDULES, start=1)
            if not (gap and (level, rung) == (0, 2))
        ]
        return self._answer(request, "oncalls", rows)

    def _services(self, request: Request) -> Response:
        bare = int(str(self._world.get("pagerduty.services_without_runbook")))
        rows: list[JsonValue] = [
            {
                "id": f"PSVC{number}",
                "name": name,
                "description": "" if number < bare else f"Runbook: https://wiki.teei.io/runbooks/{name}",
                "status": "active",
            }
            for number, name in enumerate(_SERVICES)
        ]
        return self._answer(request, "services", rows)

    def _schedules(self, request: Request) -> Response:
        rows: list[JsonValue] = [{"id": key, "name": name, "type": "schedule"} for key, name in _SCHEDULES.items()]
        return self._answer(request, "schedules", rows)

    def _schedule(self, request: Request) -> Response:
        schedule = request.path_params["id"]
        if schedule not in _SCHEDULES:
            return JSONResponse({"error": {"message": "Not Found", "code": 2100}}, status_code=404)
        refusal = self._answer(request, "schedules", [])
        if refusal.status_code != 200:
            return refusal
        since = datetime.fromisoformat(request.query_params["since"])
        until = min(
            datetime.fromisoformat(request.query_params["until"]),
            self._world.now() + timedelta(days=float(str(self._world.get("pagerduty.rota_days")))),
        )
        entries: list[JsonValue] = []
        while since < until:
            end = min(since + timedelta(days=7), until)
            entries.append({"start": since.isoformat(), "end": end.isoformat(), "user": _reference("PUSER1", "user")})
            since = end
        final: Fields = {"name": "Final Schedule", "rendered_schedule_entries": entries}
        return JSONResponse({"schedule": {"id": schedule, "name": _SCHEDULES[schedule], "final_schedule": final}})

    def _incidents(self, request: Request) -> Response:
        wanted = request.query_params
        since, until = wanted.get("since"), wanted.get("until")
        rows: list[JsonValue] = [
            fields
            for opened, fields in self._opened()
            if (since is None or opened >= datetime.fromisoformat(since))
            and (until is None or opened <= datetime.fromisoformat(until))
            and wanted.get("incident_key") in {None, fields["incident_key"]}
        ]
        return self._answer(request, "incidents", rows)

    def _notes(self, request: Request) -> Response:
        opened = {fields["id"]: moment for moment, fields in self._opened()}.get(request.path_params["id"])
        written = opened is not None and self._world.now() - opened >= _WRITTEN_AFTER
        notes: list[JsonValue] = (
            [{"id": "PN1", "content": "Cause, resolution and owner are written up."}] if written else []
        )
        return self._answer(request, "notes", notes)

    def _opened(self) -> list[tuple[datetime, Fields]]:
        now, t0 = self._world.now(), self._world.t0
        planned = [
            (t0 + timedelta(hours=2), self._incident("PINC2", "P2", "Redis evicts keys, dashboards load slowly", ""))
        ]
        for number in range(int(str(self._world.get("pagerduty.p1_incidents")))):
            moment = t0 + timedelta(hours=3)
            planned.append((moment, self._incident(f"PINC1{number}", "P1", "Login answers 500", "")))
        with self._lock:
            opened = [(moment, fields) for moment, fields in (*planned, *self._paged) if moment <= now]
        return [(moment, {**fields, **self._standing(moment)}) for moment, fields in opened]

    def _incident(self, key: str, priority: str, title: str, dedup: str) -> Fields:
        return {
            "id": key,
            "title": title,
            "incident_key": dedup,
            "urgency": "high" if priority in {"P0", "P1"} else "low",
            "priority": {"id": f"PPRI{priority}", "type": "priority", "summary": priority},
            "html_url": f"https://teei.pagerduty.com/incidents/{key}",
        }

    def _standing(self, opened: datetime) -> Fields:
        resolved = self._world.now() - opened >= timedelta(minutes=15)
        owned = bool(self._world.get("pagerduty.incidents_have_owner"))
        by = _reference("PUSER1", "user") if owned else _reference("PSVC0", "service")
        assignments: list[JsonValue] = [{"assignee": by}] if owned and not resolved else []
        return {
            "created_at": opened.isoformat(),
            "status": "resolved" if resolved else "acknowledged",
            "assignments": assignments,
            "last_status_change_by": by,
        }

    async def _enqueue(self, request: Request) -> Response:
        event = await request.json()
        if event.get("routing_key") != _ROUTING_KEY:
            invalid = {
                "status": "invalid event",
                "message": "Event object is invalid",
                "errors": ["Invalid routing key"],
            }
            return JSONResponse(invalid, status_code=400)
        dedup, payload = str(event["dedup_key"]), event["payload"]
        with self._lock:
            if all(fields["incident_key"] != dedup for _, fields in self._paged):
                key, priority = f"P{zlib.crc32(dedup.encode()):08X}", _PRIORITY[payload["severity"]]
                self._paged.append((self._world.now(), self._incident(key, priority, payload["summary"], dedup)))
        return JSONResponse({"status": "success", "message": "Event processed", "dedup_key": dedup}, status_code=202)


def _reference(key: str, kind: str) -> JsonValue:
    return {"id": key, "type": f"{kind}_reference", "summary": key}
