"""The watchdog's judgement: what stands still is told once it has stood still long enough, and nothing else is."""

from collections.abc import Sequence
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch.agenda import AskCheck
from launch.events import (
    AnyEvent,
    CheckJudged,
    Decision,
    EffectBegun,
    GateOpened,
    LaunchClosed,
    Outcome,
    PhaseEnded,
    PhaseStarted,
    RollbackClaimed,
    RunTakenUp,
    WentLive,
)
from launch.overdue import VERBS, Carried, out_of_sight, overdue
from launch.plan import FlowPhase, Plan
from launch.rolling_back import RollbackDue
from launch.verdicts import Verdict
from launch.watch import LOOK, Overdue, Watch
from tests.fakes import plans, rollouts
from tests.fakes.agenda_player import Player, play
from tests.fakes.examples import times
from tests.fakes.plans import T0

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
HARDENING = PhaseStarted(phase=FlowPhase.HARDENING)
COUNTDOWN: Sequence[AnyEvent] = (
    HARDENING,
    PhaseEnded(phase=FlowPhase.HARDENING, decision=Decision.GO),
    PhaseStarted(phase=FlowPhase.EVE),
    PhaseEnded(phase=FlowPhase.EVE, decision=Decision.GO),
    PhaseStarted(phase=FlowPhase.COUNTDOWN),
)


def late(plan: Plan, at: timedelta, *events: AnyEvent) -> list[str]:
    """What is overdue at a moment of a launch that knows these events."""
    player = Player(plan, now=T0 - 8 * DAY)
    player.now = T0 + at
    player.write(*events)
    return [one.what for one in overdue(plan, player.state, T0 + at)]


def test_a_phase_that_did_not_begin_is_overdue() -> None:
    assert late(plans.plan(), -7 * DAY - SECOND) == []
    assert late(plans.plan(), -7 * DAY) == ["phase/hardening"]


def test_a_phase_behind_one_that_has_not_said_go_is_not_overdue() -> None:
    plan = plans.plan(checks=[plans.check("lag")])
    assert late(plan, -HOUR, HARDENING) == [f"hardening/{AskCheck.__name__}/lag"]


def test_a_check_whose_moment_has_come_is_overdue_until_it_is_asked() -> None:
    plan = plans.plan(checks=[plans.check("lag")])
    assert late(plan, -2 * DAY - SECOND, HARDENING) == []
    assert late(plan, -2 * DAY, HARDENING) == ["hardening/AskCheck/lag"]
    asked = late(plan, -2 * DAY, HARDENING, CheckJudged(check="lag", verdict=Verdict.PASS, sentence=""))
    assert asked == ["hardening/EndScope"]


def test_a_form_that_is_out_is_not_overdue() -> None:
    plan = plans.plan(checks=[plans.check("briefed", mode="attested")])
    assert late(plan, -2 * DAY, HARDENING) == []


def test_an_open_gate_is_overdue_only_when_its_deadline_has_passed() -> None:
    plan = plans.plan(gates=[plans.gate("go")])
    opened = GateOpened(gate="go", plan_hash="", evidence_hash="", deadline=T0 - 25 * MINUTE)
    assert late(plan, -26 * MINUTE, *COUNTDOWN, opened) == []
    assert late(plan, -25 * MINUTE, *COUNTDOWN, opened) == ["countdown/SettleGate/go"]


def test_everything_that_can_be_due_is_named_in_words() -> None:
    assert {kind.__name__ for kind in get_args(RollbackDue)} == set(VERBS)


def test_an_effect_under_way_has_the_time_its_action_gives_it() -> None:
    plan = plans.plan(actions=[plans.action("flag", within="10m")])
    begun = EffectBegun(action="flag", attempt=1, key="flag/1")
    player = Player(plan, now=T0 - 8 * DAY)
    player.now = T0 - 30 * MINUTE
    player.write(*COUNTDOWN, begun)
    assert overdue(plan, player.state, T0 - 21 * MINUTE) == []
    assert [one.what for one in overdue(plan, player.state, T0 - 20 * MINUTE)] == ["countdown/DoEffect/flag"]


def test_a_checkpoint_that_nobody_holds_is_overdue() -> None:
    plan = plans.plan(checkpoints=[{"id": "one-hour", "offset": "T+1h", "title": "One hour"}])
    live = (*COUNTDOWN, PhaseEnded(phase=FlowPhase.COUNTDOWN, decision=Decision.GO))
    player = Player(plan, now=T0 - 8 * DAY)
    player.now = T0
    player.write(*live, WentLive(), PhaseStarted(phase=FlowPhase.STABILIZATION))
    assert "checkpoint/one-hour" not in [one.what for one in overdue(plan, player.state, T0 + 2 * HOUR)]
    assert "checkpoint/one-hour" in [one.what for one in overdue(plan, player.state, T0 + 3 * HOUR + SECOND)]


def test_a_rollback_that_nobody_carries_out_is_overdue() -> None:
    found = late(plans.plan(), -20 * MINUTE, *COUNTDOWN, RollbackClaimed(trigger="captain", tier="urgent", by="ana"))
    assert found
    assert all(one.startswith("rollback/") for one in found)


def test_a_launch_that_is_over_owes_nothing() -> None:
    assert late(plans.plan(), DAY, LaunchClosed(outcome=Outcome.NO_GO)) == []


def test_a_launch_that_was_played_to_its_end_owes_nothing() -> None:
    player = play(plans.plan(checks=[plans.check("lag")], gates=[plans.gate("go")], actions=[plans.action("flag")]))
    assert overdue(player.plan, player.state, player.now) == []


def test_an_alarm_is_raised_after_the_patience_and_not_before() -> None:
    watch = Watch(30 * SECOND)
    found = [Overdue(what="a", detail="")]
    assert watch.look(found, T0) == []
    assert watch.look(found, T0 + 29 * SECOND) == []
    assert watch.look(found, T0 + 30 * SECOND) == found


def test_what_was_done_meanwhile_begins_anew() -> None:
    watch = Watch(30 * SECOND)
    watch.look([Overdue(what="a", detail="")], T0)
    watch.look([], T0 + 20 * SECOND)
    assert watch.look([Overdue(what="a", detail="")], T0 + 40 * SECOND) == []


def test_the_next_attempt_at_the_same_thing_begins_anew() -> None:
    watch = Watch(30 * SECOND)
    watch.look([Overdue(what="a", detail="")], T0)
    assert watch.look([Overdue(what="a", detail="", attempt=1)], T0 + 31 * SECOND) == []


def checks(*names: str) -> list[Overdue]:
    return [Overdue(what=f"eve/AskCheck/{name}", detail=f"eve: asking {name}", line="eve/AskCheck") for name in names]


def test_a_line_of_work_that_goes_on_does_not_stand_still() -> None:
    watch = Watch(30 * SECOND)
    watch.look(checks("a", "b", "c"), T0)
    assert watch.look(checks("b", "c"), T0 + 25 * SECOND) == []
    assert watch.look(checks("c"), T0 + 50 * SECOND) == []
    assert watch.look(checks("c"), T0 + 81 * SECOND) == checks("c")


def test_a_line_of_work_that_stands_still_is_one_alarm() -> None:
    watch = Watch(30 * SECOND)
    watch.look(checks("a", "b", "c"), T0)
    (alarm,) = watch.look(checks("a", "b", "c"), T0 + 31 * SECOND)
    assert (alarm.what, alarm.detail) == ("eve/AskCheck/a", "eve: asking a (and 2 more)")


def test_a_question_has_the_time_of_all_its_tries() -> None:
    plan = plans.plan(checks=[plans.check("lag")])
    player = Player(plan, now=T0 - 8 * DAY)
    player.now = T0 - 2 * DAY
    player.write(HARDENING)
    found = overdue(plan, player.state, player.now)
    watch = Watch(30 * SECOND)
    watch.look(found, T0)
    assert watch.look(found, T0 + 89 * SECOND) == []
    assert [one.what for one in watch.look(found, T0 + 91 * SECOND)] == ["hardening/AskCheck/lag"]


def test_a_step_that_nobody_samples_any_more_is_overdue_and_told_after_its_patience() -> None:
    plan = rollouts.flag_percentage()
    player = Player(plan).play(until=T0 + 4 * MINUTE)
    assert [one.what for one in overdue(plan, player.state, player.now)] == []
    dead = overdue(plan, player.state, player.now + 2 * MINUTE)
    assert [one.what for one in dead] == ["stabilization/SampleStep/step-2/6"]
    assert dead[0].detail == "step 2 is held and was last sampled at 07:04:00; every 1m"


def carried_by(plan: Plan, now: timedelta, carried: Carried, *events: AnyEvent) -> list[Overdue]:
    """What is overdue when it is known which phases have a process."""
    player = Player(plan, now=T0 - 8 * DAY)
    player.now = T0 + now
    player.write(*events)
    return overdue(plan, player.state, player.now, carried)


def test_a_phase_without_a_process_is_overdue_at_once_and_told_instead_of_what_it_does_not_do() -> None:
    plan = plans.plan(actions=[plans.action("flag", "T-30m"), plans.action("late", "T-10m")])
    assert carried_by(plan, -40 * MINUTE, {FlowPhase.COUNTDOWN: T0 - HOUR}, *COUNTDOWN) == []
    (quiet,) = carried_by(plan, -40 * MINUTE, {}, *COUNTDOWN)
    assert (quiet.what, quiet.detail) == ("countdown/process/1", "countdown is under way and has no process")
    assert [one.what for one in carried_by(plan, -5 * MINUTE, {}, *COUNTDOWN)] == ["countdown/process/1"]


def test_a_run_that_took_a_phase_up_and_is_lost_as_well_is_an_alarm_of_its_own() -> None:
    taken_up = RunTakenUp(phase=FlowPhase.COUNTDOWN, run="second")
    assert [one.what for one in carried_by(plans.plan(), -HOUR, {}, *COUNTDOWN, taken_up)] == ["countdown/process/2"]


LIVE: Sequence[AnyEvent] = (
    *COUNTDOWN,
    PhaseEnded(phase=FlowPhase.COUNTDOWN, decision=Decision.GO),
    WentLive(),
    PhaseStarted(phase=FlowPhase.STABILIZATION),
)


@pytest.mark.parametrize(("now", "told"), [(29, False), (30, True), (300, True)])
def test_guards_that_a_living_run_does_not_ask_any_more_are_overdue_from_their_next_tick(
    now: int, *, told: bool
) -> None:
    plan, asked = plans.plan(guards=[plans.guard("errors")]), T0 + 10 * MINUTE
    player = Player(plan, now=T0 - 8 * DAY)
    player.now = T0
    player.write(*LIVE)
    found = overdue(plan, player.state, asked + now * SECOND, {FlowPhase.STABILIZATION: asked})
    expected = ["stabilization/SampleGuards/2026-12-07T07:10:00+00:00"] if told else []
    assert [one.what for one in found] == expected
    assert not told or found[0].detail == "stabilization: the guards were last asked at 07:10:00 and nobody asks them"


def test_guards_of_the_step_that_is_held_are_watched_by_their_own_samples() -> None:
    plan = rollouts.flag_percentage()
    player = Player(plan).play(until=T0 + 4 * MINUTE)
    asked = {FlowPhase.STABILIZATION: player.now}
    assert overdue(plan, player.state, player.now + SECOND, asked) == []
    dead = overdue(plan, player.state, player.now + 2 * MINUTE, asked)
    assert [one.what for one in dead] == ["stabilization/SampleStep/step-2/6"]


@times(2)
@given(st.floats(0, 5, exclude_max=True), st.lists(st.floats(0, 2), min_size=6, max_size=6))
def test_what_stands_still_is_told_within_half_a_minute(death: float, lateness: list[float]) -> None:
    """Looks come every five seconds, each up to two seconds late; the run dies anywhere between two of them."""
    watch, died = Watch(), T0 + death * SECOND
    for n, late in enumerate(lateness, start=1):
        moment = T0 + n * LOOK + late * SECOND
        if watch.look([Overdue(what="a", detail="")], moment):
            assert moment - died <= 30 * SECOND
            return
    pytest.fail("nothing was told")


def test_while_a_gate_is_open_a_sample_has_the_time_of_two_starts() -> None:
    plan = rollouts.flag_percentage(gates=[plans.gate("ask", None, phase="watch", criteria=[])])
    player = Player(plan).play(until=T0 + 4 * MINUTE)
    opened = GateOpened(gate="ask", plan_hash="", evidence_hash="", deadline=T0 + 20 * MINUTE)
    (late,) = overdue(plan, player.state, T0 + 6 * MINUTE)
    player.write(opened)
    (waits,) = overdue(plan, player.state, T0 + 6 * MINUTE)
    assert (late.takes, waits.takes) == (timedelta(0), 20 * SECOND)


# --- what nobody watches ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "events", "unwatched"),
    [
        (FlowPhase.HARDENING, [HARDENING], False),
        (FlowPhase.COUNTDOWN, COUNTDOWN, True),
        (FlowPhase.STABILIZATION, LIVE, True),
    ],
)
def test_a_product_is_unwatched_where_a_phase_that_watches_it_has_no_process(
    phase: FlowPhase, events: Sequence[AnyEvent], *, unwatched: bool
) -> None:
    plan = plans.plan(actions=[plans.action("flag", "T-10m")])
    (found,) = carried_by(plan, -HOUR if phase is FlowPhase.COUNTDOWN else HOUR, {}, *events)
    assert (found.what, found.unwatched) == (f"{phase.value}/process/1", unwatched)


def test_a_phase_that_watches_and_has_not_begun_leaves_the_product_unwatched() -> None:
    (found,) = carried_by(plans.plan(), HOUR, {}, *LIVE[:-1])
    assert (found.what, found.unwatched) == ("phase/stabilization", True)


def test_samples_and_guards_that_stopped_leave_the_product_unwatched() -> None:
    plan = rollouts.flag_percentage(guards=[plans.guard("errors", watched=[]), plans.guard("latency")])
    player = Player(plan).play(until=T0 + 4 * MINUTE)
    asked = {FlowPhase.STABILIZATION: player.now}
    found = overdue(plan, player.state, player.now + 2 * MINUTE, asked)
    assert {one.what.split("/")[1] for one in found if one.unwatched} == {"SampleStep", "SampleGuards"}


def test_samples_that_stop_again_are_another_alarm() -> None:
    plan = rollouts.flag_percentage()
    player = Player(plan).play(until=T0 + 4 * MINUTE)
    (first,) = overdue(plan, player.state, player.now + 2 * MINUTE)
    player.play(until=T0 + 7 * MINUTE)
    (second,) = overdue(plan, player.state, player.now + 2 * MINUTE)
    assert first.what != second.what


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([HARDENING], []),
        (COUNTDOWN, ["countdown"]),
        ([*COUNTDOWN, RollbackClaimed(trigger="captain", tier="urgent", by="ana")], []),
        ([*COUNTDOWN, LaunchClosed(outcome=Outcome.NO_GO)], []),
    ],
    ids=["hardening may outlast a restart of the server", "countdown", "rollback", "over"],
)
def test_a_server_that_does_not_answer_is_told_for_phases_that_watch(
    events: Sequence[AnyEvent], told: list[str]
) -> None:
    player = Player(plans.plan(), now=T0 - 8 * DAY)
    player.now = T0 - 20 * MINUTE
    player.write(*events)
    found = out_of_sight(player.plan, player.state, player.now, player.now)
    assert [one.what for one in found] == [f"{phase}/server/2026-12-07T06:40:00+00:00" for phase in told]
    assert all(one.unwatched for one in found)
