"""Datadog synthetics: set-up, the newest run of every location, uptime."""

from collections.abc import Iterator

import pytest

from blocks.synthetics import DatadogSynthetics
from launch.probes.observability import SyntheticResults, SyntheticTests, SyntheticUptime
from sandbox.parts.synthetics import Synthetics
from tests.fakes.observed_world import Observed

TAG = "service:teei"
SET_UP = SyntheticTests(ask="synthetic-tests", of="synthetics", tag=TAG)
GREEN = SyntheticResults(ask="synthetic-results", of="synthetics", tag=TAG)
UPTIME = SyntheticUptime(ask="synthetic-uptime", of="synthetics", tag=TAG)


@pytest.fixture
def world() -> Iterator[Observed]:
    with Observed(Synthetics()).served() as world:
        yield world


def test_the_weakest_live_test_counts(world: Observed) -> None:
    values = world.block(DatadogSynthetics).answer(SET_UP, world.occasion()).values
    found = {name: quantity.value for name, quantity in values.items()}
    assert found == {"tests": 2, "interval": 60, "locations": 5, "alert_after": 2}


def test_without_a_live_test_there_is_nothing_to_tell_but_that(world: Observed) -> None:
    nobody = SyntheticTests(ask="synthetic-tests", of="synthetics", tag="service:other")
    values = world.block(DatadogSynthetics).answer(nobody, world.occasion()).values
    assert {name: quantity.value for name, quantity in values.items()} == {"tests": 0}


def test_one_red_location_is_not_green(world: Observed) -> None:
    block = world.block(DatadogSynthetics)
    assert block.answer(GREEN, world.occasion()).values["locations_green"].value == 5
    world.world.set("synthetics.red-locations", ["aws:eu-west-2"])
    reading = block.answer(GREEN, world.occasion())
    assert reading.values["locations_green"].value == 4
    assert "aws:eu-west-2" in reading.evidence


def test_the_newest_run_counts_not_an_earlier_red_one(world: Observed) -> None:
    world.world.set("synthetics.red-locations", ["aws:eu-west-2"])
    world.at(minutes=1)
    world.world.set("synthetics.red-locations", [])
    assert world.block(DatadogSynthetics).answer(GREEN, world.occasion()).values["locations_green"].value == 5


def test_locations_that_do_not_report_give_no_answer(world: Observed) -> None:
    world.world.set("synthetics.silent", True)
    assert world.block(DatadogSynthetics).answer(GREEN, world.at(minutes=10).occasion()).values == {}


def test_uptime_counts_from_the_go_live(world: Observed) -> None:
    block = world.block(DatadogSynthetics)
    assert block.answer(UPTIME, world.at(hours=-1).occasion()).values == {}
    world.at(hours=1)
    world.world.set("product.error-rate", 100)
    world.at(hours=2)
    reading = block.answer(UPTIME, world.occasion())
    assert reading.values["synthetic_uptime"].value == pytest.approx(50, abs=1)
