"""What a real Prometheus answers: gaps, NaN, nothing, what is stale, histograms, several series, and a long window.

The sandbox speaks the same; where both are asked the same here, they answer alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from blocks.metrics.prometheus import PrometheusMetrics
from launch.errors import PermanentFaultError
from launch.ports import Occasion
from launch.probes.observability import MetricValue
from launch.release import Release
from sandbox.parts.metric_faults import LOOKBACK
from tests.blocks.metrics.prometheus_server import Series, prometheus

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)
STEP = timedelta(seconds=15)
MINUTE = timedelta(minutes=1)


def every(step: timedelta, count: int, value: float, *, until: datetime = NOW) -> list[tuple[datetime, float]]:
    return [(until - step * back, value) for back in reversed(range(count))]


SAMPLES: Series = {
    'errors{track="canary"}': every(STEP, 41, 0.5),
    'errors{track="stable"}': every(STEP, 41, 0.1),
    "requests": every(STEP, 41, 0.0),
    "ended": every(STEP, 21, 7.0, until=NOW - 10 * MINUTE),
    "gap": [*every(STEP, 8, 1.0, until=NOW - 15 * MINUTE), *every(STEP, 8, 2.0)],
    'latency_bucket{le="0.1"}': every(STEP, 41, 50.0),
    'latency_bucket{le="0.5"}': every(STEP, 41, 95.0),
    'latency_bucket{le="+Inf"}': every(STEP, 41, 100.0),
    "long": every(MINUTE, 4 * 24 * 60, 3.0),
}


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusMetrics]:
    with prometheus(tmp_path_factory.mktemp("prometheus"), SAMPLES) as url:
        yield PrometheusMetrics(url=url)


def values(metrics: PrometheusMetrics, query: str, *, window: timedelta = 5 * MINUTE) -> list[float]:
    return [one.value for one in metrics.series(query, start=NOW - window, end=NOW, step_seconds=15)]


def asked(metrics: PrometheusMetrics, query: str, **fields: object) -> float | None:
    probe = MetricValue.model_validate(
        {"ask": "metric", "of": "metrics", "query": query, "name": "value", "step": "15s"} | fields
    )
    occasion = Occasion(launch="l", now=NOW, t0=NOW, release=Release(version="v1", services={}))
    reading = metrics.answer(probe, occasion).values
    return float(reading["value"].value) if "value" in reading else None  # type: ignore[arg-type]


def test_it_can_be_checked(metrics) -> None:
    assert metrics.check().startswith("Prometheus 2.")


def test_a_series_comes_with_every_step_of_its_window(metrics) -> None:
    assert values(metrics, 'errors{track="canary"}') == [0.5] * 21
    assert asked(metrics, 'errors{track="canary"}') == 0.5


def test_an_unknown_series_is_no_answer(metrics) -> None:
    assert values(metrics, "nobody_measures_this") == []
    assert asked(metrics, "nobody_measures_this") is None


def test_nothing_divided_by_nothing_is_no_answer(metrics) -> None:
    assert all(math.isnan(value) for value in values(metrics, "requests / requests"))
    assert asked(metrics, "requests / requests") is None


def test_a_series_that_ended_shows_as_long_as_the_sandbox_says_and_then_is_no_answer(metrics) -> None:
    ended = NOW - 10 * MINUTE
    samples = metrics.series("ended", start=NOW - 15 * MINUTE, end=NOW, step_seconds=15)
    assert samples[-1].at - ended <= LOOKBACK
    assert samples[-1].at - ended > LOOKBACK - 2 * STEP
    assert asked(metrics, "ended") is None


def test_a_gap_longer_than_the_lookback_is_a_gap(metrics) -> None:
    moments = [one.at for one in metrics.series("gap", start=NOW - 20 * MINUTE, end=NOW, step_seconds=15)]
    widest = max(later - earlier for earlier, later in pairwise(moments))
    assert widest > 5 * MINUTE


def test_several_series_are_not_one(metrics) -> None:
    with pytest.raises(PermanentFaultError, match="2 series"):
        values(metrics, "errors")
    assert asked(metrics, "errors") is None
    assert asked(metrics, "errors", across="max") == 0.5
    assert values(metrics, "sum(errors)")[0] == pytest.approx(0.6)


def test_a_quantile_of_a_histogram(metrics) -> None:
    assert asked(metrics, "histogram_quantile(0.95, latency_bucket)") == pytest.approx(0.5)


def test_a_query_that_it_cannot_parse_is_one_sentence(metrics) -> None:
    with pytest.raises(PermanentFaultError, match="400"):
        values(metrics, "errors{")


def test_a_window_of_more_points_than_it_gives_at_once_comes_in_parts(metrics) -> None:
    window = timedelta(days=3)
    samples = metrics.series("long", start=NOW - window, end=NOW, step_seconds=15)
    assert len(samples) == window / STEP + 1 > 11_000
    assert {one.value for one in samples} == {3.0}
