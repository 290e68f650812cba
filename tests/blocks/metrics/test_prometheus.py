"""Prometheus as a source: exact requests, real answers, and every way in which data can be missing."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from urllib.parse import parse_qs

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from blocks.metrics.prometheus import PrometheusMetrics
from launch.errors import PermanentFaultError
from launch.ports import MetricSource
from launch.probes.observability import InputDelay, MetricChange, MetricValue
from sandbox.parts.prometheus import Prometheus
from tests.fakes.observed_world import T0, Observed, vendor

ENDPOINTS = "teei:endpoint_latency_p95:ms"


@pytest.fixture
def world() -> Iterator[Observed]:
    with Observed(Prometheus()).served() as world:
        yield world


def metric(query: str, **fields: object) -> MetricValue:
    return MetricValue.model_validate({"ask": "metric", "of": "metrics", "query": query, "name": "value", **fields})


def test_the_block_is_a_metric_source(world: Observed) -> None:
    block = world.block(PrometheusMetrics)
    assert isinstance(block, MetricSource)
    samples = block.series("teei:error_rate:percent", start=T0 - timedelta(minutes=5), end=T0, step_seconds=15)
    assert len(samples) == 21
    assert samples[0].at < samples[-1].at == T0


def test_a_query_goes_out_as_prometheus_documents_it() -> None:
    seen: dict[str, list[str]] = {}

    async def answer(request: Request) -> Response:
        seen.update(parse_qs((await request.body()).decode()), path=[request.url.path])
        values = [[T0.timestamp(), "0.02"]]
        result = [{"metric": {"__name__": "e"}, "values": values}]
        return JSONResponse({"status": "success", "data": {"resultType": "matrix", "result": result}})

    with vendor(answer) as url:
        block = PrometheusMetrics(url=url)
        samples = block.series("sum(rate(e[5m]))", start=T0 - timedelta(minutes=1), end=T0, step_seconds=15)
    assert [sample.value for sample in samples] == [0.02]
    assert seen["path"] == ["/vendor/api/v1/query_range"]
    assert seen["query"] == ["sum(rate(e[5m]))"]
    assert seen["step"] == ["15"]
    assert seen["end"] == [f"{T0.timestamp():.3f}"]


def test_weeks_are_asked_for_in_parts_that_the_server_gives(world: Observed) -> None:
    """Prometheus refuses more than 11,000 points, and so does the sandbox."""
    block, step = world.block(PrometheusMetrics), timedelta(seconds=15)
    samples = block.series("teei:error_rate:percent", start=T0 - 25_000 * step, end=T0, step_seconds=15)
    assert len(samples) == 25_001
    assert {later.at - earlier.at for earlier, later in pairwise(samples)} == {step}
    assert (samples[0].at, samples[-1].at) == (T0 - 25_000 * step, T0)


def test_a_fault_changes_the_series_from_its_moment_on(world: Observed) -> None:
    world.world.schedule("product.error-rate", 8, T0 + timedelta(minutes=5))
    block = world.at(minutes=10).block(PrometheusMetrics)
    samples = block.series("teei:error_rate:percent", start=T0, end=T0 + timedelta(minutes=10), step_seconds=60)
    assert max(sample.value for sample in samples[:5]) < 0.1
    # The clock jumped over T+5m: the fault shows from the first moment that the world saw it.
    assert samples[-1].value == 8


@pytest.mark.parametrize("query", ["teei:unknown", 'teei:error_rate:percent{region="mars"}'])
def test_an_unknown_series_gives_no_samples_and_no_value(world: Observed, query: str) -> None:
    block = world.block(PrometheusMetrics)
    assert block.series(query, start=T0 - timedelta(minutes=1), end=T0, step_seconds=15) == []
    assert block.answer(metric(query), world.occasion()).values == {}


@pytest.mark.parametrize("value", ["NaN", None])
def test_nan_and_absence_give_no_value(world: Observed, value: str | None) -> None:
    world.world.set("prometheus.values", {"teei:error_rate:percent": value})
    block = world.block(PrometheusMetrics)
    assert block.answer(metric("teei:error_rate:percent", reduce="last", window="0s"), world.occasion()).values == {}


@pytest.mark.parametrize(("seconds", "known"), [(25, True), (120, False)])
def test_data_that_stopped_is_stale_after_two_steps(world: Observed, seconds: int, *, known: bool) -> None:
    world.at(minutes=-10)
    world.world.set("product.no-data", True)
    world.at(minutes=-10, seconds=seconds)
    reading = world.block(PrometheusMetrics).answer(metric("teei:error_rate:percent"), world.occasion())
    assert bool(reading.values) is known


def test_the_worst_of_several_series_counts_and_none_may_be_silent(world: Observed) -> None:
    block, occasion = world.block(PrometheusMetrics), world.occasion()
    probe = metric(ENDPOINTS, across="max", series_at_least=5)
    assert 300 < float(block.answer(probe, occasion).values["value"].value) < 500
    assert block.answer(metric(ENDPOINTS), occasion).values == {}
    assert block.answer(metric(ENDPOINTS, across="max", series_at_least=6), occasion).values == {}
    world.world.set("prometheus.values", {f'{ENDPOINTS}{{endpoint="/api/events"}}': "NaN"})
    assert block.answer(probe, occasion).values == {}


def test_a_guard_never_gets_one_of_several_series(world: Observed) -> None:
    with pytest.raises(PermanentFaultError, match="5 series"):
        world.block(PrometheusMetrics).series(ENDPOINTS, start=T0 - timedelta(minutes=1), end=T0, step_seconds=15)


def test_a_refused_query_is_permanent(world: Observed) -> None:
    with pytest.raises(PermanentFaultError, match="400"):
        world.block(PrometheusMetrics).answer(metric("rate("), world.occasion())


def change(**fields: object) -> MetricChange:
    base = {"ask": "metric-change", "of": "metrics", "query": "teei:latency_p95:ms", "name": "change", "reduce": "last"}
    window = {"baseline_start": "T-3h", "baseline_end": "T-1h"}
    return MetricChange.model_validate({**base, **window, **fields})


def test_now_is_held_against_the_baseline(world: Observed) -> None:
    block = world.at(hours=1).block(PrometheusMetrics)
    healthy = block.answer(change(held="ratio"), world.occasion()).values["change"]
    assert healthy.value == pytest.approx(1, abs=0.1)
    world.world.set("product.latency-ms", 960)
    assert block.answer(change(held="ratio"), world.occasion()).values["change"].value == pytest.approx(3, abs=0.3)
    risen = block.answer(change(held="difference", unit="ms"), world.occasion()).values["change"]
    assert risen.unit == "ms"
    assert float(risen.value) > 600


def test_a_baseline_of_zero_has_no_ratio(world: Observed) -> None:
    block = world.at(hours=1).block(PrometheusMetrics)
    probe = change(held="ratio", query="teei:http_5xx_rate:percent")
    assert block.answer(probe, world.occasion()).values == {}


def vitals() -> InputDelay:
    return InputDelay(ask="input-delay", of="metrics", fid="teei:rum_fid_p75:ms", inp="teei:rum_inp_p75:ms")


def test_inp_stands_in_where_fid_has_no_data(world: Observed) -> None:
    block = world.block(PrometheusMetrics)
    both = block.answer(vitals(), world.occasion()).values
    assert both["input_delay_used"].value == both["fid"].value
    routes = ("/", "/dashboard", "/reports", "/admin")
    world.now = T0 - timedelta(hours=1)
    world.world.set("prometheus.values", {f'teei:rum_fid_p75:ms{{route="{route}"}}': None for route in routes})
    world.now = T0
    alone = block.answer(vitals(), world.occasion()).values
    assert "fid" not in alone
    assert float(alone["input_delay_used"].value) == pytest.approx(float(alone["inp"].value) / 2)


def test_no_vital_at_all_is_no_answer(world: Observed) -> None:
    world.now = T0 - timedelta(hours=1)
    world.world.set("product.no-data", True)
    world.now = T0
    assert world.block(PrometheusMetrics).answer(vitals(), world.occasion()).values == {}
