"""What the simulated product sends to others: password mails, notifications, partner webhooks, Discord messages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import httpx
from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.site.state import ADMIN_EMAIL, ADMIN_TOKEN, JOURNEY_TOKEN, SiteState, sandbox_root
from sandbox.world import World

_PATIENCE_SECONDS = 5.0
_JSON = {"Content-Type": "application/json"}


class Outward:
    """Handlers run on worker threads (no `async`): they call other parts of the sandbox over HTTP."""

    def __init__(self, world: World, state: SiteState) -> None:
        self._world = world
        self._state = state

    def define(self) -> None:
        """Knobs of what leaves the product."""
        self._world.define("site.password-reset", True, "whether the password mail is sent")
        self._world.define("site.notification-mail", True, "whether notification mails are sent")
        self._world.define("site.discord", True, "whether the Discord bot posts")

    def routes(self) -> Sequence[BaseRoute]:
        """Calls that make the product call somebody else."""
        return [
            Route("/api/v1/password-resets", self._reset, methods=["POST"]),
            Route("/api/v1/password-resets/{token}", self._new_password, methods=["POST"]),
            Route("/api/v1/notifications/test", self._notify, methods=["POST"]),
            Route("/api/v1/integrations/discord/test-message", self._discord, methods=["POST"]),
            Route("/api/v1/integrations/{partner}/test-delivery", self._deliver, methods=["POST"]),
        ]

    def _reset(self, request: Request) -> Response:
        token = self._state.next_id("reset")
        self._state.resets[token] = ADMIN_EMAIL
        if self._world.get("site.password-reset"):
            self._mail(request, ADMIN_EMAIL, "Set a new password", f"https://cockpit.teei.io/reset/{token}")
        return Response(status_code=202)

    def _new_password(self, request: Request) -> Response:
        known = self._state.resets.pop(request.path_params["token"], None)
        return Response(status_code=204 if known else 410)

    def _notify(self, request: Request) -> Response:
        if not _let_in(request):
            return JSONResponse({"error": "unauthorized"}, status_code=401)
        identity = self._state.next_id("notification")
        if self._world.get("site.notification-mail"):
            self._mail(request, ADMIN_EMAIL, "Test notification", identity)
        return JSONResponse({"id": identity}, status_code=202)

    def _discord(self, request: Request) -> Response:
        if not _let_in(request):
            return JSONResponse({"error": "unauthorized"}, status_code=401)
        identity = self._state.next_id("message")
        if self._world.get("site.discord"):
            _post(
                f"{sandbox_root(request)}/partners/discord/api/webhooks/1/sandbox",
                {"content": f"TEEI smoke {identity}"},
            )
        return JSONResponse({"id": identity}, status_code=202)

    def _deliver(self, request: Request) -> Response:
        if not _let_in(request):
            return JSONResponse({"error": "unauthorized"}, status_code=401)
        event = self._state.next_id("event")
        body: JsonValue = {"id": event, "type": "test", "at": self._world.now().isoformat()}
        digest = hashlib.sha256(json.dumps(body).encode()).hexdigest()
        partner = request.path_params["partner"]
        status = _post(f"{sandbox_root(request)}/partners/{partner}/hooks/teei", body)
        return JSONResponse({"event_id": event, "digest": digest, "response_status": status})

    def _mail(self, request: Request, to: str, subject: str, text: str) -> None:
        _post(f"{sandbox_root(request)}/journeys/inbox", {"to": to, "subject": subject, "text": text})


def _let_in(request: Request) -> bool:
    return request.headers.get("authorization") in {f"Bearer {ADMIN_TOKEN}", f"Bearer {JOURNEY_TOKEN}"}


def _post(url: str, body: JsonValue) -> int | None:
    """The status of the answer; None when there was none."""
    try:
        with httpx.Client(timeout=_PATIENCE_SECONDS, trust_env=False) as client:
            return client.post(url, content=json.dumps(body), headers=_JSON).status_code
    except httpx.HTTPError:
        return None
