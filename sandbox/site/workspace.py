"""What a signed-in user of the simulated product does: metrics, reports, exports, users, settings, audit log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from sandbox.parts.bearer import refused
from sandbox.site.state import JOURNEY_TOKEN, SiteState, timed, with_session
from sandbox.world import World

Handler = Callable[[Request], Awaitable[Response]]
_FEATURES = {
    "metrics": "the cockpit's metrics have values",
    "charts": "every chart has data",
    "sse": "the event stream sends heartbeats",
    "q2q-report": "a Q2Q report completes",
    "pdf-export": "the PDF export is a PDF",
    "csv-export": "the CSV export has as many fields in each row",
    "scheduled-report": "a scheduled report gets into the queue",
    "create-user": "users can be created",
    "assign-role": "roles are kept",
    "tenant-settings": "tenant settings are kept",
    "audit-log": "the audit log lists entries",
}


class Workspace:
    """Routes of api.teei.io for users. Each feature has a knob `site.<feature>`: True while it works."""

    def __init__(self, world: World, state: SiteState) -> None:
        self._world = world
        self._state = state

    def define(self) -> None:
        """One knob per feature."""
        for feature, what in _FEATURES.items():
            self._world.define(f"site.{feature}", True, f"whether {what}")
        self._world.define("site.session-minutes", 30, "lifetime of an idle session, in minutes")

    def routes(self) -> Sequence[BaseRoute]:
        """Everything below /v1 and /v2 that needs a user."""
        return [
            self._route("/api/v1/sessions", self._session, "POST"),
            self._route("/api/v2/metrics", self._metrics),
            self._route("/api/v2/charts", self._charts),
            self._route("/api/v1/events", self._events),
            self._route("/api/v1/reports", self._order_report, "POST"),
            self._route("/api/v1/reports/{report}", self._report),
            self._route("/api/v1/exports/report.pdf", self._pdf),
            self._route("/api/v1/exports/report.csv", self._csv),
            self._route("/api/v1/report-schedules", self._schedule, "POST"),
            self._route("/api/v1/report-queue", self._queue),
            self._route("/api/v1/users", self._create_user, "POST"),
            self._route("/api/v1/users/{user}", self._user, "GET", "DELETE"),
            self._route("/api/v1/users/{user}/role", self._role, "PUT"),
            self._route("/api/v1/tenants/{tenant}/settings", self._settings, "GET", "PATCH"),
            self._route("/api/v1/audit-log", self._audit_log),
        ]

    def _route(self, path: str, handler: Handler, *methods: str) -> Route:
        async def guarded(request: Request) -> Response:
            return refused(request, JOURNEY_TOKEN) or await handler(request)

        return Route(path, guarded, methods=list(methods) or ["GET"])

    def _works(self, feature: str) -> bool:
        return bool(self._world.get(f"site.{feature}"))

    async def _session(self, _: Request) -> Response:
        return with_session(self._world, self._state, timed(self._world, {}, status=201))

    async def _metrics(self, _: Request) -> Response:
        sroi = 3.2 if self._works("metrics") else None
        return timed(self._world, {"sroi": sroi, "vis": 71, "impact_score": 64})

    async def _charts(self, _: Request) -> Response:
        points: JsonValue = [12, 15, 19] if self._works("charts") else []
        return timed(
            self._world, {"charts": [{"id": "impact-by-quarter", "labels": ["Q1", "Q2", "Q3"], "points": points}]}
        )

    async def _events(self, _: Request) -> Response:
        beats = self._works("sse")

        def stream() -> Iterator[bytes]:
            yield b": connected\n\n"
            if beats:
                yield f"event: heartbeat\ndata: {self._world.now().isoformat()}\n\n".encode()

        return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def _order_report(self, request: Request) -> Response:
        identity = self._state.next_id("report")
        status = "completed" if self._works("q2q-report") else "failed"
        self._state.reports[identity] = {"id": identity, "kind": (await request.json())["kind"], "status": status}
        return timed(self._world, {"id": identity, "status": "queued"}, status=202)

    async def _report(self, request: Request) -> Response:
        return self._found(self._state.reports.get(request.path_params["report"]))

    async def _pdf(self, _: Request) -> Response:
        if not self._works("pdf-export"):
            return Response(b"<h1>renderer unavailable</h1>", media_type="text/html")
        return Response(b"%PDF-1.7\n%sandbox\n%%EOF\n", media_type="application/pdf")

    async def _csv(self, _: Request) -> Response:
        body = "tenant,metric,value\r\npilot-1,sroi,3.2\r\n" + (
            "pilot-1,vis,71\r\n" if self._works("csv-export") else "pilot-1,v"
        )
        return Response(body, media_type="text/csv")

    async def _schedule(self, _: Request) -> Response:
        identity = self._state.next_id("schedule")
        if self._works("scheduled-report"):
            self._state.schedules.append(identity)
        return timed(self._world, {"id": identity}, status=201)

    async def _queue(self, _: Request) -> Response:
        return timed(self._world, {"queued": list(self._state.schedules)})

    async def _create_user(self, request: Request) -> Response:
        if not self._works("create-user"):
            return timed(self._world, {"error": "could not create the user"}, status=409)
        identity = self._state.next_id("user")
        wanted = await request.json()
        self._state.users[identity] = {"id": identity, "email": wanted["email"], "role": "viewer"}
        self._log("user.created", identity)
        return timed(self._world, self._state.users[identity], status=201)

    async def _user(self, request: Request) -> Response:
        identity = request.path_params["user"]
        if request.method == "DELETE":
            self._state.users.pop(identity, None)
            return Response(status_code=204)
        return self._found(self._state.users.get(identity))

    async def _role(self, request: Request) -> Response:
        # The account that the role journey works on exists from the start, so that creating users may be broken alone.
        user = self._state.users.setdefault(request.path_params["user"], {"role": "viewer"})
        if self._works("assign-role"):
            user["role"] = (await request.json())["role"]
            self._log("role.assigned", request.path_params["user"])
        return timed(self._world, user)

    async def _settings(self, request: Request) -> Response:
        settings = self._state.settings.setdefault(request.path_params["tenant"], {"locale": "en"})
        if request.method == "PATCH" and self._works("tenant-settings"):
            settings.update(await request.json())
        return timed(self._world, settings)

    async def _audit_log(self, _: Request) -> Response:
        self._log("audit.viewed", "audit-log")
        return timed(self._world, {"entries": list(self._state.audit) if self._works("audit-log") else []})

    def _log(self, action: str, target: str) -> None:
        entry: JsonValue = {
            "at": self._world.now().isoformat(),
            "actor": "journey-user",
            "action": action,
            "target": target,
        }
        with self._state.lock:
            self._state.audit = [*self._state.audit[-99:], entry]

    def _found(self, body: JsonValue) -> JSONResponse:
        return timed(self._world, body) if body is not None else timed(self._world, {"error": "not found"}, status=404)
