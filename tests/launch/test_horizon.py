"""When a launch stands still for good, and the sentence that says what it waits for."""

from datetime import datetime, timedelta

import pytest

from launch.calendar import FORWARD
from launch.events import Decision, GuardState, Outcome, PhaseEnded, RollbackClaimed, WentLive
from launch.horizon import horizon, standstill
from launch.plan import FlowPhase, Plan
from tests.fakes import rollouts
from tests.fakes.agenda_player import START, Player
from tests.fakes.agenda_world import World
from tests.fakes.plans import T0, gate, plan, undoing

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
REVIEW = 7 * DAY
CLAIM = RollbackClaimed(trigger="captain", tier="urgent", by="ana")


def trigger(**more: str) -> dict[str, object]:
    return {"id": "bad", "tier": "conditional", "condition": "bad"} | more


@pytest.mark.parametrize(
    ("content", "after_t0"),
    [
        ({}, REVIEW + HOUR),
        ({"checkpoints": [{"id": "late", "offset": "T+8d", "title": "Late", "duration": "2h"}]}, 8 * DAY + 3 * HOUR),
        ({"gates": [gate("go", window="30m")]}, REVIEW + 1.5 * HOUR),
        ({"triggers": [trigger(evaluation="30m", decision_window="2h")]}, REVIEW + 3.5 * HOUR),
    ],
)
def test_the_last_moment_of_the_plan_and_the_longest_decision_and_an_hour(content, after_t0) -> None:
    player = Player(plan(**content))
    assert horizon(player.plan, player.state) == T0 + after_t0


def test_a_launch_that_went_live_later_has_its_last_moment_later() -> None:
    player = Player(plan(), now=T0 + 2 * HOUR - timedelta(days=8))
    player.now = T0 + 2 * HOUR
    player.write(WentLive())
    assert horizon(player.plan, player.state) == T0 + 2 * HOUR + REVIEW + HOUR


def test_a_rollback_has_as_long_as_its_steps_take_one_after_the_other() -> None:
    late = gate("late", None, phase="back", window="30m")
    player = Player(plan(actions=[undoing("rb-one", within="10m", attempts=2)], gates=[late]))
    player.write(CLAIM)
    assert horizon(player.plan, player.state) == START + timedelta(minutes=20 + 30 + 60)


def stuck(world: World) -> Player:
    """A cut-over that is held for ever: no longest hold, no gate."""
    whole = rollouts.cut_over()
    player = Player(whole, world)
    return player.play(T0 + 2 * HOUR)


def no_data(_guard: str, _now: datetime) -> GuardState:
    return GuardState.NO_DATA


def test_a_step_that_cannot_advance_is_what_the_launch_waits_for() -> None:
    player = stuck(World(guards=no_data))
    assert player.state.outcome is None
    said = standstill(player.plan, player.state, player.now)
    assert said == (
        "stabilization not ended: step 1 (step 1) stays: guard errors is no-data; fewer than 2 clean samples in a row"
    )


def test_where_nothing_is_under_way_the_sentence_says_so() -> None:
    player = Player(plan())
    assert standstill(player.plan, player.state, player.now) == "nothing under way"


@pytest.mark.parametrize("last", FORWARD)
def test_no_launch_that_ends_by_itself_does_so_after_its_horizon(last: FlowPhase) -> None:
    whole: Plan = plan(gates=[gate("go")])
    kept = [one for one in whole.phases if one.start is None or FORWARD.index(one.flow_phase) <= FORWARD.index(last)]
    player = Player(whole.model_copy(update={"phases": tuple(kept)})).play()
    assert player.state.outcome is Outcome.LIVE
    ends = [record.at for record in player.records if isinstance(record.event, PhaseEnded)]
    assert max(ends) <= horizon(player.plan, player.state)
    assert [one.event.decision for one in player.records if isinstance(one.event, PhaseEnded)] == [Decision.GO] * len(
        ends
    )
