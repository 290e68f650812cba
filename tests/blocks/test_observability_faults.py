"""What the observability blocks do when their vendor refuses, breaks, hangs or answers nonsense."""

import pytest
from prefect.blocks.core import Block
from starlette.responses import JSONResponse

from blocks.analytics import PostHogAnalytics
from blocks.ci import GitHubRepository
from blocks.dashboards import GrafanaDashboards
from blocks.evidence import EvidenceStore
from blocks.logs import LokiLogs
from blocks.metrics.prometheus import PrometheusMetrics
from blocks.synthetics import DatadogSynthetics
from blocks.tracing import JaegerTracing
from launch.errors import PermanentFaultError, TransientFaultError
from launch.probes.base import Probe
from launch.probes.evidence import Coverage
from launch.probes.observability import (
    LogLines,
    MetricValue,
    ProductEvents,
    SyntheticTests,
    TraceSampling,
    WatchPeriod,
)
from launch.probes.repository import BranchFreeze
from sandbox.parts.analytics import Analytics
from sandbox.parts.ci import Ci
from sandbox.parts.evidence import EvidenceStore as EvidencePart
from sandbox.parts.grafana import Grafana
from sandbox.parts.loki import Loki
from sandbox.parts.prometheus import Prometheus
from sandbox.parts.synthetics import Synthetics
from sandbox.parts.tracing import Tracing
from sandbox.world import Part
from tests.fakes.observed_world import Observed, vendor

CASES: list[tuple[type[Part], type[Block], Probe, dict[str, str]]] = [
    (
        Prometheus,
        PrometheusMetrics,
        MetricValue(ask="metric", of="metrics", query="teei:error_rate:percent", name="error_rate"),
        {"token": "wrong"},
    ),
    (
        Loki,
        LokiLogs,
        LogLines(ask="log-lines", of="logs", name="n", stream='{env="production"}', matching="x"),
        {"token": "wrong"},
    ),
    (
        Synthetics,
        DatadogSynthetics,
        SyntheticTests(ask="synthetic-tests", of="s", tag="service:teei"),
        {"api_key": "wrong"},
    ),
    (Tracing, JaegerTracing, TraceSampling(ask="trace-sampling", of="t", service="reporting-api"), {"token": "wrong"}),
    (Grafana, GrafanaDashboards, WatchPeriod(ask="watch-period", of="d", tag="monitoring-sprint"), {"token": "wrong"}),
    (
        Analytics,
        PostHogAnalytics,
        ProductEvents(ask="product-events", of="a", name="n", event="user logged in", figure="users"),
        {"token": "wrong"},
    ),
    (
        Ci,
        GitHubRepository,
        BranchFreeze(ask="branch-freeze", of="r", ruleset="f", branches=("refs/heads/main",)),
        {"token": "wrong"},
    ),
    (EvidencePart, EvidenceStore, Coverage(ask="coverage", of="e", name="unit-coverage"), {"token": "wrong"}),
]
NAMES = [block.__name__ for _, block, _, _ in CASES]


@pytest.mark.parametrize(("part", "kind", "probe", "wrong"), CASES, ids=NAMES)
def test_refused_credentials_are_permanent_and_never_told(part, kind, probe, wrong):
    with Observed(part()).served() as world:
        block = world.block(kind, **wrong)
        with pytest.raises(PermanentFaultError) as told:
            block.answer(probe, world.occasion())
        assert "wrong" not in str(told.value)
        with pytest.raises(PermanentFaultError):
            block.check()


@pytest.mark.parametrize(("part", "kind", "probe", "wrong"), CASES, ids=NAMES)
@pytest.mark.parametrize("mode", ["500", "429", "refuse", "hang"])
def test_a_failing_vendor_is_worth_asking_again(part, kind, probe, wrong, mode):
    del wrong
    with Observed(part()).served() as world:
        world.world.set(f"vendor.{part.name}", mode)
        with pytest.raises(TransientFaultError):
            world.block(kind, timeout_seconds=0.3).answer(probe, world.occasion())


@pytest.mark.parametrize(("part", "kind", "probe", "wrong"), CASES, ids=NAMES)
def test_an_answer_of_another_form_is_a_fault_not_a_value(part, kind, probe, wrong):
    del wrong
    with Observed(part()).served() as world, vendor(lambda _: JSONResponse({"hello": ["world"]})) as url:
        changes = {"url": url, "sampling_url": url} if kind is JaegerTracing else {"url": url}
        with pytest.raises(PermanentFaultError):
            world.block(kind, **changes).answer(probe, world.occasion())


@pytest.mark.parametrize(("part", "kind", "probe", "wrong"), CASES, ids=NAMES)
def test_a_reading_carries_only_metrics_its_probe_names(part, kind, probe, wrong):
    del wrong
    with Observed(part()).served() as world:
        reading = world.block(kind).answer(probe, world.at(hours=4).occasion())
        assert set(reading.values) <= probe.metrics()
        assert world.block(kind).check()
