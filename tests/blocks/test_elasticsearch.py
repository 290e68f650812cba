"""Elasticsearch: the exact question, clean and silent apart, and a count that lacks shards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from blocks.elasticsearch import ElasticsearchLogs
from launch.errors import PermanentFaultError, TransientFaultError
from launch.probes.observability import LogLines
from tests.fakes.observed_world import vendor
from tests.fakes.verbs import OCCASION

PROBE = LogLines(
    ask="log-lines",
    of="logs",
    name="errors",
    stream="env:production",
    matching="level:(ERROR OR CRITICAL)",
    excluding='message:"known issue"',
    window=timedelta(minutes=5),
)


@contextmanager
def counting(
    everything: int, errors: int, *, failed: int = 0, status: int = 200
) -> Iterator[tuple[ElasticsearchLogs, list[Any]]]:
    """A block at a cluster with so many lines, and the bodies it was asked with.

    The form is that of https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-count.
    """
    seen: list[Any] = []

    async def answer(request: Request) -> Response:
        if request.headers["authorization"] != "ApiKey key":
            return JSONResponse({"error": {"type": "security_exception"}, "status": 401}, status_code=401)
        assert request.url.path.endswith("/logs-*/_count")
        body = await request.json() if request.method == "POST" else {}
        seen.append(body)
        if status != 200:
            return JSONResponse({"error": {"type": "query_shard_exception"}, "status": status}, status_code=status)
        narrow = len(body["query"]["bool"]["filter"]) == 3 if body else False
        shards = {"total": 5, "successful": 5 - failed, "skipped": 0, "failed": failed}
        return JSONResponse({"count": errors if narrow else everything, "_shards": shards})

    with vendor(answer) as url:
        yield ElasticsearchLogs(url=url, api_key=SecretStr("key")), seen


def test_it_can_be_checked_by_reading() -> None:
    with counting(7, 0) as (block, _):
        assert block.check() == "Elasticsearch counts 7 lines in logs-*"


def test_lines_are_asked_for_in_the_window_that_ends_now() -> None:
    with counting(100, 3) as (block, seen):
        reading = block.answer(PROBE, OCCASION)
    assert reading.values["errors"].value == 3
    assert reading.evidence == "3 of 100 lines of the last 0:05:00"
    window = {"gt": (OCCASION.now - PROBE.window).isoformat(), "lte": OCCASION.now.isoformat()}
    assert seen[-1]["query"]["bool"] == {
        "filter": [
            {"range": {"@timestamp": window}},
            {"query_string": {"query": "env:production"}},
            {"query_string": {"query": "level:(ERROR OR CRITICAL)"}},
        ],
        "must_not": [{"query_string": {"query": 'message:"known issue"'}}],
    }


@pytest.mark.parametrize(("everything", "expected"), [(100, {"errors": 0}), (0, {})])
def test_a_clean_stream_counts_zero_and_a_silent_one_is_no_answer(everything: int, expected: dict[str, int]) -> None:
    with counting(everything, 0) as (block, _):
        found = block.answer(PROBE, OCCASION).values
    assert {name: one.value for name, one in found.items()} == expected


def test_a_count_that_lacks_shards_is_no_answer() -> None:
    with counting(100, 0, failed=1) as (block, _), pytest.raises(TransientFaultError, match="1 of 5 shards"):
        block.answer(PROBE, OCCASION)


def test_a_query_that_it_cannot_read_is_permanent() -> None:
    with counting(100, 0, status=400) as (block, _), pytest.raises(PermanentFaultError, match="400"):
        block.answer(PROBE, OCCASION)
