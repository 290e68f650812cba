"""Whole rollouts of every strategy, played: exposure rises when all is well, never on silence, and goes on after a kill."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from launch import acts
from launch.events import EffectBegun, ExposureSeen, GuardState, Outcome, StepAdvanced, StepHeld, StepSampled
from launch.moments import parse_offset
from launch.plan import Plan, RolloutStep
from launch.ports import Observation, Standing
from tests.fakes import rollouts
from tests.fakes.agenda_player import LAUNCH, CrashError, Player, play
from tests.fakes.agenda_world import Manner, World, as_asked
from tests.fakes.plans import T0
from tests.fakes.rollouts import STRATEGIES

MINUTE = timedelta(minutes=1)
EVERY_STEP = [(name, step.n) for name, plan in STRATEGIES.items() for step in plan().rollout.steps]


def at(offset: str) -> datetime:
    return T0 + parse_offset(offset)


def advanced(player: Player) -> list[tuple[int, datetime]]:
    """Steps that were left, in order, with when."""
    return [(one.event.step, one.at) for one in player.records if isinstance(one.event, StepAdvanced)]


def entered(player: Player, n: int) -> datetime:
    return next(one.at for one in player.records if isinstance(one.event, ExposureSeen) and one.event.step == n)


def reasons(player: Player) -> list[str]:
    return [one.event.reason for one in player.records if isinstance(one.event, StepHeld)]


# --- all is well ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_rollout_goes_through_its_steps_in_order_and_holds_each_for_its_time(name: str) -> None:
    plan = STRATEGIES[name]()
    player = play(plan)
    assert player.state.outcome is Outcome.LIVE
    assert [n for n, _ in advanced(player)] == [step.n for step in plan.rollout.steps]
    for step, (_, left) in zip(plan.rollout.steps, advanced(player), strict=True):
        assert left - entered(player, step.n) >= (step.minimum_hold or timedelta(0))
        assert player.state.step(step.n).clean >= 2
        assert all(player.begun(action) is not None for action in step.actions)
    assert reasons(player) == []


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_action_of_a_step_begins_before_the_step_before_was_left(name: str) -> None:
    plan = STRATEGIES[name]()
    player, step_of = play(plan), {one: step.n for step in plan.rollout.steps for one in step.actions}
    left: set[int] = set()
    for record in player.records:
        if isinstance(record.event, StepAdvanced):
            left.add(record.event.step)
        if isinstance(record.event, EffectBegun):
            assert set(range(1, step_of[record.event.action])) <= left


def test_steps_before_t0_are_complete_before_the_product_is_live_and_the_others_run_after_it() -> None:
    player = play(rollouts.flag_percentage())
    assert player.state.live_at == T0
    assert [moment for _, moment in advanced(player)] == [at("T0"), at("T+10m"), at("T+20m"), at("T+30m")]


def test_a_step_that_is_late_keeps_the_product_from_being_live() -> None:
    steps = [rollouts.step(1, 100, "T-5m", "20m")]
    player = play(rollouts.rollout("flag-percentage", steps))
    assert player.state.live_at == at("T+15m")


def test_a_step_is_watched_until_the_next_one_may_begin() -> None:
    """It is complete at T-20m; its guard fires in the gap before T0, so exposure does not rise at T0."""
    steps = [rollouts.step(1, 10, "T-30m", "10m"), rollouts.step(2, 100, "T0", "1m")]
    fires = lambda _guard, now: GuardState.FIRING if at("T-3m") <= now < at("T+10m") else GuardState.CLEAR  # noqa: E731
    player = play(rollouts.rollout("flag-percentage", steps), World(guards=fires))
    assert advanced(player)[0] == (1, at("T+11m"))
    assert player.state.live_at == at("T+11m")


def test_services_of_a_step_begin_in_the_order_of_groups_and_dependencies() -> None:
    slow = {f"deploy-{one}": MINUTE for one in ("auth", "gateway", "search", "sync", "playback")}
    player = play(rollouts.mesh_weights(), World(manners={one: Manner(takes=takes) for one, takes in slow.items()}))
    begun = {one: player.begun(f"deploy-{one}") for one in ("auth", "gateway", "search", "sync", "playback")}
    assert begun["auth"] < begun["gateway"] < begun["search"] == begun["sync"] < begun["playback"]


# --- silence ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [GuardState.NO_DATA, GuardState.FIRING, GuardState.PENDING])
@pytest.mark.parametrize(("name", "n"), EVERY_STEP)
def test_exposure_never_rises_while_a_guard_is_not_clear(name: str, n: int, state: GuardState) -> None:
    plan = STRATEGIES[name](every="5m")
    assert_stays(plan, n, lambda player: lambda _guard, _now: state if reached(player, n) else GuardState.CLEAR)


@pytest.mark.parametrize(("name", "n"), EVERY_STEP)
def test_exposure_never_rises_while_it_cannot_be_read_back(name: str, n: int) -> None:
    plan = STRATEGIES[name](every="5m")
    assert_stays(plan, n, exposed=lambda step, now: None if step.n == n else as_asked(step, now))


@pytest.mark.parametrize(("name", "n"), EVERY_STEP)
def test_exposure_never_rises_while_something_else_runs_than_asked_for(name: str, n: int) -> None:
    plan = STRATEGIES[name](every="5m")
    drift = {"drift": Observation(standing=Standing.ABSENT)}
    assert_stays(plan, n, exposed=lambda step, now: drift if step.n == n else as_asked(step, now))


def reached(player: Player, n: int) -> bool:
    return all(player.state.step(one).advanced_at is not None for one in range(1, n))


def assert_stays(
    plan: Plan,
    n: int,
    guards: Callable[[Player], Callable[[str, datetime], GuardState]] | None = None,
    exposed: Callable[[RolloutStep, datetime], Mapping[str, Observation] | None] = as_asked,
) -> None:
    """Two hours on the step is still held, nothing of a later step has begun, and why it stays is written, each reason once."""
    player = Player(plan, World(exposed=exposed))
    if guards is not None:
        player.world.guards = guards(player)
    player.play(until=at("T+2h"))
    assert [step for step, _ in advanced(player)] == list(range(1, n))
    later = {action for step in plan.rollout.steps if step.n > n for action in step.actions}
    assert not later & set(player.begins())
    mine = [one.event.reason for one in player.records if isinstance(one.event, StepHeld) and one.event.step == n]
    assert mine
    assert len(mine) == len(set(mine))


# --- drift, gaps, people ----------------------------------------------------------------------------------------------


def test_drift_ends_the_hold_and_it_is_counted_from_the_last_time_it_was_right() -> None:
    def exposed(step: RolloutStep, now: datetime) -> Mapping[str, Observation]:
        share = 12.0 if at("T+15m") <= now < at("T+18m") else step.percent
        return {action: Observation(standing=Standing.HOLDS, exposure=share) for action in step.actions}

    player = play(rollouts.flag_percentage(), World(exposed=exposed))
    assert dict(advanced(player))[3] == at("T+28m")
    assert reasons(player) == ["what runs is not what the step asks for: 12 % are exposed, not 50 %"]


def test_samples_count_only_in_a_row() -> None:
    def flapping(_guard: str, now: datetime) -> GuardState:
        return GuardState.FIRING if at("T0") < now < at("T+30m") and now.minute % 2 else GuardState.CLEAR

    player = play(rollouts.rollout("cut-over", [rollouts.step(1, 100, "T0", "1m")]), World(guards=flapping))
    samples = [one.event.clean for one in player.records if isinstance(one.event, StepSampled)]
    assert samples[-2:] == [True, True]
    assert [*pairwise(samples)].index((True, True)) == len(samples) - 2


def test_a_person_holds_the_exposure_and_it_goes_on_from_where_it_was() -> None:
    def held(player: Player) -> None:
        acts.hold_exposure(player.ledger, LAUNCH, person="ana", reason="a doubt", at=player.now, wall=player.now)

    def released(player: Player) -> None:
        acts.release_exposure(player.ledger, LAUNCH, person="ana", at=player.now, wall=player.now)

    people = [(at("T+13m"), held), (at("T+50m"), released)]
    player = play(rollouts.flag_percentage(), World(acts=people))
    assert [moment for _, moment in advanced(player)] == [at("T0"), at("T+10m"), at("T+50m"), at("T+60m")]
    assert reasons(player) == ["exposure held by ana: a doubt"]
    assert player.begins() == ["s1", "s2", "s3", "s4"]


# --- killed -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pause", [timedelta(0), timedelta(minutes=7)], ids=["at once", "7 min later"])
@pytest.mark.parametrize("name", STRATEGIES)
def test_killed_anywhere_it_goes_on_at_the_live_exposure_and_repeats_no_effect(name: str, pause: timedelta) -> None:
    plan = STRATEGIES[name](every="5m")
    whole = play(plan)
    for point in range(1, whole.done + 1):
        first = Player(plan, World())
        first.crash_at = first.done + point
        with pytest.raises(CrashError):
            first.play()
        exposed, known = first.state.steps.keys(), advanced(first)
        second = Player(plan, first.world, first.ledger, now=first.now + pause).play()
        assert second.state.outcome is Outcome.LIVE
        assert advanced(second)[: len(known)] == known
        assert [step for step, _ in advanced(second)] == [step.n for step in plan.rollout.steps]
        assert sorted(name for name, _ in second.world.applied) == sorted(name for name, _ in whole.world.applied)
        assert set(exposed) <= second.state.steps.keys()
        for step in plan.rollout.steps:
            left = second.state.step(step.n).advanced_at
            since = second.state.step(step.n).entered_at
            assert left is not None
            assert since is not None
            assert left - since >= (step.minimum_hold or timedelta(0))
