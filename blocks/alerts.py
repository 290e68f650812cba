"""Alertmanager: which alerts fire, and whether alerts would arrive at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import urlencode

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, PrivateAttr, RootModel, SecretStr

from blocks.endpoint import Endpoint
from blocks.payloads import Payload
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.observability import FiringAlerts
from launch.readings import Reading, quantities

_SUPPRESSED = "suppressed"


class _Status(Payload):
    state: str


class _Alert(Payload):
    fingerprint: str
    labels: dict[str, str]
    status: _Status


class _Alerts(RootModel[list[_Alert]]):
    """All that match."""


class _Version(Payload):
    version: str


class _About(Payload):
    version: _Version = Field(alias="versionInfo")


class Alertmanager(Block):
    """An Alertmanager, or one of a cluster of them."""

    _block_type_name = "Alertmanager"
    _block_type_slug = "alertmanager"
    _description = "Alerts by the API v2. https://prometheus.io/docs/alerting/latest/alertmanager/"
    _documentation_url = HttpUrl("https://prometheus.io/docs/alerting/latest/clients/")
    needs: ClassVar[str] = "read on the API v2"

    answers: ClassVar[tuple[type[Probe], ...]] = (FiringAlerts,)

    url: str = Field(description="Address of the server, without `/api/v2`.")
    token: SecretStr | None = Field(default=None, description="Bearer token, where a proxy in front asks for one.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")
    _endpoint: Endpoint | None = PrivateAttr(default=None)

    def check(self) -> str:
        """Proves that the server takes the token and shows alerts. Raises `SystemFaultError`."""
        about = self._api.ask(_About, "GET", "/api/v2/status", question="which version it is")
        found = self._alerts(())
        return f"Alertmanager {about.version.version} shows {len(found)} alerts"

    def answer(self, probe: FiringAlerts, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        beating = {alert.fingerprint for alert in self._alerts((probe.heartbeat,)) if _fires(alert)}
        alerts = [alert for alert in self._alerts(probe.matching) if alert.fingerprint not in beating]
        firing = [alert for alert in alerts if _fires(alert)]
        names = sorted({alert.labels.get("alertname", "without a name") for alert in firing})
        values = quantities(alerts_firing=len(firing), alerts_suppressed=len(alerts) - len(firing))
        return Reading(
            values=values if beating else {},
            where=f"alerts with {', '.join(probe.matching) or 'any label'} in Alertmanager",
            at=occasion.now,
            evidence=(f"firing: {', '.join(names) or 'none'}" if beating else f"no heartbeat {probe.heartbeat}")[:256],
        )

    def _alerts(self, matching: Sequence[str]) -> list[_Alert]:
        asked = urlencode([("filter", one) for one in matching])
        path = "/api/v2/alerts" + (f"?{asked}" if asked else "")
        return self._api.ask(_Alerts, "GET", path, question="which alerts there are").root

    @property
    def _api(self) -> Endpoint:
        if self._endpoint is None:
            headers = {"Authorization": f"Bearer {self.token.get_secret_value()}"} if self.token else {}
            self._endpoint = Endpoint(
                "Alertmanager", self.url, headers=headers, timeout_seconds=self.timeout_seconds, needs=self.needs
            )
        return self._endpoint


def _fires(alert: _Alert) -> bool:
    """One that nobody has looked at yet fires, too; a suppressed one is silenced or inhibited."""
    return alert.status.state != _SUPPRESSED
