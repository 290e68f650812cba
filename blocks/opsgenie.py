"""Paging by Opsgenie: waking somebody, how far the rota reaches, and what became of what was opened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar, assert_never
from urllib.parse import quote

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, PrivateAttr, SecretStr

from blocks import payloads
from blocks.endpoint import Endpoint
from blocks.payloads import Payload
from launch.errors import PermanentFaultError
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.people import OncallRota, PagedIncidents
from launch.readings import Quantity, Reading, quantities

_PAGE = 100
_SEVERITY = {"P0": "P1", "P1": "P2", "P2": "P3", "P3": "P4", "critical": "P1", "error": "P2", "warning": "P3"}
"""A launch counts from P0, Opsgenie from P1; what is in neither list is for information only."""
_FOR_INFORMATION = "P5"
_NOT_YET = 404
_LONGEST_KEY, _LONGEST_WORDS = 512, 130


class _Accepted(Payload):
    request_id: str = Field(alias="requestId")


class _Processed(Payload):
    success: bool
    alert_id: str = Field(default="", alias="alertId")


class _ProcessedAnswer(Payload):
    data: _Processed


class _Schedule(Payload):
    id: str
    name: str
    enabled: bool


class _Schedules(Payload):
    data: list[_Schedule]


class _Recipient(Payload):
    type: str = ""


class _Period(Payload):
    start: datetime = Field(alias="startDate")
    end: datetime = Field(alias="endDate")
    recipient: _Recipient | None = None

    @property
    def staffed(self) -> bool:
        """An override may say in so many words that nobody is on call."""
        return self.recipient is not None and self.recipient.type not in {"", "none"}


class _Rotation(Payload):
    periods: list[_Period] = Field(default_factory=list)


class _Rotations(Payload):
    rotations: list[_Rotation]


class _Timeline(Payload):
    final: _Rotations = Field(alias="finalTimeline")


class _TimelineAnswer(Payload):
    data: _Timeline


class _Report(Payload):
    acknowledged_by: str = Field(default="", alias="acknowledgedBy")
    closed_by: str = Field(default="", alias="closedBy")


class _Alert(Payload):
    id: str
    priority: str
    owner: str = ""
    report: _Report = _Report()

    @property
    def owned(self) -> bool:
        return bool(self.owner or self.report.acknowledged_by or self.report.closed_by)


class _Paging(Payload):
    next: str = ""


class _Alerts(Payload):
    data: list[_Alert]
    paging: _Paging = _Paging()


class _Notes(Payload):
    data: list[JsonValue]


class Opsgenie(Block):
    """An Opsgenie account, by its REST API v2."""

    _block_type_name = "Opsgenie"
    _block_type_slug = "opsgenie"
    _description = "Opsgenie, Alert and Schedule API v2. https://docs.opsgenie.com/docs/api-overview"
    _documentation_url = HttpUrl("https://docs.opsgenie.com/docs/alert-api")
    needs: ClassVar[str] = "an API integration's key with read, and with create-and-update access for alerts"

    answers: ClassVar[tuple[type[Probe], ...]] = (OncallRota, PagedIncidents)

    api_key: SecretStr = Field(description="Key of an API integration; it pages the team that the integration is of.")
    url: str = Field(
        default="https://api.opsgenie.com", description="Address of the API; https://api.eu.opsgenie.com in the EU."
    )
    site_url: str = Field(default="https://app.opsgenie.com", description="Address that people open alerts at.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")
    _endpoint: Endpoint | None = PrivateAttr(default=None)

    def check(self) -> str:
        """Proves that the key is taken and may read; only a page proves that it may page. Raises `SystemFaultError`."""
        found = self._schedules()
        return f"Opsgenie shows {len(found)} schedules (that the key may page shows only by a page)"

    def page(self, severity: str, summary: str, *, key: str) -> str:
        """Opens one alert for `key`, or finds the open one; returns its link, or the key while Opsgenie still files it.

        `severity` is P0 to P3, or critical, error, warning, info. Opsgenie takes a page first and works on it then: one
        that it has refused by then is a fault. Raises `SystemFaultError`.
        """
        question = f"the {severity} page"
        accepted = self._api.ask(
            _Accepted,
            "POST",
            "/v2/alerts",
            question=question,
            json={
                "message": summary[:_LONGEST_WORDS],
                "description": summary,
                "alias": key[:_LONGEST_KEY],
                "priority": _SEVERITY.get(severity, _FOR_INFORMATION),
                "source": "tminus",
            },
        )
        what_became = f"/v2/alerts/requests/{quote(accepted.request_id, safe='')}"
        response = self._api.send("GET", what_became, question=question, ok=(200, _NOT_YET))
        if response.status_code == _NOT_YET:
            return key
        done = payloads.read(_ProcessedAnswer, response, system=self._api.system, question=question).data
        if not done.success:
            raise PermanentFaultError(
                system=self._api.system,
                question=question,
                answer="taken, and then not worked on",
                next_step="look at the integration's logs in Opsgenie",
            )
        return f"{self.site_url}/alert/detail/{done.alert_id}/details" if done.alert_id else key

    def answer(self, probe: OncallRota | PagedIncidents, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        match probe:
            case OncallRota():
                return self._rota(probe, occasion)
            case PagedIncidents():
                return self._opened(probe, occasion)
            case _:
                assert_never(probe)

    def _rota(self, probe: OncallRota, occasion: Occasion) -> Reading:
        ids = {found.name: found.id for found in self._schedules() if found.enabled}
        missing = sorted(set(probe.schedules) - set(ids))
        if missing:
            return _reading({}, "schedules", occasion, f"no enabled schedule named {', '.join(missing)}")
        ahead = {name: self._covered(ids[name], probe, occasion) for name in probe.schedules}
        shortest = min(ahead, key=ahead.__getitem__)
        values = {"published_ahead": Quantity(value=ahead[shortest] / timedelta(days=1), unit="days")}
        return _reading(values, f"schedule {shortest!r}", occasion)

    def _covered(self, schedule: str, probe: OncallRota, occasion: Occasion) -> timedelta:
        until = occasion.now + probe.horizon
        found = self._api.ask(
            _TimelineAnswer,
            "GET",
            f"/v2/schedules/{quote(schedule, safe='')}/timeline",
            question="the shifts of a schedule",
            params={
                "date": occasion.now.isoformat(),
                "interval": max(1, -(-probe.horizon // timedelta(days=1))),
                "intervalUnit": "days",
            },
        )
        periods = [one for rotation in found.data.final.rotations for one in rotation.periods if one.staffed]
        covered = occasion.now
        for period in sorted(periods, key=lambda one: one.start):
            if period.start > covered:
                break
            covered = max(covered, period.end)
        return min(covered, until) - occasion.now

    def _opened(self, probe: PagedIncidents, occasion: Occasion) -> Reading:
        since = occasion.now - probe.window if probe.window else occasion.went_live or occasion.t0
        alerts = list(self._alerts(since, occasion.now))
        named = {_SEVERITY[one] for one in probe.severe if one in _SEVERITY}
        severe = [alert for alert in alerts if alert.priority in named]
        values = quantities(
            incidents=len(alerts),
            p0_p1_incidents=len(severe) if len(named) == len(probe.severe) else None,
            incidents_unowned=sum(not alert.owned for alert in alerts),
            incidents_unwritten=sum(not self._written(alert) for alert in alerts),
        )
        where = f"alerts since {since:%Y-%m-%d %H:%M} UTC"
        # Every alert has a priority, P3 if nobody gave it one: who has triaged it does not show.
        return _reading(values, where, occasion, " ".join(alert.id for alert in severe))

    def _alerts(self, since: datetime, until: datetime) -> Iterator[_Alert]:
        window = f"createdAt >= {_milliseconds(since)} AND createdAt <= {_milliseconds(until)}"
        offset, more = 0, True
        while more:
            page = self._api.ask(
                _Alerts,
                "GET",
                "/v2/alerts",
                question="the alerts",
                params={"query": window, "limit": _PAGE, "offset": offset, "sort": "createdAt", "order": "asc"},
            )
            yield from page.data
            offset, more = offset + _PAGE, bool(page.paging.next)

    def _written(self, alert: _Alert) -> bool:
        path = f"/v2/alerts/{quote(alert.id, safe='')}/notes"
        return bool(self._api.ask(_Notes, "GET", path, question="the notes of an alert").data)

    def _schedules(self) -> list[_Schedule]:
        return self._api.ask(_Schedules, "GET", "/v2/schedules", question="the schedules").data

    @property
    def _api(self) -> Endpoint:
        if self._endpoint is None:
            headers = {"Authorization": f"GenieKey {self.api_key.get_secret_value()}"}
            self._endpoint = Endpoint(
                "Opsgenie", self.url, headers=headers, timeout_seconds=self.timeout_seconds, needs=self.needs
            )
        return self._endpoint


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _reading(values: dict[str, Quantity], where: str, occasion: Occasion, evidence: str = "") -> Reading:
    return Reading(values=values, where=f"{where} in Opsgenie", at=occasion.now, evidence=evidence[:256])
