"""A real Alertmanager: what fires, what is silenced or inhibited, what is over, and silence that is not calm."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from blocks.alerts import Alertmanager
from launch.errors import PermanentFaultError
from launch.probes.observability import FiringAlerts
from sandbox.ports import free_port
from tests.fakes.programs import program, running
from tests.fakes.verbs import OCCASION

pytestmark = pytest.mark.integration

CONFIG = """\
route: {receiver: nobody}
receivers: [{name: nobody}]
inhibit_rules:
  - {source_matchers: ['alertname="ClusterDown"'], target_matchers: ['severity="warning"'], equal: [place]}
"""
CRITICAL = FiringAlerts(ask="firing-alerts", of="alerts", matching=('severity="critical"',))
EVERYTHING = FiringAlerts(ask="firing-alerts", of="alerts")
WATCHDOG = {"alertname": "Watchdog", "severity": "none"}


class Server:
    """An Alertmanager to which the test reports."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.api = httpx.Client(base_url=f"{url}/api/v2")
        # The server itself goes by the machine's clock: an alert is over when its end has passed there.
        self.now = datetime.now(UTC)

    def report(self, *alerts: dict[str, str], over: bool = False) -> None:
        end = self.now + timedelta(hours=-1 if over else 1)
        body = [
            {"labels": labels, "startsAt": _iso(self.now - timedelta(hours=2)), "endsAt": _iso(end)}
            for labels in alerts
        ]
        self.api.post("/alerts", json=body).raise_for_status()

    def silence(self, **labels: str) -> None:
        matchers = [{"name": name, "value": value, "isRegex": False} for name, value in labels.items()]
        until = {"startsAt": _iso(self.now - timedelta(hours=1)), "endsAt": _iso(self.now + timedelta(hours=1))}
        body = {"matchers": matchers, "createdBy": "tests", "comment": "known", **until}
        self.api.post("/silences", json=body).raise_for_status()

    def seen(self, probe: FiringAlerts) -> dict[str, object]:
        return {name: one.value for name, one in self.block.answer(probe, OCCASION).values.items()}

    @property
    def block(self) -> Alertmanager:
        return Alertmanager(url=self.url)


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    (tmp_path / "alertmanager.yml").write_text(CONFIG)
    address = f"127.0.0.1:{free_port()}"
    options = ("--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address=")
    command = [program("prometheus-alertmanager"), *options, f"--web.listen-address={address}"]
    with running(command, tmp_path, ready="Listening on"):
        found = Server(f"http://{address}")
        yield found
        found.api.close()


def test_it_can_be_checked(server) -> None:
    assert server.block.check().startswith("Alertmanager 0.")


def test_no_alert_is_calm_only_while_the_heartbeat_is_there(server) -> None:
    assert server.seen(EVERYTHING) == {}
    server.report(WATCHDOG)
    assert server.seen(EVERYTHING) == {"alerts_firing": 0, "alerts_suppressed": 0}
    server.report(WATCHDOG, over=True)
    assert server.seen(EVERYTHING) == {}


def test_alerts_that_fire_are_counted_by_their_labels(server) -> None:
    burning = {"alertname": "Errors", "severity": "critical", "place": "a"}
    slow = {"alertname": "Slow", "severity": "warning", "place": "a"}
    server.report(WATCHDOG, burning, slow)
    server.report({"alertname": "Past", "severity": "critical"}, over=True)
    assert server.seen(CRITICAL) == {"alerts_firing": 1, "alerts_suppressed": 0}
    assert server.seen(EVERYTHING)["alerts_firing"] == 2
    reading = server.block.answer(EVERYTHING, OCCASION)
    assert reading.evidence == "firing: Errors, Slow"


def test_what_is_silenced_or_inhibited_does_not_fire_and_is_told(server) -> None:
    down = {"alertname": "ClusterDown", "severity": "critical", "place": "a"}
    slow = {"alertname": "Slow", "severity": "warning", "place": "a"}
    elsewhere = {"alertname": "Slow", "severity": "warning", "place": "b"}
    known = {"alertname": "Errors", "severity": "critical", "place": "a"}
    server.silence(alertname="Errors")
    server.report(WATCHDOG, down, slow, elsewhere, known)
    assert server.seen(EVERYTHING) == {"alerts_firing": 2, "alerts_suppressed": 2}


def test_a_matcher_that_it_cannot_read_is_permanent(server) -> None:
    server.report(WATCHDOG)
    with pytest.raises(PermanentFaultError, match="400"):
        server.block.answer(CRITICAL.model_copy(update={"matching": ("no matcher",)}), OCCASION)
