"""Atlassian Statuspage on the wire: the management API v1 and what the public page serves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import httpx
from pydantic import JsonValue, TypeAdapter, ValidationError

from blocks import wire
from blocks.payloads import Payload, read
from launch.errors import PermanentFaultError

SYSTEM = "Statuspage"


class Component(Payload):
    id: str
    name: str
    status: str
    group: bool = False


class Mark(Payload):
    launch: str = ""
    keys: tuple[str, ...] = ()


class _Metadata(Payload):
    tminus: Mark = Mark()


class Update(Payload):
    body: str | None = ""
    status: str
    created_at: datetime


class Incident(Payload):
    id: str
    name: str
    status: str
    scheduled_for: datetime | None = None
    scheduled_until: datetime | None = None
    resolved_at: datetime | None = None
    shortlink: str = ""
    metadata: _Metadata = _Metadata()
    incident_updates: tuple[Update, ...] = ()

    def says(self, phrase: str) -> bool:
        return any(phrase.casefold() in (update.body or "").casefold() for update in self.incident_updates)


class _Rollup(Payload):
    description: str


class Summary(Payload):
    status: _Rollup
    components: list[Component]


class _Maintenances(Payload):
    scheduled_maintenances: list[Incident]


class _Incidents(Payload):
    incidents: list[Incident]


class States(Payload):
    active: int
    quarantined: int


class _Histogram(Payload):
    email: States


class _Page(Payload):
    name: str


T = TypeVar("T")
P = TypeVar("P", bound=Payload)
_COMPONENTS = TypeAdapter(list[Component])
_INCIDENTS = TypeAdapter(list[Incident])


@dataclass(frozen=True)
class StatuspageApi:
    """One page. Every method raises `SystemFaultError`, and only that."""

    token: str
    page_id: str
    base_url: str
    public_url: str
    timeout_seconds: float
    needs: str = ""

    def page_name(self) -> str:
        """The page's own name."""
        question = "which page is this"
        return read(_Page, self._manage("GET", "", question), system=SYSTEM, question=question).name

    def components(self) -> list[Component]:
        """Every component, groups included."""
        return self._list(_COMPONENTS, "/components", "the components")

    def incidents(self) -> list[Incident]:
        """The hundred newest incidents and maintenances, newest first."""
        return self._list(_INCIDENTS, "/incidents?limit=100", "the incidents")

    def subscribers(self) -> States:
        """Mail subscribers by state."""
        question = "the subscribers"
        response = self._manage("GET", "/subscribers/histogram_by_state", question)
        return read(_Histogram, response, system=SYSTEM, question=question).email

    def open(
        self,
        title: str,
        status: str,
        text: str,
        *,
        mark: Mark,
        components: dict[str, str],
        window: dict[str, str] | None = None,
    ) -> str:
        """Opens an incident or maintenance; returns its short link."""
        question = f"open {title!r} as {status}"
        incident: dict[str, JsonValue] = {
            "name": title,
            "status": status,
            "body": text,
            "metadata": {"tminus": mark.model_dump(mode="json")},
            **(window or {}),
            **_affected(components),
        }
        response = self._manage("POST", "/incidents", question, {"incident": incident})
        return read(Incident, response, system=SYSTEM, question=question).shortlink

    def update(self, found: Incident, status: str | None, text: str, *, key: str, components: dict[str, str]) -> str:
        """Adds an update, or changes the status alone where there is no text; returns the short link.

        No status leaves it as it is at that moment, whoever changed it since `found` was read.
        """
        mark = Mark(launch=found.metadata.tminus.launch, keys=(*found.metadata.tminus.keys, key))
        incident: dict[str, JsonValue] = {
            "metadata": {"tminus": mark.model_dump(mode="json")},
            **({"status": status} if status else {}),
            **({"body": text} if text else {}),
            **_affected(components),
        }
        self._manage("PATCH", f"/incidents/{found.id}", f"update {found.name!r}", {"incident": incident})
        return found.shortlink

    def move(self, found: Incident, window: dict[str, str]) -> None:
        """Gives an announced maintenance another window."""
        self._manage("PATCH", f"/incidents/{found.id}", f"move {found.name!r}", {"incident": dict(window)})

    def delete(self, found: Incident) -> None:
        """Takes an incident off the page; one that is gone already is fine."""
        self._manage("DELETE", f"/incidents/{found.id}", f"delete {found.name!r}", missing_ok=True)

    def set_components(self, wanted: dict[str, str]) -> None:
        """Brings every named component into its wanted state."""
        for part in self.components():
            status = wanted.get(part.id, part.status)
            if part.status != status:
                body: JsonValue = {"component": {"status": status}}
                self._manage("PATCH", f"/components/{part.id}", f"set {part.name!r} to {status}", body)

    def public_summary(self) -> Summary:
        """What stands at the top of the public page."""
        return self._public(Summary, "summary.json", "what the public page reads")

    def public_maintenances(self) -> list[Incident]:
        """Maintenances as the public sees them."""
        name, question = "scheduled-maintenances.json", "the announced maintenance"
        return self._public(_Maintenances, name, question).scheduled_maintenances

    def public_incidents(self) -> list[Incident]:
        """The fifty newest incidents as the public sees them."""
        return self._public(_Incidents, "incidents.json", "the incidents").incidents

    def _list(self, adapter: TypeAdapter[T], path: str, question: str) -> T:
        try:
            return adapter.validate_json(self._manage("GET", path, question).content)
        except ValidationError as error:
            raise PermanentFaultError(
                system=SYSTEM,
                question=question,
                answer="something of another form",
                next_step="check the address in the status page block",
            ) from error

    def _manage(
        self, method: str, path: str, question: str, body: JsonValue = None, *, missing_ok: bool = False
    ) -> httpx.Response:
        ok = {*range(200, 300), 404} if missing_ok else wire.SUCCESS
        address = f"{self.base_url}/pages/{self.page_id}{path}"
        headers = {"Authorization": f"OAuth {self.token}"}
        with wire.client("", timeout_seconds=self.timeout_seconds, headers=headers) as client:
            return wire.fetch(
                client, method, address, system=SYSTEM, question=question, ok=ok, json=body, needs=self.needs
            )

    def _public(self, model: type[P], name: str, question: str) -> P:
        with wire.client("", timeout_seconds=self.timeout_seconds) as client:
            response = wire.fetch(client, "GET", f"{self.public_url}/api/v2/{name}", system=SYSTEM, question=question)
        return read(model, response, system=SYSTEM, question=question)


def _affected(components: dict[str, str]) -> dict[str, JsonValue]:
    return {"components": dict(components), "component_ids": list(components)} if components else {}
