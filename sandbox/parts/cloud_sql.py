"""A Cloud SQL instance with its backups and clones. https://cloud.google.com/sql/docs/postgres/admin-api/rest"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.world import World

_PROJECT, _INSTANCE = "media-prod", "media-gateway-db"
_ROOT = f"/v1/projects/{_PROJECT}"
_ACCOUNT = f"launch@{_PROJECT}.iam.gserviceaccount.com"
_SCOPES = {"https://www.googleapis.com/auth/sqlservice.admin", "https://www.googleapis.com/auth/cloud-platform"}
_STORED_BYTES = 80 * 10**9


@dataclass(frozen=True)
class _Made:
    """A backup or a clone, and when it was asked for."""

    at: datetime
    body: Mapping[str, JsonValue]


class CloudSqlPart:
    """One instance that keeps its logs; asked for by the name of one that is not there, it refuses, as Google does."""

    name = "cloud-sql"

    def __init__(self) -> None:
        self._backups: list[_Made] = []
        self._clones: dict[str, _Made] = {}
        self._lock = threading.Lock()

    def define(self, world: World) -> None:
        self._world = world
        for name, default, what in (
            ("may_clone", True, "whether the service account may clone and back up"),
            ("recovery_point_seconds", 240, "age of the newest moment to go back to"),
            ("keeps_logs", True, "whether point-in-time recovery is switched on"),
            ("backup_seconds", 120, "how long a backup is RUNNING"),
            ("backup_state", "SUCCESSFUL", "state of a backup once it is no longer RUNNING"),
            ("clone_seconds", 900, "how long a clone is PENDING_CREATE"),
            ("clone_state", "RUNNABLE", "state of a clone once it is no longer PENDING_CREATE"),
        ):
            world.define(f"cloud-sql.{name}", default, what)

    def start(self) -> None:
        """Makes the key of the service account."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._key = {
            "type": "service_account",
            "project_id": _PROJECT,
            "private_key_id": "sandbox",
            "private_key": private.decode(),
            "client_email": _ACCOUNT,
            "token_uri": "https://oauth2.googleapis.com/token",
        }

    def stop(self) -> None:
        """Nothing runs beside the shared server."""

    def tick(self) -> None:
        """Backups and clones are done when they are asked for after their time."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {
            "cloud-sql/sandbox-cloud-sql": {
                "url": base_url,
                "project": _PROJECT,
                "instance": _INSTANCE,
                "service_account": json.dumps(self._key),
                "timeout_seconds": 5,
            }
        }

    def routes(self) -> Sequence[BaseRoute]:
        instance = f"{_ROOT}/instances/{{name}}"
        return [
            Route(f"{_ROOT}/instances", self._list),
            Route(instance, self._get),
            Route(f"{instance}/getLatestRecoveryTime", self._newest),
            Route(f"{instance}/clone", self._clone, methods=["POST"]),
            Route(f"{_ROOT}/backups", self._list_backups, methods=["GET"]),
            Route(f"{_ROOT}/backups", self._back_up, methods=["POST"]),
            Route(f"{_ROOT}/operations", self._operations),
        ]

    def _list(self, request: Request) -> Response:
        if refusal := self._refused(request):
            return refusal
        wanted = request.query_params.get("filter", "").removeprefix("name:")
        with self._lock:
            found = [self._shown(name) for name in (_INSTANCE, *self._clones) if wanted in {"", name}]
        body: dict[str, JsonValue] = {"kind": "sql#instancesList"}
        # An empty list is left out, as everywhere in Google's JSON.
        return JSONResponse(body | ({"items": [*found]} if found else {}))

    def _get(self, request: Request) -> Response:
        if refusal := self._refused(request):
            return refusal
        name = request.path_params["name"]
        with self._lock:
            if name != _INSTANCE and name not in self._clones:
                return _error(403, "notAuthorized")
            return JSONResponse(self._shown(name))

    def _newest(self, request: Request) -> Response:
        if refusal := self._refused(request):
            return refusal
        if not self._world.get("cloud-sql.keeps_logs"):
            return _error(400, "invalidRequest")
        at = self._newest_moment().isoformat()
        return JSONResponse({"kind": "sql#getLatestRecoveryTime", "latestRecoveryTime": at.replace("+00:00", "Z")})

    async def _clone(self, request: Request) -> Response:
        context = (await request.json())["cloneContext"]
        name, moment = context["destinationInstanceName"], datetime.fromisoformat(context["pointInTime"])
        if refusal := self._refused(request, acts=True):
            return refusal
        with self._lock:
            if name in self._clones:
                return _error(409, "instanceAlreadyExists")
            if not self._world.get("cloud-sql.keeps_logs") or moment > self._newest_moment():
                return _error(400, "invalidRequest")
            self._clones[name] = _Made(self._world.now(), {"address": f"10.20.0.{len(self._clones) + 8}"})
        return JSONResponse(_operation("CLONE", name))

    def _list_backups(self, request: Request) -> Response:
        if refusal := self._refused(request):
            return refusal
        with self._lock:
            # One to a page, the newest first: who reads only the first page is found out.
            newest_first = [*reversed(self._backups)]
        at = int(request.query_params.get("pageToken") or 0)
        page: list[JsonValue] = [self._shown_backup(one) for one in newest_first[at : at + 1]]
        more = {"nextPageToken": str(at + 1)} if at + 1 < len(newest_first) else {}
        return JSONResponse(({"backups": page} if page else {}) | more)

    async def _back_up(self, request: Request) -> Response:
        body = await request.json()
        if refusal := self._refused(request, acts=True):
            return refusal
        with self._lock:
            self._backups.append(_Made(self._world.now(), body))
        return JSONResponse(_operation("BACKUP_VOLUME", _INSTANCE))

    def _operations(self, request: Request) -> Response:
        if refusal := self._refused(request):
            return refusal
        name = request.query_params.get("instance", "")
        done: list[JsonValue] = []
        with self._lock:
            if name in self._clones and self._shown(name)["state"] == "FAILED":
                error: JsonValue = {"kind": "sql#operationError", "code": "INTERNAL_ERROR", "message": "no more told"}
                done.append(_operation("CLONE", name) | {"error": {"errors": [error]}})
        return JSONResponse({"kind": "sql#operationsList", "items": done})

    def _shown(self, name: str) -> dict[str, JsonValue]:
        state, address = "RUNNABLE", "10.20.0.3"
        if name != _INSTANCE:
            made = self._clones[name]
            state, address = str(self._world.get("cloud-sql.clone_state")), str(made.body["address"])
            if self._age(made) < float(str(self._world.get("cloud-sql.clone_seconds"))):
                state = "PENDING_CREATE"
        known: list[JsonValue] = [
            {"type": "PRIMARY", "ipAddress": address.replace("10.20", "34.77")},
            {"type": "PRIVATE", "ipAddress": address},
        ]
        shown: dict[str, JsonValue] = {"kind": "sql#instance", "name": name, "project": _PROJECT, "state": state}
        shown["databaseVersion"] = "POSTGRES_16"
        return shown if state == "PENDING_CREATE" else shown | {"ipAddresses": known}

    def _shown_backup(self, made: _Made) -> dict[str, JsonValue]:
        state = str(self._world.get("cloud-sql.backup_state"))
        seconds = float(str(self._world.get("cloud-sql.backup_seconds")))
        if self._age(made) < seconds:
            state = "RUNNING"
        shown: dict[str, JsonValue] = {"kind": "sql#backup", "type": "ON_DEMAND", "state": state, **made.body}
        if state == "RUNNING":
            return shown
        if state == "FAILED":
            return shown | {"error": {"kind": "sql#operationError", "code": "INTERNAL_ERROR"}}
        end = (made.at + timedelta(seconds=seconds)).isoformat()
        return shown | {"backupInterval": {"endTime": end}, "maxChargeableBytes": str(_STORED_BYTES)}

    def _newest_moment(self) -> datetime:
        return self._world.now() - timedelta(seconds=float(str(self._world.get("cloud-sql.recovery_point_seconds"))))

    def _age(self, made: _Made) -> float:
        return (self._world.now() - made.at).total_seconds()

    def _refused(self, request: Request, *, acts: bool = False) -> Response | None:
        """A token signed by the account's own key is let in: https://google.aip.dev/auth/4111."""
        from google.auth.exceptions import GoogleAuthError
        from google.auth.jwt import decode

        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            claims = decode(token, certs=self._public)  # type: ignore[no-untyped-call]
        except (ValueError, GoogleAuthError):
            return _error(401, "authError")
        if claims["iss"] != _ACCOUNT or not _SCOPES & set(str(claims.get("scope")).split()):
            return _error(403, "insufficientPermissions")
        if acts and not self._world.get("cloud-sql.may_clone"):
            return _error(403, "notAuthorized")
        return None


def _operation(kind: str, target: str) -> dict[str, JsonValue]:
    return {"kind": "sql#operation", "operationType": kind, "status": "PENDING", "targetId": target}


def _error(status: int, reason: str) -> Response:
    """https://cloud.google.com/apis/design/errors"""
    error: JsonValue = {"message": f"{reason}.", "domain": "global", "reason": reason}
    return JSONResponse({"error": {"code": status, "message": f"{reason}.", "errors": [error]}}, status_code=status)
