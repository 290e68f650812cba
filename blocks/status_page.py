"""The public status page by Atlassian Statuspage: what it announces, and what the public reads on it."""

from __future__ import annotations

from typing import ClassVar, assert_never

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, SecretStr

from blocks.statuspage_api import Component, Incident, Mark, StatuspageApi
from launch.effects.base import Effect
from launch.effects.people import ScheduleMaintenance, SetStatus, StatusPageEffect
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.people import PublicMaintenance, PublicResolution, PublicStatus, StatusPageProbe, StatusPageSetup
from launch.readings import Quantity, Reading, quantities

_PLANNED = {"scheduled", "in_progress", "verifying"}
_RUNNING = {"in_progress", "verifying"}
_OPEN = {"investigating", "identified", "monitoring"}
_ANNOUNCED = {"maintenance": "in_progress", "operational": "resolved", "update": "resolved"}


class Statuspage(Block):
    """A page of Atlassian Statuspage. Writes by the management API, reads what the public sees by the public one.

    What this tool opened is found again by the launch and the keys in the incident's metadata.
    """

    _block_type_name = "Statuspage"
    _block_type_slug = "statuspage"
    _description = "Atlassian Statuspage, REST API v1. https://developer.statuspage.io/"
    _documentation_url = HttpUrl("https://developer.statuspage.io/")
    needs: ClassVar[str] = "a page's API key"

    answers: ClassVar[tuple[type[Probe], ...]] = (StatusPageSetup, PublicMaintenance, PublicStatus, PublicResolution)
    effects: ClassVar[tuple[type[Effect], ...]] = (ScheduleMaintenance, SetStatus)

    token: SecretStr = Field(description="API key of a user who may edit the page.")
    page_id: str = Field(description="Id of the page.")
    public_url: str = Field(description="Address of the page as the public reads it.")
    base_url: str = Field(default="https://api.statuspage.io/v1", description="Address of the management API.")
    timeout_seconds: float = Field(default=10, gt=0, description="Longest wait for one answer, in seconds.")

    def check(self) -> str:
        """Proves that the page may be managed and that the public sees it. Raises `SystemFaultError`."""
        name = self._api.page_name()
        self._api.public_summary()
        return f"Statuspage {name!r} can be managed and read"

    def announce(self, state: str, text: str, *, key: str) -> str:
        """Says `text` once for `key` on the page; returns the link.

        `state` is maintenance, operational, investigating, identified, monitoring or resolved; `update` changes no
        state. A text becomes an update of what this tool has open there; where nothing is open it opens something
        (closed from the start for operational, resolved and update). Raises `SystemFaultError`.
        """
        incidents = self._api.incidents()
        for incident in incidents:
            if key in incident.metadata.tminus.keys:
                return incident.shortlink
        kinds = _PLANNED if state == "maintenance" else _OPEN
        ours = [found for found in incidents if found.metadata.tminus.keys and found.status in kinds]
        status = _ANNOUNCED.get(state, state)
        if ours and state == "update":
            return self._api.update(ours[0], None, text, key=key, components={})
        if ours:
            return self._api.update(ours[0], status, text, key=key, components={})
        return self._api.open("Status update", status, text, mark=Mark(keys=(key,)), components={})

    def answer(self, probe: StatusPageProbe, occasion: Occasion) -> Reading:
        """See `launch.ports.Answers`."""
        match probe:
            case StatusPageSetup():
                return self._setup(occasion)
            case PublicMaintenance():
                return self._maintenance(probe, occasion)
            case PublicStatus():
                summary = self._api.public_summary()
                down = [part.name for part in summary.components if part.status != "operational"]
                values = quantities(page_status=summary.status.description)
                if summary.components:
                    values["components_down"] = Quantity(value=len(down))
                return self._reading(values, occasion, ", ".join(down))
            case PublicResolution():
                return self._resolution(probe, occasion)
            case _:
                assert_never(probe)

    def observe(self, effect: StatusPageEffect, occasion: Occasion) -> Observation:
        """See `launch.ports.Acts`."""
        ours = self._ours(occasion)
        match effect:
            case ScheduleMaintenance():
                window = (occasion.t0 + effect.start, occasion.t0 + effect.end)
                holds = any(
                    found.status in _RUNNING or (found.scheduled_for, found.scheduled_until) == window
                    for found in ours
                    if found.status in _PLANNED
                )
                return Observation(standing=_standing(holds=holds), detail=_detail(ours))
            case SetStatus():
                components = self._api.components()
                state: State = {
                    "components": {part.id: part.status for part in components},
                    "incidents": {found.id: found.status for found in ours},
                }
                holds = _is_in_state(effect, components, ours)
                return Observation(standing=_standing(holds=holds), state=state, detail=_detail(ours))
            case _:
                assert_never(effect)

    def apply(self, effect: StatusPageEffect, occasion: Occasion) -> None:
        """See `launch.ports.Acts`."""
        match effect:
            case ScheduleMaintenance():
                self._schedule(effect, occasion)
            case SetStatus():
                self._set(effect, occasion)
            case _:
                assert_never(effect)

    def observe_restored(self, effect: StatusPageEffect, before: State, occasion: Occasion) -> Observation:
        """See `launch.ports.Acts`."""
        ours = self._ours(occasion)
        match effect:
            case ScheduleMaintenance():
                gone = not any(found.status in _PLANNED for found in ours)
                return Observation(standing=_standing(holds=gone), detail=_detail(ours))
            case SetStatus():
                same = {part.id: part.status for part in self._api.components()} == before.get("components")
                same = same and {found.id: found.status for found in ours} == before.get("incidents")
                return Observation(standing=_standing(holds=same), detail=_detail(ours))
            case _:
                assert_never(effect)

    def restore(self, effect: StatusPageEffect, before: State, occasion: Occasion) -> None:
        """See `launch.ports.Acts`. A notice that has begun is completed, one that has not is deleted."""
        ours = self._ours(occasion)
        match effect:
            case ScheduleMaintenance():
                for found in ours:
                    if found.status == "scheduled":
                        self._api.delete(found)
                    elif found.status in _RUNNING:
                        self._api.update(
                            found, "completed", "Maintenance was cancelled.", key=occasion.key, components={}
                        )
            case SetStatus():
                recorded = _texts(before.get("incidents"))
                for found in ours:
                    if found.id not in recorded:
                        self._api.delete(found)
                    elif recorded[found.id] != found.status:
                        self._api.update(found, recorded[found.id], "", key=occasion.key, components={})
                self._api.set_components(_texts(before.get("components")))
            case _:
                assert_never(effect)

    def _setup(self, occasion: Occasion) -> Reading:
        email = self._api.subscribers()
        values = quantities(
            components=len(self._api.components()),
            subscribers_active=email.active,
            subscribers_quarantined=email.quarantined,
        )
        return self._reading(values, occasion)

    def _maintenance(self, probe: PublicMaintenance, occasion: Occasion) -> Reading:
        planned = [found for found in self._api.public_maintenances() if found.status in _PLANNED]
        start, end = occasion.t0 + probe.start, occasion.t0 + probe.end
        covering = [
            found
            for found in planned
            if found.scheduled_for
            and found.scheduled_until
            and found.scheduled_for <= start <= end <= found.scheduled_until
        ]
        running = [found for found in planned if found.status in _RUNNING]
        values = quantities(maintenances_covering=len(covering), maintenances_in_progress=len(running))
        return self._reading(values, occasion, "; ".join(f"{found.name} ({found.status})" for found in planned))

    def _resolution(self, probe: PublicResolution, occasion: Occasion) -> Reading:
        shown = self._api.public_incidents()
        since = occasion.now - probe.within
        resolved = [
            found
            for found in shown
            if found.status == "resolved"
            and found.resolved_at
            and found.resolved_at >= since
            and found.says(probe.holding)
        ]
        values = quantities(resolutions=len(resolved), incidents_open=sum(found.status in _OPEN for found in shown))
        return self._reading(values, occasion, "; ".join(found.name for found in resolved))

    def _schedule(self, effect: ScheduleMaintenance, occasion: Occasion) -> None:
        window = {
            "scheduled_for": (occasion.t0 + effect.start).isoformat(),
            "scheduled_until": (occasion.t0 + effect.end).isoformat(),
        }
        for found in self._ours(occasion):
            if found.status == "scheduled":
                self._api.move(found, window)
                return
        mark = Mark(launch=occasion.launch, keys=(occasion.key,))
        self._api.open(effect.title, "scheduled", effect.text, mark=mark, components={}, window=window)

    def _set(self, effect: SetStatus, occasion: Occasion) -> None:
        api, key = self._api, occasion.key
        mark = Mark(launch=occasion.launch, keys=(key,))
        ours = self._ours(occasion)
        maintenance = [found for found in ours if found.status in _PLANNED]
        incidents = [found for found in ours if found.status in _OPEN]
        match effect.state:
            case "maintenance" | "verifying":
                under, status = self._all("under_maintenance"), _ANNOUNCED.get(effect.state, effect.state)
                if maintenance:
                    api.update(maintenance[0], status, effect.text, key=key, components=under)
                else:
                    now = {"scheduled_for": occasion.now.isoformat(), "scheduled_until": occasion.t0.isoformat()}
                    api.open(effect.title, status, effect.text, mark=mark, components=under, window=now)
            case "operational" | "resolved":
                for found in maintenance:
                    api.update(found, "completed", effect.text, key=key, components={})
                for found in incidents:
                    api.update(found, "resolved", effect.text, key=key, components={})
                if effect.state == "resolved" and not incidents:
                    api.open(effect.title, "resolved", effect.text, mark=mark, components={})
                api.set_components(self._all("operational"))
            case "investigating":
                api.open(effect.title, "investigating", effect.text, mark=mark, components={})
            case "identified" | "monitoring":
                if incidents:
                    api.update(incidents[0], effect.state, effect.text, key=key, components={})
                else:
                    api.open(effect.title, effect.state, effect.text, mark=mark, components={})
            case _:
                assert_never(effect.state)

    def _all(self, status: str) -> dict[str, str]:
        return {part.id: status for part in self._api.components() if not part.group}

    def _ours(self, occasion: Occasion) -> list[Incident]:
        """What this launch opened, and what this tool announced for no launch and has not closed."""
        still_open = _PLANNED | _OPEN
        return [
            found
            for found in self._api.incidents()
            if found.metadata.tminus.launch == occasion.launch
            or (found.metadata.tminus.keys and not found.metadata.tminus.launch and found.status in still_open)
        ]

    @property
    def _api(self) -> StatuspageApi:
        return StatuspageApi(
            token=self.token.get_secret_value(),
            page_id=self.page_id,
            base_url=self.base_url,
            public_url=self.public_url,
            timeout_seconds=self.timeout_seconds,
            needs=self.needs,
        )

    def _reading(self, values: dict[str, Quantity], occasion: Occasion, evidence: str = "") -> Reading:
        where = "the public status page"
        return Reading(values=values, where=where, at=occasion.now, evidence=evidence[:256])


def _is_in_state(effect: SetStatus, components: list[Component], ours: list[Incident]) -> bool:
    parts = {part.status for part in components if not part.group}
    statuses = {found.status for found in ours}
    match effect.state:
        case "maintenance":
            return parts == {"under_maintenance"} and bool(statuses & _RUNNING)
        case "verifying" | "identified" | "monitoring":
            return any(found.status == effect.state and found.says(effect.text) for found in ours)
        case "operational":
            return parts == {"operational"} and not statuses & (_PLANNED | _OPEN)
        case "investigating":
            return bool(statuses & _OPEN)
        case "resolved":
            told = any(found.status == "resolved" and found.says(effect.text) for found in ours)
            return told and parts == {"operational"} and not statuses & (_PLANNED | _OPEN)
        case _:
            assert_never(effect.state)


def _standing(*, holds: bool) -> Standing:
    return Standing.HOLDS if holds else Standing.ABSENT


def _detail(ours: list[Incident]) -> str:
    return "; ".join(f"{found.name} ({found.status})" for found in ours) or "nothing of this launch on the page"


def _texts(value: JsonValue) -> dict[str, str]:
    return {name: str(text) for name, text in value.items()} if isinstance(value, dict) else {}
