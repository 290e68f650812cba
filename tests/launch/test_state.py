"""The view of a launch: what each event changes, and that any prefix of a ledger is a launch."""

import typing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch import events
from launch.events import AnyEvent, Decision, EffectBegun, EffectFinished, EffectResult, GuardState, Outcome
from launch.ledger import event_hash, verify_chain
from launch.plan import FlowPhase
from launch.state import EffectState, LaunchState, fold
from launch.verdicts import Verdict
from tests.fakes import plans
from tests.fakes.agenda_player import START, Player, play
from tests.fakes.plans import T0

ALREADY, APPLIED = EffectResult.ALREADY, EffectResult.APPLIED
FAILED, UNKNOWN = EffectResult.FAILED, EffectResult.UNKNOWN
HELD = events.HoldPlaced(by="ana", reason="fog")
BALLOT = events.BallotCast(gate="go", seat="captain", person="ana", decision=Decision.GO)
OPENED = events.GateOpened(gate="go", plan_hash="p", evidence_hash="e", deadline=T0)


def after(*happened: AnyEvent) -> LaunchState:
    player = Player(plans.plan())
    player.write(*happened)
    return player.state


def begun(attempt: int = 1, **before: str) -> EffectBegun:
    return EffectBegun(action="a", attempt=attempt, key=f"a/{attempt}", before=before)


def finished(result: EffectResult, attempt: int = 1) -> EffectFinished:
    return EffectFinished(action="a", attempt=attempt, result=result)


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        ([], ""),
        ([begun()], "under way, touched"),
        ([begun(), finished(APPLIED)], "done, touched"),
        ([begun(), finished(FAILED)], "touched"),
        ([begun(), finished(UNKNOWN)], "touched, exhausted"),
        ([finished(ALREADY)], "done"),
        ([finished(FAILED)], ""),
        ([begun(), finished(FAILED), finished(FAILED, 2)], "touched, exhausted"),
        ([begun(), finished(FAILED), begun(2)], "under way, touched"),
        ([begun(), finished(FAILED), finished(ALREADY, 2)], "done, touched"),
    ],
)
def test_how_far_an_effect_is(happened: list[AnyEvent], told: str) -> None:
    effect = after(*happened).effect("a")
    words = {
        "under way": effect.under_way,
        "done": effect.done,
        "touched": effect.touched,
        "exhausted": effect.exhausted(2),
    }
    assert ", ".join(word for word, so in words.items() if so) == told


def test_what_was_there_before_the_first_attempt_is_what_an_undo_puts_back() -> None:
    effect = after(begun(was="v1"), finished(FAILED), begun(2, was="half")).effect("a")
    assert effect.before == {"was": "v1"}
    assert (effect.attempt, effect.key) == (2, "a/2")


def test_asking_for_what_never_happened_changes_nothing() -> None:
    state = after()
    assert not state.effect("a").under_way
    assert state.check("c").verdict is None
    assert not state.gate("go").open
    assert state.phase(FlowPhase.EVE).started_at is None
    assert (state.effects, state.checks, state.gates, state.phases) == ({}, {}, {}, {})


def test_a_gates_new_opening_starts_without_ballots() -> None:
    hold = events.GateDecided(gate="go", decision=Decision.HOLD, reason="late")
    again = OPENED.model_copy(update={"opening": 2})
    gate = after(OPENED, BALLOT, hold, again).gate("go")
    assert gate.open
    assert (gate.opening, gate.ballots, gate.order, gate.decision) == (2, {}, [], None)


def test_the_newest_ballot_of_a_person_counts_and_moves_to_the_end() -> None:
    other = BALLOT.model_copy(update={"person": "ben", "seat": "sre"})
    no = BALLOT.model_copy(update={"decision": Decision.NO_GO, "reason": "fog"})
    gate = after(OPENED, BALLOT, other, no).gate("go")
    assert gate.order == ["ben", "ana"]
    assert gate.ballots["ana"].decision is Decision.NO_GO


def test_a_waiver_rewrites_no_verdict() -> None:
    judged = events.CheckJudged(check="disk", verdict=Verdict.FAIL, sentence="full")
    waived = events.CheckWaived(check="disk", person="ana", reason="known", until=T0)
    check = after(judged, waived).check("disk")
    assert (check.verdict, check.waived_until, check.waived_by, check.asked) == (Verdict.FAIL, T0, "ana", 1)


def test_a_slip_moves_t0_and_keeps_what_was_planned() -> None:
    state = after(events.T0Slipped(t0=T0 + timedelta(hours=1), by="ana", reason="fog"))
    assert (state.t0, state.planned_t0) == (T0 + timedelta(hours=1), T0)


def test_a_rollback_taken_over_keeps_its_first_claim() -> None:
    claimed = events.RollbackClaimed(trigger="errors", tier="immediate", by="conductor", run="r1")
    other = events.RollbackClaimed(trigger="captain", tier="urgent", by="ana", run="r2")
    rollback = after(claimed, other).rollback
    assert rollback is not None
    assert (rollback.trigger, rollback.by, rollback.run) == ("errors", "conductor", "r2")


def test_a_message_that_failed_is_not_one_that_was_sent_but_is_not_sent_again() -> None:
    failed = events.MessageFailed(key="k", channel="room", why="refused")
    assert after(failed).messages == {"k": ""}
    assert after(events.MessageSent(key="k", channel="room", link="l"), failed).messages == {"k": "l"}


def test_a_guard_shows_its_newest_state() -> None:
    firing = events.GuardChanged(guard="errors", state=GuardState.FIRING, value=9)
    clear = events.GuardChanged(guard="errors", state=GuardState.CLEAR, value=1)
    assert after(firing, clear).guards["errors"].state is GuardState.CLEAR


def test_every_kind_of_event_has_a_name_of_its_own_and_reads_back() -> None:
    kinds = [kind.model_fields["kind"].default for kind in typing.get_args(typing.get_args(AnyEvent)[0])]
    assert len(set(kinds)) == len(kinds)
    for event in (HELD, BALLOT, OPENED, begun(was="v1"), events.LaunchClosed(outcome=Outcome.LIVE)):
        assert events.EVENT.validate_json(event.model_dump_json()) == event


WHOLE = play(
    plans.plan(
        checks=[plans.check("disk"), plans.check("briefed", mode="attested")],
        actions=[plans.action("deploy"), plans.telling("tell", "T-5m")],
        gates=[plans.gate("go")],
        guards=[plans.guard("errors")],
    ),
)


@given(st.integers(0, len(WHOLE.records)))
def test_folding_the_rest_onto_any_prefix_is_folding_the_whole(place: int) -> None:
    state = fold(WHOLE.records[:place])
    for record in WHOLE.records[place:]:
        state.apply(record)
    assert vars(state) == vars(fold(WHOLE.records))


def test_a_played_launch_has_an_unbroken_chain_and_always_the_same_hash() -> None:
    verify_chain("cockpit-1", WHOLE.records)
    again = Player(WHOLE.plan).play()
    assert event_hash(again.records) == event_hash(WHOLE.records)


def test_the_event_hash_is_the_same_at_another_t0() -> None:
    def moved(by: timedelta) -> str:
        player = Player(plans.plan())
        opened = player.records[0]
        shifted = [
            opened.model_copy(update={"at": opened.at + by, "event": opened.event.model_copy(update={"t0": T0 + by})}),
            opened.model_copy(update={"at": START + by + timedelta(hours=1), "event": HELD}),
        ]
        return event_hash(shifted)

    assert moved(timedelta(0)) == moved(timedelta(days=30))
    assert moved(timedelta(0)) != event_hash(Player(plans.plan()).records)


def test_an_effect_that_was_never_begun_has_nothing_to_undo() -> None:
    assert not EffectState(result=ALREADY, finished_at=datetime(2026, 1, 1, tzinfo=UTC)).touched
