"""Loki: counted lines, and the difference between clean and silent."""

from collections.abc import Iterator

import pytest

from blocks.logs import LokiLogs
from launch.probes.observability import LogLines, LogPipeline
from sandbox.parts.loki import Loki
from tests.fakes.observed_world import Observed

STREAM = '{env="production"}'


@pytest.fixture
def world() -> Iterator[Observed]:
    with Observed(Loki()).served() as world:
        yield world


def errors(**fields: object) -> LogLines:
    base = {"ask": "log-lines", "of": "logs", "name": "errors", "stream": STREAM, "matching": "level=(ERROR|CRITICAL)"}
    return LogLines.model_validate({**base, **fields})


PIPELINE = LogPipeline(ask="log-pipeline", of="logs", stream=STREAM)


def test_a_clean_stream_counts_zero(world: Observed) -> None:
    reading = world.block(LokiLogs).answer(errors(), world.occasion())
    assert reading.values["errors"].value == 0


def test_a_silent_stream_is_not_clean(world: Observed) -> None:
    world.at(hours=-1)
    world.world.set("loki.silent", True)
    assert world.block(LokiLogs).answer(errors(), world.at().occasion()).values == {}


def test_lines_count_in_their_window_only(world: Observed) -> None:
    world.world.set("loki.lines", [{"level": "ERROR", "text": "boom"}])
    block = world.block(LokiLogs)
    assert block.answer(errors(), world.at(minutes=4).occasion()).values["errors"].value == 1
    assert block.answer(errors(), world.at(minutes=6).occasion()).values["errors"].value == 0
    assert block.answer(errors(window="1h"), world.at(minutes=6).occasion()).values["errors"].value == 1


def test_expected_lines_are_left_out(world: Observed) -> None:
    world.world.set("loki.lines", [{"level": "ERROR", "text": "known issue 7"}, {"level": "ERROR", "text": "boom"}])
    reading = world.block(LokiLogs).answer(errors(excluding="known issue"), world.occasion())
    assert reading.values["errors"].value == 1


def test_failing_requests_leave_error_lines(world: Observed) -> None:
    world.world.set("product.error-rate", 20)
    reading = world.block(LokiLogs).answer(errors(), world.at(minutes=5).occasion())
    assert float(reading.values["errors"].value) > 5


def test_the_pipeline_tells_retention_age_and_rules(world: Observed) -> None:
    values = world.block(LokiLogs).answer(PIPELINE, world.at(seconds=30).occasion()).values
    assert (values["log_retention"].value, values["log_retention"].unit) == (30, "days")
    assert values["newest_line_age"].value == 30
    assert values["error_alert_rules"].value == 1


def test_no_rule_is_told_as_none_and_unset_retention_not_at_all(world: Observed) -> None:
    world.world.set("loki.alert-rules", False)
    world.world.set("loki.retention", "0s")
    values = world.block(LokiLogs).answer(PIPELINE, world.occasion()).values
    assert values["error_alert_rules"].value == 0
    assert "log_retention" not in values
