"""What the simulated product remembers, and the words its parts share."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.world import World

ADMIN_TOKEN = "sandbox-product-admin"
JOURNEY_TOKEN = "sandbox-journey-user"
ADMIN_EMAIL = "admin@pilot-1.example"
ADMIN_PASSWORD = "correct horse battery staple"
TIER_TOKENS = {"free": "sandbox-tier-free", "pilot": "sandbox-tier-pilot", "enterprise": "sandbox-tier-enterprise"}
SERVICES = ("reporting-api", "q2q-pipeline", "notification-service", "export-service")
# Where the public host names are found below the product's mount.
HOSTS = {"cockpit.teei.io": "cockpit", "api.teei.io": "api", "static.teei.io": "static", "help.teei.io": "help"}
_TRACES_KEPT = 200

Json = dict[str, JsonValue]


@dataclass
class SiteState:
    """Everything that requests change. Guarded by `lock`: handlers run on several threads."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    banner: Json = field(default_factory=lambda: {"enabled": False, "message": ""})
    last_message: str = "Platform upgrade in progress."
    tenants: dict[str, Json] = field(default_factory=dict)
    users: dict[str, Json] = field(default_factory=dict)
    settings: dict[str, Json] = field(default_factory=dict)
    reports: dict[str, Json] = field(default_factory=dict)
    schedules: list[str] = field(default_factory=list)
    resets: dict[str, str] = field(default_factory=dict)
    traces: OrderedDict[str, list[JsonValue]] = field(default_factory=OrderedDict)
    audit: list[JsonValue] = field(default_factory=list)
    _serial: int = 0

    def next_id(self, kind: str) -> str:
        """`report-1`, `report-2`, ...: equal runs give equal ids."""
        with self.lock:
            self._serial += 1
            return f"{kind}-{self._serial}"

    def trace(self, identity: str, hops: list[JsonValue]) -> None:
        """Remembers where a request went, for the latest requests only."""
        with self.lock:
            self.traces[identity] = hops
            while len(self.traces) > _TRACES_KEPT:
                self.traces.popitem(last=False)


def timed(
    world: World, body: JsonValue, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """An API answer that says how long the simulated product took; the machine's own speed stays out of rehearsals."""
    timing = {"Server-Timing": f"app;dur={world.get('site.api-ms')}"}
    return JSONResponse(body, status_code=status, headers={**timing, **(headers or {})})


def with_session(world: World, state: SiteState, response: Response) -> Response:
    """The answer with the cookie of a new session; idle for longer than its Max-Age, the session is over."""
    minutes = world.get("site.session-minutes")
    lifetime = int(minutes * 60) if isinstance(minutes, int | float) else 0
    response.set_cookie("session", state.next_id("session"), max_age=lifetime, httponly=True, samesite="lax")
    return response


def sandbox_root(request: Request) -> str:
    """Address of the sandbox's HTTP server, below which every other part is mounted."""
    return f"{request.url.scheme}://{request.url.netloc}"
