"""The third parties of the simulated product: Impact-In, Benevity, Goodera, OpenAI, Anthropic and Discord."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.parts.bearer import refused
from sandbox.site.state import ADMIN_TOKEN
from sandbox.world import World

_CSR_PARTNERS = ("impact-in", "benevity", "goodera")
_MODEL_PROVIDERS = ("openai", "anthropic")
_KEPT = 200
DISCORD_TOKEN = "sandbox-discord-bot"
# https://platform.claude.com/docs/en/api/versioning: the header is required.
_ANTHROPIC_VERSION = "2023-06-01"


def _key(partner: str) -> str:
    return f"sandbox-key-{partner}"


class PartnersPart:
    """Accounts, keys, webhooks and received events, one prefix per partner."""

    name = "partners"

    def __init__(self) -> None:
        self._events: dict[str, str] = {}
        self._messages: list[str] = []
        self._lock = threading.Lock()

    def define(self, world: World) -> None:
        self._world = world
        for partner in _CSR_PARTNERS:
            world.define(f"partners.{partner}-account", "active", f"state of our test account at {partner}")
            world.define(f"partners.{partner}-webhook", True, f"whether {partner} holds an active webhook for us")
        for provider in ("impact-in", *_MODEL_PROVIDERS):
            world.define(
                f"partners.{provider}-key", True, f"whether {provider} accepts our key for its models or profile"
            )
        world.define("partners.impact-in-events", "kept", "what Impact-In does with our events: kept, lost or refused")

    def start(self) -> None:
        """Nothing runs beside the shared server."""

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/openai/v1/models", self._openai),
            Route("/anthropic/v1/models", self._anthropic),
            Route("/discord/api/webhooks/{webhook}/{token}", self._discord_post, methods=["POST"]),
            Route("/discord/api/v10/channels/{channel}/messages", self._discord_read),
            Route("/{partner}/v1/account", self._account),
            Route("/{partner}/v1/profile", self._profile),
            Route("/{partner}/v1/webhooks", self._webhooks),
            Route("/{partner}/v1/events/{event}", self._event),
            Route("/{partner}/hooks/teei", self._receive, methods=["POST"]),
        ]

    def tick(self) -> None:
        """Partners do nothing by themselves."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        apis: dict[str, JsonValue] = {name: {"url": f"{base_url}/{name}"} for name in ("benevity", "goodera")}
        apis["impact-in"] = {"url": f"{base_url}/impact-in", "key_path": "/v1/profile"}
        apis["openai"] = {"url": f"{base_url}/openai", "key_path": "/v1/models"}
        apis["anthropic"] = {
            "url": f"{base_url}/anthropic",
            "key_path": "/v1/models",
            "key_header": "x-api-key",
            "key_prefix": "",
            "headers": {"anthropic-version": _ANTHROPIC_VERSION},
        }
        return {
            "partners/sandbox-partners": {
                "apis": apis,
                "api_keys": {name: _key(name) for name in (*_CSR_PARTNERS, *_MODEL_PROVIDERS)},
                "product_url": f"{base_url.rpartition('/')[0]}/site/api",
                "product_token": ADMIN_TOKEN,
                "timeout_seconds": 10,
            }
        }

    def stop(self) -> None:
        """Nothing runs beside the shared server."""

    async def _openai(self, request: Request) -> Response:
        if refused(request, _key("openai")) or not self._world.get("partners.openai-key"):
            error = {
                "message": "Incorrect API key provided",
                "type": "invalid_request_error",
                "code": "invalid_api_key",
            }
            return JSONResponse({"error": error}, status_code=401)
        return JSONResponse({"object": "list", "data": [{"id": "sandbox-model", "object": "model"}]})

    async def _anthropic(self, request: Request) -> Response:
        if request.headers.get("anthropic-version") != _ANTHROPIC_VERSION:
            return _anthropic_error(400, "invalid_request_error", "anthropic-version: header is required")
        if request.headers.get("x-api-key") != _key("anthropic") or not self._world.get("partners.anthropic-key"):
            return _anthropic_error(401, "authentication_error", "invalid x-api-key")
        return JSONResponse({"data": [{"type": "model", "id": "sandbox-model"}], "has_more": False})

    async def _account(self, request: Request) -> Response:
        partner = request.path_params["partner"]
        if refusal := self._refused(request, partner):
            return refusal
        return JSONResponse({"status": self._world.get(f"partners.{partner}-account"), "mode": "test"})

    async def _profile(self, request: Request) -> Response:
        partner = request.path_params["partner"]
        if refusal := self._refused(request, partner):
            return refusal
        if not self._world.get(f"partners.{partner}-key"):
            return JSONResponse({"error": "key revoked"}, status_code=401)
        return JSONResponse({"name": "TEEI"})

    async def _webhooks(self, request: Request) -> Response:
        partner = request.path_params["partner"]
        if refusal := self._refused(request, partner):
            return refusal
        active = bool(self._world.get(f"partners.{partner}-webhook"))
        return JSONResponse({"data": [{"url": f"https://api.teei.io/v1/webhooks/{partner}", "active": active}]})

    async def _event(self, request: Request) -> Response:
        if refusal := self._refused(request, request.path_params["partner"]):
            return refusal
        digest = self._events.get(request.path_params["event"])
        if digest is None:
            return JSONResponse({"error": "not found"}, status_code=404)
        return JSONResponse({"id": request.path_params["event"], "digest": digest})

    async def _receive(self, request: Request) -> Response:
        partner = request.path_params["partner"]
        manner = self._world.get("partners.impact-in-events") if partner == "impact-in" else "kept"
        if manner == "refused":
            return JSONResponse({"error": "signature mismatch"}, status_code=400)
        if manner == "kept":
            body = await request.body()
            event = str((await request.json())["id"])
            with self._lock:
                self._events[event] = hashlib.sha256(body).hexdigest()
                while len(self._events) > _KEPT:
                    self._events.pop(next(iter(self._events)))
        return Response(status_code=202)

    async def _discord_post(self, request: Request) -> Response:
        content = str((await request.json())["content"])
        with self._lock:
            self._messages = [*self._messages[-_KEPT:], content]
        return Response(status_code=204)

    async def _discord_read(self, request: Request) -> Response:
        if refusal := refused(request, DISCORD_TOKEN, scheme="Bot"):
            return refusal
        with self._lock:
            newest_first = list(reversed(self._messages[-50:]))
        return JSONResponse([{"id": str(n), "content": text} for n, text in enumerate(newest_first)])

    def _refused(self, request: Request, partner: str) -> JSONResponse | None:
        if partner not in _CSR_PARTNERS:
            return JSONResponse({"error": "not found"}, status_code=404)
        return refused(request, _key(partner))


def _anthropic_error(status: int, kind: str, message: str) -> JSONResponse:
    return JSONResponse({"type": "error", "error": {"type": kind, "message": message}}, status_code=status)
