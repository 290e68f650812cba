"""CloudWatch as a source: percentiles, pages and partial data at its documented wire; plain statistics on moto."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from blocks.metrics.cloudwatch import CloudWatchMetrics, _query
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import MetricSource
from sandbox.parts.aws import AwsPart
from sandbox.world import World
from tests.fakes.scripted_server import Asked, Reply, ScriptedServer, scripted

T0 = datetime(2026, 11, 23, 7, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
P95 = "AWS/ApplicationELB TargetResponseTime{LoadBalancer=app/shop/1a2b, TargetGroup=targetgroup/green/3c} p95"


def result(values: Sequence[float], *, until: datetime = T0 - MINUTE, **other: object) -> dict[str, Any]:
    """One of `MetricDataResults`; the last value is that of the period which begins at `until`."""
    moments = [(until - MINUTE * (len(values) - 1 - place)).timestamp() for place in range(len(values))]
    return {"Id": "asked", "Label": "p95", "Timestamps": moments, "Values": list(values), "StatusCode": "Complete"} | (
        other
    )


@contextmanager
def answering(*pages: Mapping[str, object]) -> Iterator[tuple[CloudWatchMetrics, ScriptedServer]]:
    """A block at a CloudWatch that gives these pages.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
    """
    left = list(pages)

    def script(_asked: Asked) -> Reply:
        headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "1"}
        return Reply(200, json.dumps(left.pop(0)).encode(), headers)

    with scripted() as server, server.playing(script):
        yield CloudWatchMetrics.model_validate(fields(server.url)), server


def fields(url: str) -> dict[str, str]:
    return {"region": "eu-west-1", "access_key_id": "a", "secret_access_key": "b", "endpoint_url": url}


def values(block: CloudWatchMetrics, query: str = P95, *, minutes: int = 5, step_seconds: float = 60) -> list[float]:
    return [one.value for one in block.series(query, start=T0 - minutes * MINUTE, end=T0, step_seconds=step_seconds)]


def test_a_percentile_is_asked_for_and_a_value_counts_from_the_end_of_its_period() -> None:
    with answering({"MetricDataResults": [result([0.2, 0.3])]}) as (block, _):
        assert isinstance(block, MetricSource)
        samples = block.series(P95, start=T0 - 5 * MINUTE, end=T0, step_seconds=60)
    assert [(one.at, one.value) for one in samples] == [(T0 - MINUTE, 0.2), (T0, 0.3)]


@pytest.mark.parametrize("statistic", ["p95", "p99.9", "Average", "Maximum", "tm99", "TM(2%:98%)"])
def test_a_named_series_becomes_a_metric_with_dimensions_and_statistic(statistic: str) -> None:
    named = P95.removesuffix("p95") + statistic
    stat = _query(named, 60)["MetricStat"]
    assert stat["Stat"] == statistic
    assert stat["Metric"]["Namespace"] == "AWS/ApplicationELB"
    assert stat["Metric"]["Dimensions"] == [
        {"Name": "LoadBalancer", "Value": "app/shop/1a2b"},
        {"Name": "TargetGroup", "Value": "targetgroup/green/3c"},
    ]


@pytest.mark.parametrize(
    "expression",
    [
        'SELECT MAX(CPUUtilization) FROM SCHEMA("AWS/EC2", InstanceId)',
        "SEARCH('{AWS/EC2,InstanceId} MetricName=\"CPUUtilization\"', 'Average')",
    ],
)
def test_anything_else_is_an_expression_of_cloudwatchs_own(expression: str) -> None:
    assert _query(expression, 60)["Expression"] == expression


@pytest.mark.parametrize(("seconds", "period"), [(1, 1), (7, 10), (15, 30), (30, 30), (31, 60), (60, 60), (90, 120)])
def test_the_period_is_the_next_one_that_cloudwatch_has(seconds: float, period: int) -> None:
    with answering({"MetricDataResults": []}) as (block, server):
        assert values(block, step_seconds=seconds) == []
        assert len(server.seen) == 1
    from blocks.metrics.cloudwatch import _period

    assert _period(timedelta(seconds=seconds)) == period


def test_pages_are_joined_and_only_the_last_says_whether_all_came() -> None:
    first = {"MetricDataResults": [result([0.1], until=T0 - 2 * MINUTE, StatusCode="PartialData")], "NextToken": "n"}
    with answering(first, {"MetricDataResults": [result([0.2])]}) as (block, server):
        assert values(block) == [0.1, 0.2]
        assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("status", "fault", "words"),
    [
        ("PartialData", TransientFaultError, "not all data came"),
        ("InternalError", TransientFaultError, "ask again"),
        ("Forbidden", PermanentFaultError, "cloudwatch:GetMetricData"),
    ],
)
def test_less_than_all_data_is_no_answer(status: str, fault: type[Exception], words: str) -> None:
    with (
        answering({"MetricDataResults": [result([0.1], StatusCode=status)]}) as (block, _),
        pytest.raises(fault, match=words),
    ):
        values(block)


def test_an_unfinished_period_and_one_before_the_window_do_not_count() -> None:
    with answering({"MetricDataResults": [result([7, 0.1, 0.2, 9], until=T0)]}) as (block, _):
        assert values(block, minutes=1) == [0.1, 0.2]


def test_several_series_are_none() -> None:
    two = [result([0.1], Label="i-1"), result([0.2], Label="i-2")]
    with answering({"MetricDataResults": two}) as (block, _), pytest.raises(PermanentFaultError, match="2 series"):
        values(block, "SEARCH('{AWS/EC2,InstanceId}', 'Average')")


@pytest.mark.integration
def test_plain_statistics_of_a_real_emulator() -> None:
    """moto knows Average, Sum, Minimum and Maximum; its percentiles are an error, which is why they are at the wire."""
    part = AwsPart()
    part.define(World(now=lambda: T0, t0=T0))
    part.start()
    try:
        with closing(boto3.client("cloudwatch", **part.credentials)) as cloudwatch:  # type: ignore[call-overload]
            data = [
                {"MetricName": "Latency", "Timestamp": T0 - at * MINUTE, "Value": value, "Unit": "Milliseconds"}
                for at, value in ((3, 100.0), (2, 200.0), (2, 300.0), (1, 400.0))
            ]
            cloudwatch.put_metric_data(Namespace="shop", MetricData=data)
        block = CloudWatchMetrics.model_validate(fields(part.endpoint))
        assert block.check() == "CloudWatch answers queries in eu-west-1"
        assert values(block, "shop Latency Average") == [100, 250, 400]
        assert values(block, "shop Latency Maximum") == [100, 300, 400]
        assert values(block, "shop Nothing Average") == []
    finally:
        part.stop()
