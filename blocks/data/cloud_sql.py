"""Backups and point-in-time clones of one Cloud SQL instance (https://cloud.google.com/sql/docs/postgres/admin-api/rest)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar, assert_never

from prefect.blocks.core import Block
from pydantic import AwareDatetime, Field, HttpUrl, JsonValue

from blocks.data.cloning import InstanceKeeper, clone_name, moment_of, not_restorable, seen_clone
from blocks.endpoint import Endpoint
from blocks.google_access import GoogleAccess
from blocks.payloads import Payload, read
from launch.effects.data import CloneDatabase, TakeSnapshot
from launch.ports import Observation, Occasion, Standing
from launch.probes.base import Probe
from launch.probes.stores import LaunchSnapshot, RecoveryPoint
from launch.readings import Reading, quantities

_GB = 10**9
_PAGES = 50
# 400 is what it says of an instance without point-in-time recovery.
_NOT_KEPT, _CONFLICT = 400, 409
_SUCCESS_OR_NOT_KEPT = frozenset({*range(200, 300), _NOT_KEPT})
_SUCCESS_OR_CONFLICT = frozenset({*range(200, 300), _CONFLICT})
# An instance's name with its project's and the colon between may have 98: https://cloud.google.com/sql/docs/postgres/instance-settings
_LONGEST_ADDRESS = 98
_CLONE_STATES = {"RUNNABLE": Standing.HOLDS, "PENDING_CREATE": Standing.UNDER_WAY, "MAINTENANCE": Standing.UNDER_WAY}
_BACKUP_STATES = {"SUCCESSFUL": Standing.HOLDS, "ENQUEUED": Standing.UNDER_WAY, "RUNNING": Standing.UNDER_WAY}
_PORTS = {"POSTGRES": 5432, "MYSQL": 3306, "SQLSERVER": 1433}
_SERVING = "RUNNABLE"


class _Address(Payload):
    type: str
    address: str = Field(alias="ipAddress")


class _Instance(Payload):
    name: str
    state: str
    version: str = Field(default="", alias="databaseVersion")
    addresses: tuple[_Address, ...] = Field(default=(), alias="ipAddresses")

    @property
    def address(self) -> str:
        """Within its network if it has one there: that is where the product is."""
        found = {one.type: one.address for one in self.addresses}
        return found.get("PRIVATE") or found.get("PRIMARY") or ""

    @property
    def port(self) -> int:
        return _PORTS.get(self.version.split("_")[0], 0)


class _Instances(Payload):
    kind: str
    items: tuple[_Instance, ...] = ()


class _Named(Payload):
    code: str


class _Interval(Payload):
    end: AwareDatetime | None = Field(default=None, alias="endTime")


class _Backup(Payload):
    instance: str
    state: str
    description: str = ""
    expires: AwareDatetime | None = Field(default=None, alias="expiryTime")
    interval: _Interval = Field(default_factory=_Interval, alias="backupInterval")
    size_bytes: int | None = Field(default=None, alias="maxChargeableBytes")
    error: _Named | None = None


class _Backups(Payload):
    backups: tuple[_Backup, ...] = ()
    next_page: str = Field(default="", alias="nextPageToken")


class _Failures(Payload):
    errors: tuple[_Named, ...] = ()


class _Operation(Payload):
    kind: str
    type: str = Field(default="", alias="operationType")
    target: str = Field(default="", alias="targetId")
    error: _Failures = Field(default_factory=_Failures)


class _Operations(Payload):
    kind: str
    items: tuple[_Operation, ...] = ()


class _Newest(Payload):
    kind: str
    at: AwareDatetime | None = Field(default=None, alias="latestRecoveryTime")


class CloudSql(InstanceKeeper, GoogleAccess, Block):
    """One database instance of Google Cloud SQL."""

    _block_type_name = "Cloud SQL"
    _block_type_slug = "cloud-sql"
    _description = "Google Cloud SQL: backups and clones of one instance."
    _documentation_url = HttpUrl("https://cloud.google.com/sql/docs/postgres/admin-api/rest")
    needs: ClassVar[str] = (
        "`cloudsql.instances.get`, `.list` and `.clone`, `cloudsql.backupRuns.create`, `.get` and `.list`"
    )
    scope: ClassVar[str] = "https://www.googleapis.com/auth/sqlservice.admin"

    answers: ClassVar[tuple[type[Probe], ...]] = (LaunchSnapshot, RecoveryPoint)

    url: str = Field(default="https://sqladmin.googleapis.com", description="Address of the API; before `/v1`.")
    project: str = Field(description="Id of the project.")
    instance: str = Field(description="Id of the instance, without the project.")

    @property
    def named(self) -> str:
        return f"Cloud SQL {self.project}:{self.instance}"

    def check(self) -> str:
        """Proves that the instance can be seen and serves; only a clone proves the right to clone.

        Raises `SystemFaultError`.
        """
        found = self._api.ask(_Instance, "GET", self._path(f"instances/{self.instance}"), question="the instance")
        newest = self._newest()
        reach = f"can be brought back to {newest.isoformat()}" if newest else "has no point-in-time recovery"
        serves = "serves" if found.state == _SERVING else f"is {found.state}"
        return f"{self.named} {serves} and {reach}"

    def answer(self, probe: LaunchSnapshot | RecoveryPoint, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        match probe:
            case LaunchSnapshot():
                return self._snapshot_reading(occasion)
            case RecoveryPoint():
                newest = self._newest()
                age = (occasion.now - newest).total_seconds() if newest is not None else None
                return Reading(
                    values=quantities("s", recovery_point_age=age),
                    where=f"point-in-time recovery of {self.named}",
                    at=occasion.now,
                    evidence=f"restorable up to {newest.isoformat()}" if newest else "no point-in-time recovery",
                )
            case _:
                assert_never(probe)

    def take_snapshot(self, effect: TakeSnapshot, occasion: Occasion) -> None:
        body: JsonValue = {
            "instance": self.instance,
            "description": _description(occasion),
            "expiryTime": _stamp(occasion.now + timedelta(days=effect.keep_days)),
        }
        self._api.ask(_Operation, "POST", self._path("backups"), question="take a backup", json=body)

    def clone_seen(self, effect: CloneDatabase) -> Observation:
        name = self._clone_name(moment_of(effect, self.named))
        # Asked for by its name, one that is not there is a missing right: HTTP 403.
        params = {"filter": f"name:{name}"}
        path = self._path("instances")
        listed = self._api.ask(_Instances, "GET", path, question=f"clone {name}", params=params).items
        found = next((one for one in listed if one.name == name), None)
        if found is None:
            return Observation(standing=Standing.ABSENT, detail=f"there is no clone {name}")
        standing = _CLONE_STATES.get(found.state, Standing.FAILED)
        why = self._why(name) if standing is Standing.FAILED else ""
        return seen_clone(name, found.state, standing, address=found.address, port=found.port, why=why)

    def start_clone(self, effect: CloneDatabase, occasion: Occasion) -> None:  # noqa: ARG002  its name says enough
        moment = moment_of(effect, self.named)
        if fault := not_restorable(self.named, moment, self._newest()):
            raise fault
        context: JsonValue = {"destinationInstanceName": self._clone_name(moment), "pointInTime": _stamp(moment)}
        path, question = self._path(f"instances/{self.instance}/clone"), f"a clone as of {moment.isoformat()}"
        body: JsonValue = {"cloneContext": context}
        response = self._api.send("POST", path, question=question, json=body, ok=_SUCCESS_OR_CONFLICT)
        # The name says which clone it is: one that is there already is this one.
        if response.status_code != _CONFLICT:
            read(_Operation, response, system=self.named, question=question)

    def _why(self, name: str) -> str:
        """Codes of what went wrong while it was made; the vendor's sentences may quote anything."""
        question = f"why clone {name} failed"
        params = {"instance": name}
        found = self._api.ask(_Operations, "GET", self._path("operations"), question=question, params=params).items
        codes = [one.code for operation in found if operation.target == name for one in operation.error.errors]
        return ", ".join(dict.fromkeys(codes))

    def _clone_name(self, moment: datetime) -> str:
        return clone_name(self.instance, moment, longest=_LONGEST_ADDRESS - len(self.project) - 1)

    def _snapshot(self, occasion: Occasion) -> _Backup | None:
        """The newest backup of this launch; one that failed counts only if there is no other."""
        described = _description(occasion)
        mine = [one for one in self._backups() if one.instance == self.instance and one.description == described]
        good = [one for one in mine if one.state in _BACKUP_STATES]
        return next(iter(good or mine), None)

    def _backups(self) -> Iterator[_Backup]:
        page = ""
        for _ in range(_PAGES):
            params: dict[str, str | int] = {"filter": f"instance:{self.instance}", "pageSize": 500}
            if page:
                params["pageToken"] = page
            found = self._api.ask(_Backups, "GET", self._path("backups"), question="its backups", params=params)
            yield from found.backups
            page = found.next_page
            if not page:
                return

    def snapshot_seen(self, occasion: Occasion) -> Observation:
        found = self._snapshot(occasion)
        if found is None:
            return Observation(standing=Standing.ABSENT, detail=f"there is no backup {_description(occasion)!r}")
        why = f": {found.error.code}" if found.error else ""
        return Observation(
            standing=_BACKUP_STATES.get(found.state, Standing.FAILED),
            state={"snapshot": found.description},
            detail=f"backup {found.description!r} is {found.state}{why}",
        )

    def _snapshot_reading(self, occasion: Occasion) -> Reading:
        where, found = f"backup {_description(occasion)!r} of {self.named}", self._snapshot(occasion)
        if found is None:
            return Reading(values={}, where=where, at=occasion.now, evidence="there is no such backup")
        status = "available" if _BACKUP_STATES.get(found.state) is Standing.HOLDS else found.state.lower()
        made, expires = found.interval.end, found.expires
        kept = (expires - made).total_seconds() / 86_400 if made and expires else None
        return Reading(
            values={
                **quantities(snapshot_status=status),
                **quantities("GB", snapshot_size=None if found.size_bytes is None else found.size_bytes / _GB),
                **quantities("days", snapshot_retention=None if kept is None else round(kept, 1)),
            },
            where=where,
            at=occasion.now,
        )

    def _newest(self) -> datetime | None:
        """The last moment that a clone may be of; None where the instance keeps no logs for that."""
        path = self._path(f"instances/{self.instance}/getLatestRecoveryTime")
        question = "the last moment to go back to"
        response = self._api.send("GET", path, question=question, ok=_SUCCESS_OR_NOT_KEPT)
        if response.status_code == _NOT_KEPT:
            return None
        return read(_Newest, response, system=self.named, question=question).at

    def _path(self, path: str) -> str:
        return f"/v1/projects/{self.project}/{path}"

    @property
    def _api(self) -> Endpoint:
        return Endpoint(
            self.named,
            self.url,
            headers=self.authorized(self.named),
            timeout_seconds=self.timeout_seconds,
            needs=self.needs,
        )


def _description(occasion: Occasion) -> str:
    return f"launch {occasion.launch}"


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
