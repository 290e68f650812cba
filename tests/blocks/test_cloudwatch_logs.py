"""CloudWatch Logs: counts on moto, and pages that are empty and not the last at the documented wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import boto3
import pytest

from blocks.cloudwatch_logs import CloudWatchLogs
from launch.errors import PermanentFaultError
from launch.probes.observability import LogLines
from sandbox.parts.aws import AwsPart
from sandbox.world import World
from tests.fakes.scripted_server import Asked, Reply, scripted
from tests.fakes.verbs import OCCASION

GROUP = "/ecs/shop"


def errors(**fields: object) -> LogLines:
    base = {"ask": "log-lines", "of": "logs", "name": "errors", "stream": GROUP, "matching": "ERROR", "window": "5m"}
    return LogLines.model_validate(base | fields)


def counted(block: CloudWatchLogs, probe: LogLines) -> object:
    values = block.answer(probe, OCCASION).values
    return values["errors"].value if "errors" in values else None


def block_at(url: str) -> CloudWatchLogs:
    fields = {"region": "eu-west-1", "access_key_id": "a", "secret_access_key": "b", "endpoint_url": url}
    return CloudWatchLogs.model_validate(fields)


@pytest.fixture(scope="module")
def account() -> Iterator[CloudWatchLogs]:
    part = AwsPart()
    part.define(World(now=lambda: OCCASION.now, t0=OCCASION.t0))
    part.start()
    try:
        with closing(boto3.client("logs", **part.credentials)) as logs:  # type: ignore[call-overload]
            for group in (GROUP, "/ecs/silent"):
                logs.create_log_group(logGroupName=group)
                logs.create_log_stream(logGroupName=group, logStreamName="one")
            lines = [(9, "ERROR long ago"), (4, "INFO fine"), (3, "ERROR boom"), (2, "ERROR known issue 7")]
            logs.put_log_events(
                logGroupName=GROUP,
                logStreamName="one",
                logEvents=[
                    {"timestamp": int((OCCASION.now - timedelta(minutes=at)).timestamp() * 1000), "message": text}
                    for at, text in lines
                ],
            )
        yield block_at(part.endpoint)
    finally:
        part.stop()


@pytest.mark.integration
def test_lines_count_in_their_window_and_expected_ones_do_not(account) -> None:
    assert account.check() == "CloudWatch Logs shows 2 log groups in eu-west-1"
    assert counted(account, errors()) == 2
    assert counted(account, errors(window="1h")) == 3
    assert counted(account, errors(excluding=r"known issue \d")) == 1


@pytest.mark.integration
def test_a_clean_group_counts_zero_and_a_silent_one_is_no_answer(account) -> None:
    assert counted(account, errors(matching="PANIC")) == 0
    assert counted(account, errors(stream="/ecs/silent")) is None


@pytest.mark.integration
def test_a_group_that_is_not_there_is_permanent(account) -> None:
    with pytest.raises(PermanentFaultError, match="ResourceNotFoundException"):
        account.answer(errors(stream="/ecs/nobody"), OCCASION)


def page(*messages: str, token: str | None = None) -> Reply:
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html"""
    events = [{"logStreamName": "one", "timestamp": 1, "message": text, "eventId": "e"} for text in messages]
    body = {"events": events, "searchedLogStreams": []} | ({"nextToken": token} if token else {})
    return Reply(
        200, json.dumps(body).encode(), {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": "1"}
    )


def test_a_page_may_be_empty_and_not_the_last() -> None:
    pages = iter([page(token="a"), page("INFO fine"), page(token="b"), page("ERROR 1", token="c"), page("ERROR 2")])

    def script(_asked: Asked) -> Reply:
        return next(pages)

    with scripted() as server, server.playing(script):
        assert counted(block_at(server.url), errors()) == 2


def test_more_lines_than_matter_are_not_counted() -> None:
    def script(_asked: Asked) -> Reply:
        return page(*["ERROR"] * 4000, token=str(len(server.seen)))

    with scripted() as server, server.playing(script):
        reading = block_at(server.url).answer(errors(), OCCASION)
    assert (reading.values["errors"].value, reading.evidence) == (10_000, "at least 10000 lines of the last 0:05:00")
