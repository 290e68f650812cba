"""A vendor that was down for one question answers the next one: nothing of the failure stays in a block.

As input: blocks on the sandbox's endpoints, whose failures are injected before them.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from console.systems import block_types
from launch.errors import TransientFaultError
from sandbox.town import Town
from sandbox.world import World

T0 = datetime(2026, 12, 7, 7, tzinfo=UTC)
PARTS = {
    "brevo/sandbox-mail": "mail",
    "cloud-sql/sandbox-cloud-sql": "cloud-sql",
    "confluence/sandbox-wiki": "publishing",
    "datadog-metrics/sandbox-datadog": "metric-vendors",
    "datadog-synthetics/sandbox-synthetics": "synthetics",
    "elasticsearch/sandbox-elasticsearch": "elasticsearch",
    "evidence-store/sandbox-evidence": "evidence",
    "feature-flags/sandbox-flags": "flags",
    "flagsmith/sandbox-flagsmith": "flagsmith",
    "github/sandbox-ci": "ci",
    "github-issues/sandbox-issues": "trackers",
    "grafana/sandbox-dashboards": "grafana",
    "http-weights/sandbox-weights": "weights",
    "image-registry/sandbox-registry": "registry",
    "jaeger/sandbox-tracing": "tracing",
    "jira/sandbox-jira": "trackers",
    "journey-runner/sandbox-journeys": "journeys",
    "linkedin/sandbox-linkedin": "publishing",
    "loki/sandbox-logs": "loki",
    "message-queue/sandbox-queue": "queue",
    "new-relic-metrics/sandbox-new-relic": "metric-vendors",
    "opsgenie/sandbox-opsgenie": "opsgenie",
    "pagerduty/sandbox-pagerduty": "pagerduty",
    "partners/sandbox-partners": "partners",
    "pingdom/sandbox-pingdom": "monitors",
    "posthog/sandbox-analytics": "analytics",
    "product-admin/sandbox-product-admin": "site",
    "prometheus/sandbox-metrics": "prometheus",
    "slack-chat/sandbox-war-room": "slack",
    "statuspage/sandbox-statuspage": "statuspage",
    "uptime-robot/sandbox-uptime-robot": "monitors",
    "web-site/sandbox-product-site": "site",
    "zendesk/sandbox-support-desk": "tickets",
}
"""Block to the part of the sandbox behind it."""


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    built = Town(World(now=lambda: T0, t0=T0), needs=set(PARTS))
    try:
        built.start()
        yield built
    finally:
        built.stop()


@pytest.mark.parametrize("failure", ["500", "429", "refuse"])
@pytest.mark.parametrize("address", PARTS)
def test_one_failure_then_an_answer(town, address, failure) -> None:
    block = block_types()[address.partition("/")[0]].model_validate(dict(town.blocks()[address]))
    knob = f"vendor.{PARTS[address]}"
    assert block.check()
    town.world.set(knob, failure)
    with pytest.raises(TransientFaultError):
        block.check()
    town.world.reset(knob)
    assert block.check()
