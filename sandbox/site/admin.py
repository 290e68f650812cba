"""The simulated product's administration API: the maintenance banner and the tenants."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.parts.bearer import refused
from sandbox.site.state import ADMIN_TOKEN, SiteState
from sandbox.world import World


class AdminApi:
    """Routes of api.teei.io below /admin: all need the administrator's token."""

    def __init__(self, world: World, state: SiteState) -> None:
        self._world = world
        self._state = state

    def define(self) -> None:
        """Knobs of the tenants."""
        self._world.define("site.tenants-without-admin", 0, "how many tenants have lost their admin user")

    def routes(self) -> Sequence[BaseRoute]:
        """Reads and upserts."""
        return [
            Route("/api/admin/maintenance", self._maintenance, methods=["GET", "PUT"]),
            Route("/api/admin/tenants", self._tenants),
            Route("/api/admin/tenants/{tenant}", self._tenant, methods=["PUT", "DELETE"]),
        ]

    async def _maintenance(self, request: Request) -> Response:
        if refusal := refused(request, ADMIN_TOKEN):
            return refusal
        if request.method == "PUT":
            wanted = await request.json()
            with self._state.lock:
                self._state.banner = {"enabled": bool(wanted["enabled"]), "message": str(wanted.get("message", ""))}
        return JSONResponse(self._state.banner)

    async def _tenants(self, request: Request) -> Response:
        if refusal := refused(request, ADMIN_TOKEN):
            return refusal
        plan = request.query_params.get("plan")
        lost = self._world.get("site.tenants-without-admin")
        with self._state.lock:
            found = [tenant for _, tenant in sorted(self._state.tenants.items()) if plan in {None, tenant["plan"]}]
        shown: list[JsonValue] = [
            {**tenant, "users": []} if isinstance(lost, int) and number < lost else tenant
            for number, tenant in enumerate(found)
        ]
        return JSONResponse({"tenants": shown})

    async def _tenant(self, request: Request) -> Response:
        if refusal := refused(request, ADMIN_TOKEN):
            return refusal
        identity = request.path_params["tenant"]
        if request.method == "DELETE":
            with self._state.lock:
                gone = self._state.tenants.pop(identity, None)
            return Response(status_code=204 if gone else 404)
        wanted = await request.json()
        if not wanted.get("users"):
            return JSONResponse({"error": "a tenant needs an admin user"}, status_code=422)
        with self._state.lock:
            created = identity not in self._state.tenants
            self._state.tenants[identity] = {"id": identity, **wanted}
        return JSONResponse(self._state.tenants[identity], status_code=201 if created else 200)
