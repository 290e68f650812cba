"""Paging by PagerDuty: who is woken and when, what was opened, and waking somebody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar, TypeVar, assert_never

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, SecretStr

from blocks import wire
from blocks.payloads import Payload, read
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.people import AlertRunbooks, EscalationResponse, OncallRota, PagedIncidents, PagerProbe
from launch.readings import Quantity, Reading, quantities

_SYSTEM = "PagerDuty"
_PAGE = 100
_ADDRESS = re.compile(r"https?://\S+")
_SEVERITY = {"P0": "critical", "P1": "error", "P2": "warning"}
_SEVERITIES = {"critical", "error", "warning", "info"}


class _Reference(Payload):
    id: str = ""
    type: str = ""
    summary: str | None = ""


class _Rung(Payload):
    escalation_delay_in_minutes: int
    targets: tuple[_Reference, ...] = ()


class _Policy(Payload):
    id: str
    name: str
    escalation_rules: tuple[_Rung, ...]


class _Policies(Payload):
    escalation_policies: tuple[_Policy, ...]
    more: bool = False


class _Oncall(Payload):
    escalation_level: int
    escalation_policy: _Reference


class _Oncalls(Payload):
    oncalls: tuple[_Oncall, ...]
    more: bool = False


class _Service(Payload):
    name: str
    description: str | None = ""


class _Services(Payload):
    services: tuple[_Service, ...]
    more: bool = False


class _NamedSchedule(Payload):
    id: str
    name: str


class _Schedules(Payload):
    schedules: tuple[_NamedSchedule, ...]
    more: bool = False


class _Shift(Payload):
    start: datetime
    end: datetime


class _Final(Payload):
    rendered_schedule_entries: tuple[_Shift, ...]


class _Schedule(Payload):
    final_schedule: _Final


class _OneSchedule(Payload):
    schedule: _Schedule


class _Incident(Payload):
    id: str
    status: str
    urgency: str
    html_url: str = ""
    priority: _Reference | None = None
    assignments: tuple[JsonValue, ...] = ()
    last_status_change_by: _Reference = _Reference()

    @property
    def owned(self) -> bool:
        """A resolved incident has no assignment left; its owner is the person who resolved it."""
        return bool(self.assignments) or (
            self.status == "resolved" and self.last_status_change_by.type.startswith("user")
        )


class _Incidents(Payload):
    incidents: tuple[_Incident, ...]
    more: bool = False


class _Notes(Payload):
    notes: tuple[JsonValue, ...]


class _User(Payload):
    abilities: tuple[str, ...]


P = TypeVar("P", bound=Payload)


class PagerDuty(Block):
    """A PagerDuty account. Reads by the REST API v2, opens incidents by the Events API v2."""

    _block_type_name = "PagerDuty"
    _block_type_slug = "pagerduty"
    _description = "PagerDuty, REST API v2 and Events API v2. https://developer.pagerduty.com/"
    _documentation_url = HttpUrl("https://developer.pagerduty.com/api-reference/")
    needs: ClassVar[str] = "a read-only REST key and one service's routing key"

    answers: ClassVar[tuple[type[Probe], ...]] = (EscalationResponse, AlertRunbooks, OncallRota, PagedIncidents)

    token: SecretStr = Field(description="REST API key; read-only suffices.")
    routing_key: SecretStr = Field(description="Integration key of the service that pages go to.")
    base_url: str = Field(default="https://api.pagerduty.com", description="Address of the REST API.")
    events_url: str = Field(default="https://events.pagerduty.com", description="Address of the Events API.")
    timeout_seconds: float = Field(default=10, gt=0, description="Longest wait for one answer, in seconds.")

    def check(self) -> str:
        """Proves that the REST key is taken; only a page proves the routing key. Raises `SystemFaultError`."""
        self._get(_User, "/abilities", "what may this key do")
        return "PagerDuty accepts the REST key (a routing key shows its worth only by a page)"

    def page(self, severity: str, summary: str, *, key: str) -> str:
        """Opens one incident for `key`, or finds it; returns its link, or the key while PagerDuty still files it.

        `severity` is P0 to P3, or PagerDuty's own critical, error, warning, info. Raises `SystemFaultError`.
        """
        question = f"the {severity} page"
        body: JsonValue = {
            "routing_key": self.routing_key.get_secret_value(),
            "event_action": "trigger",
            "dedup_key": key[:255],
            "payload": {
                "summary": summary[:1024],
                "source": "tminus",
                "severity": severity if severity in _SEVERITIES else _SEVERITY.get(severity, "info"),
            },
        }
        with wire.client(self.events_url, timeout_seconds=self.timeout_seconds) as client:
            wire.fetch(client, "POST", "/v2/enqueue", system=_SYSTEM, question=question, json=body)
        found = self._get(_Incidents, "/incidents", "the incident just opened", incident_key=key[:255]).incidents
        return found[0].html_url if found else key

    def answer(self, probe: PagerProbe, occasion: Occasion) -> Reading:
        """See `launch.ports.Answers`."""
        match probe:
            case EscalationResponse():
                return self._escalation(probe, occasion)
            case AlertRunbooks():
                return self._runbooks(occasion)
            case OncallRota():
                return self._rota(probe, occasion)
            case PagedIncidents():
                return self._opened(probe, occasion)
            case _:
                assert_never(probe)

    def _escalation(self, probe: EscalationResponse, occasion: Occasion) -> Reading:
        pages = self._pages(_Policies, "/escalation_policies", "the escalation policies")
        policies = {policy.name: policy for page in pages for policy in page.escalation_policies}
        oncalls = self._pages(
            _Oncalls, "/oncalls", "who is on call", since=_iso(occasion.now), until=_iso(occasion.now)
        )
        staffed = {(found.escalation_policy.id, found.escalation_level) for page in oncalls for found in page.oncalls}
        values: dict[str, Quantity] = {}
        unstaffed = 0
        for metric, name in probe.policies.items():
            policy = policies.get(name)
            if policy is None or not policy.escalation_rules:
                continue
            values[metric] = Quantity(value=policy.escalation_rules[0].escalation_delay_in_minutes, unit="min")
            rungs = range(1, len(policy.escalation_rules) + 1)
            unstaffed += sum((policy.id, rung) not in staffed for rung in rungs)
        missing = sorted(name for name in probe.policies.values() if name not in policies)
        if not missing:
            values["rungs_unstaffed"] = Quantity(value=unstaffed)
        evidence = f"no policy named {', '.join(missing)}" if missing else ""
        return _reading(values, "escalation policies", occasion, evidence)

    def _runbooks(self, occasion: Occasion) -> Reading:
        pages = self._pages(_Services, "/services", "the services that page")
        services = [service for page in pages for service in page.services]
        if not services:
            return _reading({}, "services", occasion, "no service is visible to this key")
        bare = [service.name for service in services if not _ADDRESS.search(service.description or "")]
        values = quantities(services=len(services), services_without_runbook=len(bare))
        return _reading(values, "services", occasion, ", ".join(bare))

    def _rota(self, probe: OncallRota, occasion: Occasion) -> Reading:
        pages = self._pages(_Schedules, "/schedules", "the schedules")
        ids = {found.name: found.id for page in pages for found in page.schedules}
        missing = sorted(set(probe.schedules) - set(ids))
        if missing:
            return _reading({}, "schedules", occasion, f"no schedule named {', '.join(missing)}")
        ahead = {name: self._covered(ids[name], probe, occasion) for name in probe.schedules}
        shortest = min(ahead, key=ahead.__getitem__)
        values = {"published_ahead": Quantity(value=ahead[shortest] / timedelta(days=1), unit="days")}
        return _reading(values, f"schedule {shortest!r}", occasion)

    def _covered(self, schedule: str, probe: OncallRota, occasion: Occasion) -> timedelta:
        until = occasion.now + probe.horizon
        found = self._get(
            _OneSchedule,
            f"/schedules/{schedule}",
            "the shifts of a schedule",
            since=_iso(occasion.now),
            until=_iso(until),
            time_zone="UTC",
        )
        covered = occasion.now
        for shift in sorted(found.schedule.final_schedule.rendered_schedule_entries, key=lambda entry: entry.start):
            if shift.start > covered:
                break
            covered = max(covered, shift.end)
        return min(covered, until) - occasion.now

    def _opened(self, probe: PagedIncidents, occasion: Occasion) -> Reading:
        since = occasion.now - probe.window if probe.window else occasion.went_live or occasion.t0
        pages = self._pages(_Incidents, "/incidents", "the incidents", since=_iso(since), until=_iso(occasion.now))
        incidents = [incident for page in pages for incident in page.incidents]
        untriaged = [incident for incident in incidents if incident.priority is None]
        severe = [found for found in incidents if found.priority and found.priority.summary in probe.severe]
        severe += [found for found in untriaged if found.urgency == "high"]
        values = quantities(
            incidents=len(incidents),
            p0_p1_incidents=len(severe),
            incidents_untriaged=len(untriaged),
            incidents_unowned=sum(not found.owned for found in incidents),
            incidents_unwritten=sum(not self._written(found) for found in incidents),
        )
        return _reading(values, f"incidents since {since:%Y-%m-%d %H:%M} UTC", occasion, " ".join(i.id for i in severe))

    def _written(self, incident: _Incident) -> bool:
        return bool(self._get(_Notes, f"/incidents/{incident.id}/notes", "the notes of an incident").notes)

    def _pages(self, model: type[P], path: str, question: str, **params: str) -> Iterator[P]:
        offset = 0
        while True:
            page = self._get(model, path, question, limit=str(_PAGE), offset=str(offset), **params)
            yield page
            if not getattr(page, "more", False):
                return
            offset += _PAGE

    def _get(self, model: type[P], path: str, question: str, **params: str) -> P:
        headers = {
            "Authorization": f"Token token={self.token.get_secret_value()}",
            "Accept": "application/vnd.pagerduty+json;version=2",
        }
        with wire.client(self.base_url, timeout_seconds=self.timeout_seconds, headers=headers) as client:
            response = wire.fetch(
                client, "GET", path, system=_SYSTEM, question=question, params=params, needs=self.needs
            )
        return read(model, response, system=_SYSTEM, question=question)


def _iso(moment: datetime) -> str:
    return moment.isoformat()


def _reading(values: dict[str, Quantity], where: str, occasion: Occasion, evidence: str = "") -> Reading:
    return Reading(values=values, where=f"{where} in PagerDuty", at=occasion.now, evidence=evidence[:256])
