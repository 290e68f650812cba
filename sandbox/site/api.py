"""The simulated product's public API: health, limits, versions, traces and docs."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.site.state import ADMIN_TOKEN, SERVICES, TIER_TOKENS, SiteState, timed
from sandbox.world import World

_V2 = "application/vnd.teei.v2+json"
_DEFAULT_LIMITS = {"free": 60, "pilot": 300, "enterprise": 1_000}


class PublicApi:
    """Routes of api.teei.io that need no user."""

    def __init__(self, world: World, state: SiteState) -> None:
        self._world = world
        self._state = state

    def define(self) -> None:
        """Knobs of health, headers and docs."""
        knob = self._world.define
        knob("site.api-ms", 180, "how long an API call takes, in ms")
        knob("site.health-code", 200, "HTTP status of every service's health endpoint")
        knob("site.health-status", "ok", "status word of api.teei.io/health")
        knob("site.health-database", "ok", "how the services see their database")
        knob("site.circuit-breaker", "closed", "circuit breaker of the services towards external APIs")
        knob("site.ready", True, "whether the services' readiness endpoints answer 200")
        for tier, limit in _DEFAULT_LIMITS.items():
            knob(f"site.rate-limit-{tier}", limit, f"requests per minute of the {tier} tier")
        knob("site.cors-origin", "https://cockpit.teei.io", "origin that the API allows")
        knob("site.api-version", "v2", "version that the API answers to a request for v2")
        knob("site.request-id-lost-at", "", "service that drops the request id")
        knob("site.dsar", True, "whether data subject access requests can be made")
        knob("site.docs-version", "v2.5.0", "version that the OpenAPI document describes")

    def routes(self) -> Sequence[BaseRoute]:
        """Everything below /api that an anonymous or a test caller may ask."""
        return [
            Route("/api/health", self._gateway_health),
            Route("/api/{service}/health", self._service_health),
            Route("/api/{service}/ready", self._service_ready),
            Route("/api/v1/status", self._status),
            Route("/api/v2/organisation", self._organisation),
            Route("/api/internal/traces/{identity}", self._trace),
            Route("/api/v1/privacy/requests", self._dsar, methods=["OPTIONS"]),
            Route("/api/openapi.json", self._openapi),
            Route("/api/docs", self._redoc),
        ]

    async def _gateway_health(self, _: Request) -> Response:
        return JSONResponse({"status": self._world.get("site.health-status")})

    async def _service_health(self, request: Request) -> Response:
        if request.path_params["service"] not in SERVICES:
            return PlainTextResponse("not found", status_code=404)
        code, database = self._world.get("site.health-code"), self._world.get("site.health-database")
        body: JsonValue = {
            "status": "ok" if code == 200 else "unhealthy",
            "dependencies": {
                "database": {"status": database},
                "redis": {"status": "ok"},
                "external-apis": {"status": "ok", "circuit_breaker": self._world.get("site.circuit-breaker")},
            },
        }
        return JSONResponse(body, status_code=code if isinstance(code, int) else 500)

    async def _service_ready(self, request: Request) -> Response:
        if request.path_params["service"] not in SERVICES:
            return PlainTextResponse("not found", status_code=404)
        ready = bool(self._world.get("site.ready"))
        return JSONResponse({"status": "ok" if ready else "starting"}, status_code=200 if ready else 503)

    async def _status(self, request: Request) -> Response:
        headers = {
            "Access-Control-Allow-Origin": str(self._world.get("site.cors-origin")),
            "Vary": "Origin",
        }
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        tier = next((tier for tier, known in TIER_TOKENS.items() if known == token), None)
        if token and tier is None:
            return JSONResponse({"error": "unknown token"}, status_code=401)
        if tier is not None:
            limit = self._world.get(f"site.rate-limit-{tier}")
            headers |= {"RateLimit-Policy": f"{limit};w=60", "RateLimit-Limit": str(limit), "RateLimit-Remaining": "59"}
        return timed(self._world, {"status": "ok"}, headers=headers)

    async def _organisation(self, request: Request) -> Response:
        identity = request.headers.get("x-request-id", "")
        lost = self._world.get("site.request-id-lost-at")
        hops: list[JsonValue] = [
            {"service": service, "request_id": None if service == lost else identity} for service in SERVICES
        ]
        if identity:
            self._state.trace(identity, hops)
        asked = request.headers.get("accept", "")
        if "vnd.teei" in asked and _V2 not in asked:
            return JSONResponse({"error": "only v2 is served"}, status_code=406)
        served = f"application/vnd.teei.{self._world.get('site.api-version')}+json"
        headers = {"X-Request-ID": identity} if identity and lost != "gateway" else {}
        answer = timed(self._world, {"name": "TEEI"}, headers=headers)
        answer.headers["content-type"] = served
        return answer

    async def _trace(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {ADMIN_TOKEN}":
            return JSONResponse({"error": "unauthorized"}, status_code=401)
        hops = self._state.traces.get(request.path_params["identity"])
        return (
            JSONResponse({"hops": hops}) if hops is not None else JSONResponse({"error": "not found"}, status_code=404)
        )

    async def _dsar(self, _: Request) -> Response:
        if not self._world.get("site.dsar"):
            return PlainTextResponse("not found", status_code=404)
        return Response(status_code=204, headers={"Allow": "OPTIONS, POST"})

    async def _openapi(self, _: Request) -> Response:
        info: JsonValue = {"title": "TEEI CSR Platform", "version": self._world.get("site.docs-version")}
        return JSONResponse({"openapi": "3.1.0", "info": info, "paths": {}})

    async def _redoc(self, _: Request) -> Response:
        return HTMLResponse('<!doctype html><title>API</title><redoc spec-url="/openapi.json"></redoc>')
