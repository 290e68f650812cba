"""Datadog as a source: exact requests, points without a value, several series, and what it says when a query is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from blocks.metrics.datadog import DatadogMetrics
from launch.errors import PermanentFaultError
from launch.ports import MetricSource, Occasion
from launch.probes.observability import MetricValue
from launch.release import Release
from tests.fakes.observed_world import T0, vendor

STEP = timedelta(seconds=30)
Points = Sequence[tuple[datetime, float | None]]


@contextmanager
def answering(*series: Points, status: str = "ok", error: str = "") -> Iterator[tuple[DatadogMetrics, dict[str, Any]]]:
    """A block at a Datadog that answers these points, and the last request that came.

    The form is that of https://docs.datadoghq.com/api/latest/metrics/#query-timeseries-points.
    """
    seen: dict[str, Any] = {}

    async def answer(request: Request) -> Response:
        seen.update(path=request.url.path, asked=dict(request.query_params), headers=request.headers)
        lines = [
            {
                "metric": "trace.http.request.errors",
                "pointlist": [[at.timestamp() * 1000, value] for at, value in points],
                "scope": f"env:production,track:{number}",
                "interval": 30,
            }
            for number, points in enumerate(series)
        ]
        return JSONResponse({"status": status, "error": error, "series": lines, "res_type": "time_series"})

    with vendor(answer) as url:
        yield DatadogMetrics.model_validate({"url": url, "api_key": "key", "application_key": "application"}), seen


def points(*values: float | None, until: datetime = T0) -> Points:
    return [(until - STEP * (len(values) - 1 - place), value) for place, value in enumerate(values)]


def asked(block: DatadogMetrics, **fields: object) -> dict[str, object]:
    probe = MetricValue.model_validate(
        {"ask": "metric", "of": "metrics", "query": "avg:errors{*}", "name": "errors", "step": "30s"} | fields
    )
    reading = block.answer(probe, Occasion(launch="l", now=T0, t0=T0, release=Release(version="v1", services={})))
    return {name: quantity.value for name, quantity in reading.values.items()}


def test_it_is_a_metric_source_and_asks_as_datadog_documents_it() -> None:
    with answering(points(0.1, 0.2, 0.3)) as (block, seen):
        assert isinstance(block, MetricSource)
        samples = block.series("avg:errors{*}.rollup(avg, 30)", start=T0 - STEP * 2, end=T0, step_seconds=30)
    assert [(one.at, one.value) for one in samples] == [(T0 - STEP * 2, 0.1), (T0 - STEP, 0.2), (T0, 0.3)]
    assert seen["path"].endswith("/api/v1/query")
    assert seen["asked"] == {
        "query": "avg:errors{*}.rollup(avg, 30)",
        "from": str(int((T0 - STEP * 3).timestamp())),
        "to": str(int(T0.timestamp())),
    }
    headers = seen["headers"]
    assert (headers["dd-api-key"], headers["dd-application-key"]) == ("key", "application")


def test_a_point_without_a_value_is_a_gap_and_points_outside_the_window_do_not_count() -> None:
    with answering(points(9, 0.1, None, 0.3)) as (block, _):
        samples = block.series("avg:errors{*}", start=T0 - STEP * 2, end=T0, step_seconds=30)
    assert [one.value for one in samples] == [0.1, 0.3]


@pytest.mark.parametrize(
    "series",
    [[], [points(None, None)], [points(0.1, until=T0 - STEP * 3)]],
    ids=["no series", "only gaps", "an old point"],
)
def test_nothing_fresh_is_no_value(series: list[Points]) -> None:
    with answering(*series) as (block, _):
        assert asked(block) == {}


def test_several_series_are_chosen_from_only_where_the_question_says_how() -> None:
    with answering(points(0.1), points(0.4)) as (block, _):
        assert asked(block) == {}
        assert asked(block, across="max") == {"errors": 0.4}
        with pytest.raises(PermanentFaultError, match="2 series"):
            block.series("avg:errors{*} by {track}", start=T0 - STEP, end=T0, step_seconds=30)


def test_a_query_that_datadog_does_not_understand_is_a_fault_without_its_words() -> None:
    with (
        answering(status="error", error="Error parsing query: unable to parse s3cr3t") as (block, _),
        pytest.raises(PermanentFaultError, match="metrics explorer") as raised,
    ):
        block.series("avg:errors{", start=T0 - STEP, end=T0, step_seconds=30)
    assert "s3cr3t" not in str(raised.value)
