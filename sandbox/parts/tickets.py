"""A Zendesk account: tickets, groups, support addresses. https://developer.zendesk.com/api-reference/"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.world import World

_EMAIL, _TOKEN = "launch@teei.io", "sandbox-zendesk-token"
_SINCE = re.compile(r"created>=(\S+)")

Fields = dict[str, JsonValue]


class TicketsPart:
    """A support desk that customers write to from T+20m on."""

    name = "tickets"

    def __init__(self) -> None:
        self._tickets: list[Fields] = []
        self._keys: dict[str, Fields] = {}
        self._lock = threading.Lock()

    def define(self, world: World) -> None:
        self._world = world
        world.define("tickets.token_valid", True, "whether the API accepts the token")
        world.define("tickets.opened", 1, "tickets that customers opened, the first at T+20m")
        world.define("tickets.agents", 4, "members of the pilot support group")
        world.define("tickets.address_verified", True, "whether mail to the support address is forwarded")
        world.define("tickets.due_shift_hours", 0, "due dates show so much later")

    def start(self) -> None:
        """Nothing runs beside the shared server."""

    def stop(self) -> None:
        """Nothing runs beside the shared server."""

    def tick(self) -> None:
        """Customers' tickets appear when they are asked for after their moment."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {
            "zendesk/sandbox-support-desk": {
                "base_url": base_url,
                "email": _EMAIL,
                "api_token": _TOKEN,
                "timeout_seconds": 5,
            }
        }

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/api/v2/users/me.json", self._me),
            Route("/api/v2/search/count.json", self._count),
            Route("/api/v2/groups.json", self._groups),
            Route("/api/v2/groups/360001/memberships.json", self._memberships),
            Route("/api/v2/recipient_addresses.json", self._addresses),
            Route("/api/v2/tickets.json", self._list, methods=["GET"]),
            Route("/api/v2/tickets.json", self._create, methods=["POST"]),
            Route("/api/v2/tickets/{id}.json", self._delete, methods=["DELETE"]),
        ]

    def _authorised(self, request: Request) -> bool:
        expected = base64.b64encode(f"{_EMAIL}/token:{_TOKEN}".encode()).decode()
        given = request.headers.get("authorization") == f"Basic {expected}"
        return given and bool(self._world.get("tickets.token_valid"))

    def _answer(self, request: Request, body: JsonValue) -> Response:
        if self._authorised(request):
            return JSONResponse(body)
        return JSONResponse({"error": "Couldn't authenticate you"}, status_code=401)

    def _me(self, request: Request) -> Response:
        known = self._authorised(request)
        user: JsonValue = {"id": 4711, "name": "Launch bot"} if known else {"id": None, "name": "Anonymous user"}
        return JSONResponse({"user": user})

    def _count(self, request: Request) -> Response:
        match = _SINCE.search(request.query_params.get("query", ""))
        since = datetime.fromisoformat(match[1]) if match else self._world.t0
        opened = int(str(self._world.get("tickets.opened")))
        moments = [self._world.t0 + timedelta(minutes=20 + number) for number in range(opened)]
        return self._answer(request, {"count": sum(since <= moment <= self._world.now() for moment in moments)})

    def _groups(self, request: Request) -> Response:
        groups: list[JsonValue] = [{"id": 360001, "name": "Pilot support", "deleted": False}]
        return self._answer(request, {"groups": groups, "next_page": None, "count": 1})

    def _memberships(self, request: Request) -> Response:
        agents = int(str(self._world.get("tickets.agents")))
        rows: list[JsonValue] = [
            {"id": number, "user_id": 100 + number, "group_id": 360001} for number in range(agents)
        ]
        return self._answer(request, {"group_memberships": rows, "next_page": None, "count": agents})

    def _addresses(self, request: Request) -> Response:
        status = "verified" if self._world.get("tickets.address_verified") else "waiting"
        rows: list[JsonValue] = [{"id": 1, "email": "support@teei.io", "default": True, "forwarding_status": status}]
        return self._answer(request, {"recipient_addresses": rows, "next_page": None, "count": 1})

    def _list(self, request: Request) -> Response:
        wanted = request.query_params.get("external_id")
        with self._lock:
            found: list[JsonValue] = [self._shown(one) for one in self._tickets if wanted in {None, one["external_id"]}]
        return self._answer(request, {"tickets": found, "next_page": None, "count": len(found)})

    def _shown(self, ticket: Fields) -> Fields:
        shift = timedelta(hours=float(str(self._world.get("tickets.due_shift_hours"))))
        due = datetime.fromisoformat(str(ticket["due_at"])) + shift
        return {**ticket, "due_at": due.isoformat()}

    async def _create(self, request: Request) -> Response:
        if not self._authorised(request):
            return self._answer(request, None)
        given: Fields = (await request.json()).get("ticket", {})
        if not given.get("comment"):
            details: JsonValue = {"base": [{"description": "Comment: cannot be blank", "error": "BlankValue"}]}
            return JSONResponse({"error": "RecordInvalid", "details": details}, status_code=422)
        key = request.headers.get("idempotency-key", "")
        with self._lock:
            if key not in self._keys:
                ticket = {**given, "id": 9000 + len(self._tickets), "status": "open", "created_at": self._now()}
                self._tickets.append(ticket)
                self._keys[key] = ticket
            return JSONResponse({"ticket": self._keys[key]}, status_code=201)

    def _delete(self, request: Request) -> Response:
        if not self._authorised(request):
            return self._answer(request, None)
        with self._lock:
            kept = [ticket for ticket in self._tickets if str(ticket["id"]) != request.path_params["id"]]
            found = len(kept) < len(self._tickets)
            self._tickets = kept
        return Response(status_code=204) if found else JSONResponse({"error": "RecordNotFound"}, status_code=404)

    def _now(self) -> str:
        return f"{self._world.now():%Y-%m-%dT%H:%M:%SZ}"
