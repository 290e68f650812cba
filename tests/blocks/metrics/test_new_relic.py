"""New Relic as a source: exact requests, buckets, facets, and what it says when a query is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from blocks.metrics.new_relic import NewRelicMetrics
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import MetricSource, Occasion
from launch.probes.observability import MetricValue
from launch.release import Release
from tests.fakes.observed_world import T0, vendor

STEP = timedelta(seconds=30)
QUERY = "SELECT percentage(count(*), WHERE error IS true) FROM Transaction"
Buckets = list[dict[str, Any]]


@contextmanager
def answering(results: Buckets, errors: Buckets | None = None) -> Iterator[tuple[NewRelicMetrics, dict[str, Any]]]:
    """A block at a NerdGraph that answers these buckets, and the last request that came.

    The form is that of https://docs.newrelic.com/docs/apis/nerdgraph/examples/nerdgraph-nrql-tutorial/.
    """
    seen: dict[str, Any] = {}

    async def answer(request: Request) -> Response:
        seen.update(path=request.url.path, asked=await request.json(), headers=request.headers)
        if errors is not None:
            return JSONResponse({"data": {"actor": {"account": {"nrql": None}}}, "errors": errors})
        return JSONResponse({"data": {"actor": {"account": {"nrql": {"results": results}}}}})

    with vendor(answer) as url:
        yield NewRelicMetrics.model_validate({"url": url, "api_key": "NRAK-1", "account": 42}), seen


def buckets(*values: object, until: datetime = T0, **facet: object) -> Buckets:
    ends = [until - STEP * (len(values) - 1 - place) for place in range(len(values))]
    return [
        {
            "beginTimeSeconds": int((end - STEP).timestamp()),
            "endTimeSeconds": int(end.timestamp()),
            "percentage": value,
            **facet,
        }
        for end, value in zip(ends, values, strict=True)
    ]


def asked(block: NewRelicMetrics, **fields: object) -> dict[str, object]:
    probe = MetricValue.model_validate(
        {"ask": "metric", "of": "metrics", "query": QUERY, "name": "errors", "step": "30s"} | fields
    )
    reading = block.answer(probe, Occasion(launch="l", now=T0, t0=T0, release=Release(version="v1", services={})))
    return {name: quantity.value for name, quantity in reading.values.items()}


def test_it_is_a_metric_source_and_asks_as_new_relic_documents_it() -> None:
    with answering(buckets(0.1, 0.2, 0.3)) as (block, seen):
        assert isinstance(block, MetricSource)
        samples = block.series(QUERY, start=T0 - STEP * 2, end=T0, step_seconds=30)
    assert [(one.at, one.value) for one in samples] == [(T0 - STEP * 2, 0.1), (T0 - STEP, 0.2), (T0, 0.3)]
    assert seen["path"].endswith("/graphql")
    assert seen["headers"]["api-key"] == "NRAK-1"
    since, until = (int(moment.timestamp() * 1_000) for moment in (T0 - STEP * 3, T0))
    assert seen["asked"]["variables"] == {
        "account": 42,
        "nrql": f"{QUERY} SINCE {since} UNTIL {until} TIMESERIES 30 seconds LIMIT MAX",
    }


def test_a_bucket_without_a_value_is_a_gap_and_a_percentile_is_one_number() -> None:
    with answering(buckets(9, {"95": 0.1}, {"95": None}, None, {"95": 0.3})) as (block, _):
        samples = block.series(QUERY, start=T0 - STEP * 3, end=T0, step_seconds=30)
    assert [one.value for one in samples] == [0.1, 0.3]


@pytest.mark.parametrize(
    "results",
    [[], buckets(None, None), buckets(0.1, until=T0 - STEP * 3)],
    ids=["nothing", "only gaps", "an old bucket"],
)
def test_nothing_fresh_is_no_value(results: Buckets) -> None:
    with answering(results) as (block, _):
        assert asked(block) == {}


def test_several_facets_are_chosen_from_only_where_the_question_says_how() -> None:
    both = buckets(0.1, facet="canary", track="canary") + buckets(0.4, facet="stable", track="stable")
    with answering(both) as (block, _):
        assert asked(block) == {}
        assert asked(block, across="max") == {"errors": 0.4}
        with pytest.raises(PermanentFaultError, match="2 series"):
            block.series(f"{QUERY} FACET track", start=T0 - STEP, end=T0, step_seconds=30)


@pytest.mark.parametrize("value", [{"50": 1, "95": 2}, "much", [1, 2]], ids=["two percentiles", "words", "a list"])
def test_what_is_not_one_number_is_told(value: object) -> None:
    with answering(buckets(value)) as (block, _), pytest.raises(PermanentFaultError, match="select one number"):
        asked(block)


def test_two_selected_values_are_told() -> None:
    with (
        answering([bucket | {"average.duration": 1} for bucket in buckets(0.1)]) as (block, _),
        pytest.raises(PermanentFaultError, match="2 values"),
    ):
        asked(block)


def test_more_steps_than_it_answers_are_told_before_it_is_asked() -> None:
    with answering([]) as (block, seen):
        with pytest.raises(PermanentFaultError, match="366 steps at most"):
            block.series(QUERY, start=T0 - STEP * 366, end=T0, step_seconds=30)
        assert not seen
        block.series(QUERY, start=T0 - STEP * 365, end=T0, step_seconds=30)
        assert seen


@pytest.mark.parametrize(
    ("error", "fault", "told"),
    [
        ({"errorClass": "SERVER_ERROR", "code": "BAD_API_KEY"}, PermanentFaultError, "renew the credentials"),
        ({"errorClass": "ACCESS_DENIED"}, PermanentFaultError, "missing right"),
        ({"errorClass": "TIMEOUT"}, TransientFaultError, "ask for less"),
        ({"errorClass": "INVALID_INPUT"}, PermanentFaultError, "query builder"),
        ({}, PermanentFaultError, "an error of no kind"),
    ],
)
def test_an_error_within_the_answer_is_told_by_its_class_without_its_words(
    error: dict[str, str], fault: type[Exception], told: str
) -> None:
    errors = [{"message": "NRQL Syntax Error: s3cr3t", "extensions": error}]
    with answering([], errors) as (block, _), pytest.raises(fault, match=told) as raised:
        asked(block)
    assert "s3cr3t" not in str(raised.value)


def test_its_check_asks_one_query() -> None:
    with answering([{"count": 0}]) as (block, seen):
        assert block.check() == "New Relic answers queries of account 42"
    assert seen["asked"]["variables"]["nrql"].endswith("SINCE 1 minute ago")
