"""A drill through its flow: deploys, rolls back by itself, and goes on where a dead run of it stopped."""

from __future__ import annotations

from datetime import timedelta

import pytest

from launch.drill import drill_plan
from launch.drill_figures import drill_figures
from launch.events import EffectBegun, GateOpened, MessageSent, Outcome, RollbackClaimed, WentLive
from tests.fakes.flown_launch import FlownLaunch
from tests.fakes.plans import action, check, gate, plan, procedure, telling
from tests.fakes.systems import Flags, Manner, Outside

pytestmark = [
    pytest.mark.harness,
    pytest.mark.usefixtures("prefect_api"),
]

SECOND = timedelta(seconds=1)
PLAN = drill_plan(
    plan(
        checks=[check("healthy", None, phase="back")],
        gates=[gate("go")],
        actions=[action("first", "T-40m"), action("second", "T-20m"), telling("say", "T-10m")],
        procedures=[procedure([], restore_within="5m")],
    ),
)


def drilling(**manners: Manner) -> FlownLaunch:
    return FlownLaunch(PLAN, outside=Outside(flags=Flags(manners=manners)), drill=True)


def test_a_drill_deploys_rolls_back_and_measures_both() -> None:
    launch = drilling(first=Manner(takes=40 * SECOND))
    launch.fly()
    figures = drill_figures(launch.records)
    assert launch.state.outcome is Outcome.ROLLED_BACK
    assert figures.passed
    assert [one.id for one in (*figures.deploy, *figures.undo)] == ["first", "second", "undo-second", "undo-first"]
    assert figures.deploy_seconds == figures.restored_seconds == 40
    assert launch.events(GateOpened, MessageSent) == []
    (claimed,) = launch.when(RollbackClaimed)
    assert launch.when(WentLive) == [claimed]


def test_a_deploy_that_fails_is_rolled_back_and_is_no_passed_drill() -> None:
    launch = drilling(second=Manner(refuses=2))
    launch.fly()
    figures = drill_figures(launch.records)
    assert launch.state.outcome is Outcome.ROLLED_BACK
    assert figures.failures == ('second failed: flags answered "403 Forbidden" to turn second on; renew the token',)
    assert launch.outside.flags.state("first") == "off"


def test_started_again_after_a_kill_a_drill_comes_to_the_same_end() -> None:
    whole = drilling(first=Manner(takes=40 * SECOND))
    for at, one in enumerate(whole.fly_and_leave()[2:-2:6]):
        one.fly()
        assert one.state.outcome is Outcome.ROLLED_BACK, at
        begun = [event.action for event in one.events(EffectBegun)]
        assert sorted(begun) == ["first", "second", "undo-first", "undo-second"], at
