"""The sandbox's load tests and experiments leave what the real programs leave, read by the blocks of a launch."""

from datetime import UTC, datetime, timedelta

import pytest

from blocks.experiments import ChaosExperiments
from blocks.load_tests import LoadTests
from launch.effects.trials import RunExperiment, RunLoadTest
from launch.ports import Occasion, Standing
from launch.probes.evidence import ChaosJournal, LoadTest
from launch.release import Release
from sandbox.parts.trials import TrialsPart
from sandbox.world import World
from tests.fakes.programs import runner_ended

T0 = datetime(2025, 11, 17, 7, tzinfo=UTC)
OCCASION = Occasion(launch="teei-1", now=T0, t0=T0, release=Release(version="v2.5.0"), key="teei-1/try/1")
LOAD = RunLoadTest(do="run-load-test", on="load", test="load-test", users=50, lasting=timedelta(hours=4))
CHAOS = RunExperiment(do="run-experiment", on="chaos", experiment="chaos", longest=timedelta(minutes=5))


@pytest.fixture
def stage():
    world, part = World(now=lambda: T0, t0=T0), TrialsPart()
    part.define(world)
    part.start()
    yield world, part
    part.stop()


def done(part, block_type, address, effect):
    part.tick()
    block = block_type(**part.blocks("http://127.0.0.1:9")[address])
    block.apply(effect, OCCASION)
    runner_ended(block.records)
    return block


def test_four_hours_of_load_are_over_at_once_and_pass_the_runbooks_figures(stage):
    _, part = stage
    block = done(part, LoadTests, "load-tests/sandbox-load-tests", LOAD)
    assert block.observe(LOAD, OCCASION).standing is Standing.HOLDS
    probe = LoadTest(ask="load-test", of="load", name="load-test", pilot_users=25)
    assert {name: one.value for name, one in block.answer(probe, OCCASION).values.items()} == {
        "test_duration": 240,
        "api_rate": 500,
        "latency_p95": 320.0,
        "concurrent_users": 50,
        "load_factor": 2,
        "errors": 0,
    }


@pytest.mark.parametrize(("knob", "value"), [("load.p95-ms", 640.0), ("load.errors", 3)])
def test_its_figures_are_the_worlds(stage, knob, value):
    world, part = stage
    world.set(knob, value)
    block = done(part, LoadTests, "load-tests/sandbox-load-tests", LOAD)
    values = block.answer(LoadTest(ask="load-test", of="load", name="load-test", pilot_users=25), OCCASION).values
    assert value in {one.value for one in values.values()}


def test_a_load_test_can_fail(stage):
    world, part = stage
    world.set("load.outcome", "fail")
    block = done(part, LoadTests, "load-tests/sandbox-load-tests", LOAD)
    assert block.observe(LOAD, OCCASION).standing is Standing.FAILED


@pytest.mark.parametrize(("outcome", "standing"), [("borne", Standing.HOLDS), ("deviated", Standing.FAILED)])
def test_an_experiment_is_borne_or_not(stage, outcome, standing):
    world, part = stage
    world.set("chaos.outcome", outcome)
    block = done(part, ChaosExperiments, "chaos-experiments/sandbox-experiments", CHAOS)
    assert block.check() == "1 experiments are valid"
    assert block.observe(CHAOS, OCCASION).standing is standing
    values = block.answer(ChaosJournal(ask="chaos-journal", of="chaos", name="chaos"), OCCASION).values
    assert (values["experiment_survived"].value, values["pod_kills"].value) == (outcome == "borne", 1)
