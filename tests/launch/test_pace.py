"""The compressed clock's arithmetic: anchors in, moments out; who may set it, and how far it may run fast."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch.events import (
    AnyEvent,
    ClockSet,
    Decision,
    GateOpened,
    Outcome,
    PhaseEnded,
    PhaseStarted,
    RollbackClaimed,
    RollbackEnded,
    WentLive,
)
from launch.pace import DWELL, Pace, drives, hurry_to, stops
from launch.plan import FlowPhase
from launch.state import LaunchState
from tests.fakes import plans
from tests.fakes.agenda_player import Player
from tests.fakes.plans import T0

WALL = T0 - timedelta(days=30)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def anchor(wall: timedelta, at: timedelta, speed: float) -> ClockSet:
    return ClockSet(wall=WALL + wall, at=T0 + at, speed=speed)


def after(*events: AnyEvent, now: timedelta = -7 * DAY) -> LaunchState:
    """What a launch knows after these events."""
    player = Player(plans.plan(checkpoints=[CHECKPOINT]), now=T0 + now)
    player.write(*events)
    return player.state


CHECKPOINT = {"id": "one-hour", "offset": "T+1h", "title": "One hour"}
PLAN = plans.plan(checkpoints=[CHECKPOINT])
OPEN_GATE = GateOpened(gate="go", plan_hash="", evidence_hash="", deadline=T0)


def test_without_an_anchor_the_launch_clock_is_the_wall_clock() -> None:
    assert Pace().shows(WALL) == WALL
    assert Pace().comes(WALL + HOUR, WALL) == WALL + HOUR
    assert not Pace().compressed


def test_a_fast_stretch_ends_at_the_planned_arrival() -> None:
    pace = Pace([anchor(timedelta(0), -DAY, 3600), anchor(24 * SECOND, timedelta(0), 1)])
    assert pace.shows(WALL + 12 * SECOND) == T0 - 12 * HOUR
    assert pace.shows(WALL + 24 * SECOND) == T0
    assert pace.shows(WALL + 34 * SECOND) == T0 + 10 * SECOND
    assert pace.speed(WALL + 23 * SECOND) == 3600
    assert pace.arrival(WALL) == T0
    assert pace.arrival(WALL + 25 * SECOND) is None


def test_a_new_anchor_replaces_the_arrival_that_was_planned() -> None:
    pace = Pace([anchor(timedelta(0), -DAY, 3600), anchor(24 * SECOND, timedelta(0), 1)])
    pace.take(anchor(10 * SECOND, -14 * HOUR, 1))
    assert pace.arrival(WALL + 10 * SECOND) is None
    assert pace.shows(WALL + 30 * SECOND) == T0 - 14 * HOUR + 20 * SECOND
    assert pace.fastest == 3600


def test_the_past_has_no_wall_instant_of_its_own() -> None:
    pace = Pace([anchor(timedelta(0), -DAY, 60)])
    assert pace.comes(T0 - 2 * DAY, WALL + MINUTE) == WALL + MINUTE
    assert pace.soonest(T0 - 2 * DAY, WALL + MINUTE) == WALL + MINUTE


@given(
    speed=st.floats(1, 5000),
    stretch=st.integers(1, 86_400),
    asked=st.integers(0, 200_000),
)
def test_the_clock_shows_a_moment_when_it_comes(speed: float, stretch: int, asked: int) -> None:
    arrival = stretch * SECOND / speed
    pace = Pace([anchor(timedelta(0), timedelta(0), speed), anchor(arrival, stretch * SECOND, 1)])
    moment = T0 + asked * SECOND
    shown = pace.shows(pace.comes(moment, WALL))
    # Wall instants have a resolution of a microsecond, which is `speed` microseconds of the launch.
    assert abs(shown - moment) <= timedelta(microseconds=2 * speed + 2)
    assert pace.soonest(moment, WALL) <= pace.comes(moment, WALL) + timedelta(microseconds=2)


def test_every_phase_and_after_going_live_every_checkpoint_is_a_stop() -> None:
    assert [moment - T0 for moment in stops(PLAN, after())] == [-7 * DAY, -13 * HOUR, -HOUR, timedelta(0), 4 * HOUR]
    live = after(WentLive(), now=-SECOND)
    assert T0 - SECOND + HOUR in stops(PLAN, live)


def test_the_clock_runs_to_the_next_stop_and_no_further() -> None:
    state = after(now=-6 * DAY)
    assert hurry_to(PLAN, state, T0 - 6 * DAY, T0 - 5 * DAY) == T0 - 5 * DAY
    assert hurry_to(PLAN, state, T0 - 6 * DAY, T0) == T0 - 13 * HOUR


def test_the_clock_keeps_natural_speed_where_a_run_begins_and_while_a_gate_is_open() -> None:
    state = after(now=-6 * DAY)
    assert hurry_to(PLAN, state, T0 - HOUR, T0) is None
    assert hurry_to(PLAN, state, T0 - HOUR + DWELL, T0) == T0
    assert hurry_to(PLAN, after(OPEN_GATE, now=-6 * DAY), T0 - 6 * DAY, T0 - 5 * DAY) is None


def test_the_clock_goes_on_as_soon_as_the_run_that_begins_there_has_begun() -> None:
    begun = after(PhaseStarted(phase=FlowPhase.COUNTDOWN), now=-HOUR)
    assert hurry_to(PLAN, begun, T0 - HOUR, T0) == T0


@pytest.mark.parametrize(
    ("events", "phase", "may"),
    [
        ((), None, True),
        ((), FlowPhase.EVE, True),
        ((PhaseStarted(phase=FlowPhase.HARDENING),), FlowPhase.HARDENING, True),
        ((PhaseStarted(phase=FlowPhase.HARDENING),), FlowPhase.EVE, False),
        ((PhaseStarted(phase=FlowPhase.HARDENING),), None, False),
        (
            (PhaseStarted(phase=FlowPhase.HARDENING), PhaseEnded(phase=FlowPhase.HARDENING, decision=Decision.GO)),
            FlowPhase.EVE,
            True,
        ),
        (
            (PhaseStarted(phase=FlowPhase.STABILIZATION), PhaseStarted(phase=FlowPhase.REVIEW)),
            FlowPhase.REVIEW,
            False,
        ),
        (
            (PhaseStarted(phase=FlowPhase.COUNTDOWN), RollbackClaimed(trigger="captain", tier="urgent", by="ana")),
            FlowPhase.COUNTDOWN,
            False,
        ),
        (
            (PhaseStarted(phase=FlowPhase.COUNTDOWN), RollbackClaimed(trigger="captain", tier="urgent", by="ana")),
            FlowPhase.ROLLBACK,
            True,
        ),
        (
            (
                RollbackClaimed(trigger="captain", tier="urgent", by="ana"),
                RollbackEnded(outcome=Outcome.ROLLED_BACK),
            ),
            None,
            True,
        ),
    ],
)
def test_one_hand_at_a_time_sets_the_clock(events: tuple[AnyEvent, ...], phase: FlowPhase | None, *, may: bool) -> None:
    assert drives(after(*events), phase) is may
