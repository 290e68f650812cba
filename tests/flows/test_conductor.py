"""The conductor through the flows themselves: what is asked, applied, held back, said and taken back, and when.

As input: small plans, systems in memory that behave badly on purpose, a virtual clock. As output we check the ledger
and what reached the systems. Prefect is real; nothing of tminus is replaced.
"""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from launch.acts import hold, lift, waive
from launch.ballots_file import Ballots
from launch.effects.web import SetFlag
from launch.events import (
    CheckJudged,
    CheckpointEnded,
    Decision,
    EffectBegun,
    EffectFinished,
    EffectResult,
    GateDecided,
    GateOpened,
    LaunchClosed,
    MessageFailed,
    MessageSent,
    Outcome,
    PhaseEnded,
    PhaseStarted,
    RollbackClaimed,
    RollbackEnded,
    RunTakenUp,
    ServiceRestored,
    WentLive,
)
from launch.plan import FlowPhase
from launch.verdicts import Verdict
from tests.fakes.flown_launch import LAUNCH, FlownLaunch, HastyClock, KilledError
from tests.fakes.plans import T0, action, check, gate, guard, plan, procedure, telling, undoing
from tests.fakes.systems import Database, Flags, Manner, Metrics, Outside, Room, outage, refusal

pytestmark = [
    pytest.mark.harness,
    pytest.mark.usefixtures("prefect_api"),
]

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
WAR_ROOM = {"id": "war-room", "kind": "chat", "name": "War room", "integration": "slack", "system": "room"}
HALL = {"id": "hall", "kind": "chat", "name": "Hall", "integration": "slack", "system": "hall"}
SYSTEMS = [
    {"id": one, "integration": kind, "what": one}
    for one, kind in {
        "database": "postgres", "flags": "flags", "metrics": "metrics", "room": "slack", "hall": "slack",
    }.items()
]  # fmt: skip
TOO_MANY_ERRORS = {
    "id": "too-many-errors", "tier": "immediate", "condition": "errors", "guards": ["errors"], "automatic": True,
}  # fmt: skip
SAY = {"do": "post-message", "on": "room", "channel": "launch", "message": "rb-say", "text": "going back"}
WATCHING = guard("errors", sustained="1m", watched=[{"start": "T0", "end": "T+10m", "every": "1m"}])


def ballots(gate_id: str, person: str, decision: str, reason: str = "") -> Ballots:
    return Ballots.model_validate({gate_id: [{"person": person, "decision": decision, "reason": reason}]})


def results(launch: FlownLaunch, name: str) -> list[EffectResult]:
    return [event.result for event in launch.events(EffectFinished) if event.action == name]


def verdicts(launch: FlownLaunch, name: str) -> list[Verdict]:
    return [event.verdict for event in launch.events(CheckJudged) if event.check == name]


def test_a_launch_goes_through_every_phase_and_ends_live() -> None:
    launch = FlownLaunch(plan(checks=[check("near")], actions=[action("deploy")], gates=[gate("go")]))
    launch.fly()
    assert launch.when(WentLive) == [timedelta(0)]
    assert [(event.phase, event.decision) for event in launch.events(PhaseEnded)] == [
        (phase, Decision.GO) for phase in FlowPhase if phase is not FlowPhase.ROLLBACK
    ]
    assert launch.state.outcome is Outcome.LIVE
    assert isinstance(launch.records[-1].event, LaunchClosed)
    assert launch.outside.flags.turned == [("deploy", "on")]


@pytest.mark.parametrize("last", [FlowPhase.COUNTDOWN, FlowPhase.STABILIZATION])
def test_a_launch_of_a_plan_without_later_phases_ends_after_its_last_one_and_its_checkpoints(last: FlowPhase) -> None:
    whole = plan(actions=[action("deploy")], checkpoints=[{"id": "t5h", "offset": "T+5h", "title": "Five hours"}])
    order = list(FlowPhase)
    kept = [one for one in whole.phases if order.index(one.flow_phase) <= order.index(last) or one.start is None]
    launch = FlownLaunch(whole.model_copy(update={"phases": tuple(kept)}))
    launch.fly()
    assert launch.state.outcome is Outcome.LIVE
    assert launch.when(LaunchClosed) == [timedelta(hours=5)]
    assert [event.phase for event in launch.events(PhaseEnded)] == order[: order.index(last) + 1]


def test_a_checkpoint_within_a_countdown_that_lasts_past_t0_is_held_at_its_moment() -> None:
    whole = plan(actions=[action("deploy")], checkpoints=[{"id": "t5m", "offset": "T+5m", "title": "Five minutes"}])
    phases = {one.id: one for one in whole.phases}
    phases["countdown"] = phases["countdown"].model_copy(update={"end": 20 * MINUTE})
    phases["watch"] = phases["watch"].model_copy(update={"start": 20 * MINUTE})
    launch = FlownLaunch(whole.model_copy(update={"phases": tuple(phases.values())}))
    launch.fly()
    assert launch.when(CheckpointEnded, checkpoint="t5m") == [5 * MINUTE]
    assert launch.when(PhaseEnded, phase=FlowPhase.COUNTDOWN) == [20 * MINUTE]
    assert launch.state.outcome is Outcome.LIVE


def test_a_no_go_ends_the_launch_withdraws_what_is_queued_and_starts_no_later_phase() -> None:
    queued = action("queue-mail", "T-3d", phase="hardening", role="prepares", undo={"how": "restore", "on_no_go": True})
    launch = FlownLaunch(
        plan(actions=[queued, action("deploy")], gates=[gate("go", "T-2d", phase="hardening")]),
        ballots=ballots("go", "ana", "NO-GO", "the load test failed"),
    )
    launch.fly()
    assert launch.state.outcome is Outcome.NO_GO
    assert launch.outside.flags.turned == [("queue-mail", "on"), ("queue-mail", "off")]
    assert [event.phase for event in launch.events(PhaseStarted)] == [FlowPhase.HARDENING]
    assert "the load test failed" in launch.state.outcome_reason


def test_a_failing_check_keeps_the_gate_from_go_until_it_passes() -> None:
    launch = FlownLaunch(
        plan(checks=[check("near", "T-45m", phase="countdown")], gates=[gate("go")]),
        outside=Outside(database=Database([9, 9, 0.5])),
    )
    launch.fly(until=timedelta(0))
    assert verdicts(launch, "near") == [Verdict.FAIL, Verdict.FAIL, Verdict.PASS]
    assert launch.when(GateDecided, decision=Decision.GO) == [-40 * MINUTE]


def test_a_check_that_never_passes_makes_the_gate_say_no_go_at_its_deadline() -> None:
    launch = FlownLaunch(
        plan(checks=[check("near", "T-45m", phase="countdown")], gates=[gate("go")]),
        outside=Outside(database=Database([9])),
    )
    launch.fly()
    assert [(event.decision, event.reason) for event in launch.events(GateDecided)] == [
        (Decision.NO_GO, launch.state.outcome_reason.partition("(")[2].rstrip(")")),
    ]
    assert "near failed" in launch.state.outcome_reason
    assert launch.when(GateDecided) == [-25 * MINUTE]


def test_a_waiver_covers_a_failing_check_and_does_not_rewrite_it() -> None:
    def cover(launch: FlownLaunch) -> None:
        waive(launch.ledger, LAUNCH, check="near", person="ana", reason="known", lasting=60 * MINUTE, **launch.now())

    launch = FlownLaunch(
        plan(checks=[check("near", "T-45m", phase="countdown")], gates=[gate("go")]),
        outside=Outside(database=Database([9])),
        acts=[(-42 * MINUTE, cover)],
    )
    launch.fly(until=timedelta(0))
    assert launch.when(GateDecided, decision=Decision.GO) == [-40 * MINUTE]
    assert set(verdicts(launch, "near")) == {Verdict.FAIL}


@pytest.mark.parametrize("fault", [refusal("database", "the lag"), outage("database", "the lag"), None])
def test_a_system_that_gives_no_answer_never_lets_a_check_pass(fault: Exception | None) -> None:
    launch = FlownLaunch(plan(checks=[check("near")]), outside=Outside(database=Database([fault])))
    launch.fly(until=-timedelta(days=1))
    expected = Verdict.INCONCLUSIVE if fault is None else Verdict.ERROR
    assert set(verdicts(launch, "near")) == {expected}


def test_what_already_holds_is_not_applied() -> None:
    launch = FlownLaunch(
        plan(actions=[action("deploy")]),
        outside=Outside(flags=Flags(since={"deploy": ("on", T0 - 60 * MINUTE)})),
    )
    launch.fly(until=timedelta(0))
    assert results(launch, "deploy") == [EffectResult.ALREADY]
    assert launch.outside.flags.turned == []
    assert launch.events(EffectBegun) == []


def test_a_refused_change_is_tried_again() -> None:
    launch = FlownLaunch(
        plan(actions=[action("deploy")]),
        outside=Outside(flags=Flags(manners={"deploy": Manner(refuses=1)})),
    )
    launch.fly(until=timedelta(0))
    assert results(launch, "deploy") == [EffectResult.FAILED, EffectResult.APPLIED]
    assert launch.state.live_at == T0


def test_a_change_that_fails_for_good_rolls_the_launch_back() -> None:
    launch = FlownLaunch(
        plan(actions=[action("first", "T-40m"), action("deploy", after=["first"])]),
        outside=Outside(flags=Flags(manners={"deploy": Manner(refuses=2)})),
    )
    launch.fly()
    assert results(launch, "deploy") == [EffectResult.FAILED, EffectResult.FAILED]
    assert launch.events(WentLive) == []
    assert launch.state.outcome is Outcome.ROLLED_BACK
    assert launch.outside.flags.turned == [("first", "on"), ("first", "off")]
    assert {phase.decision for phase in launch.state.phases.values()} == {Decision.GO, Decision.NO_GO}


def test_what_a_change_gave_is_named_by_later_ones() -> None:
    effect = {"do": "set-flag", "on": "flags", "flag": "{{ actions['first'].outputs.turned }}", "state": "on"}
    launch = FlownLaunch(plan(actions=[action("first", "T-40m"), action("deploy", after=["first"], effect=effect)]))
    launch.fly(until=timedelta(0))
    assert launch.outside.flags.turned == [("first", "on"), ("first on", "on")]


def test_a_change_whose_words_cannot_be_filled_has_failed_and_the_launch_goes_on() -> None:
    effect = {"do": "set-flag", "on": "flags", "flag": "{{ actions['deploy'].outputs.gone }}", "state": "on"}
    launch = FlownLaunch(plan(actions=[action("deploy", effect=effect, attempts=1)]))
    launch.fly(until=timedelta(0))
    (failed,) = launch.events(EffectFinished)
    assert failed.result is EffectResult.FAILED
    assert "cannot be filled" in failed.detail
    assert launch.outside.flags.turned == []


def test_a_slow_change_is_looked_at_until_it_holds() -> None:
    launch = FlownLaunch(
        plan(actions=[action("deploy", poll="20s")]),
        outside=Outside(flags=Flags(manners={"deploy": Manner(takes=3 * MINUTE)})),
    )
    launch.fly(until=timedelta(0))
    assert launch.when(EffectFinished, action="deploy", result=EffectResult.APPLIED) == [-27 * MINUTE]
    assert launch.outside.flags.turned == [("deploy", "on")]


def test_a_change_that_does_not_complete_within_its_time_has_failed() -> None:
    launch = FlownLaunch(
        plan(actions=[action("deploy", within="4m", attempts=1)]),
        outside=Outside(flags=Flags(manners={"deploy": Manner(stuck=True)})),
    )
    launch.fly(until=timedelta(0))
    assert launch.when(EffectFinished, action="deploy", result=EffectResult.FAILED) == [-26 * MINUTE]
    assert launch.state.rollback is not None


def test_what_a_dead_run_began_and_nobody_can_see_is_unknown_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SetFlag, "observable", False)

    def die(verb: str, _flag: str) -> None:
        if verb == "after":
            raise KilledError

    mail = action("send-mail", role="announces")
    launch = FlownLaunch(
        plan(actions=[mail]),
        outside=Outside(flags=Flags(heard=die, manners={"send-mail": Manner(blind=True)})),
    )
    with pytest.raises(KilledError):
        launch.fly()
    assert results(launch, "send-mail") == []
    launch.outside.flags.heard = lambda _verb, _flag: None
    launch.fly()
    assert results(launch, "send-mail") == [EffectResult.UNKNOWN]
    assert launch.outside.flags.turned == [("send-mail", "on")]


def test_a_guard_that_breaches_rolls_back_at_the_moment_it_is_seen() -> None:
    launch = FlownLaunch(
        plan(actions=[action("deploy")], guards=[WATCHING], triggers=[TOO_MANY_ERRORS]),
        outside=Outside(metrics=Metrics(jumps={T0 + 3 * MINUTE: 12})),
    )
    launch.fly()
    assert launch.when(RollbackClaimed) == launch.when(EffectBegun, action="undo-deploy") == [4 * MINUTE]
    assert launch.outside.flags.turned == [("deploy", "on"), ("deploy", "off")]
    assert launch.state.outcome is Outcome.ROLLED_BACK


def test_a_metric_store_that_is_down_neither_passes_nor_rolls_back() -> None:
    launch = FlownLaunch(
        plan(actions=[action("deploy")], guards=[WATCHING], triggers=[TOO_MANY_ERRORS]),
        outside=Outside(metrics=Metrics(down=True)),
    )
    launch.fly(until=20 * MINUTE)
    assert launch.state.rollback is None
    assert launch.state.guards["errors"].state.value == "no-data"


@pytest.mark.parametrize("offset", [4 * MINUTE, 4 * MINUTE + 5 * SECOND], ids=["at once", "in the midst"])
def test_a_rollback_that_is_triggered_twice_happens_once(offset: timedelta) -> None:
    from flows.roll_back import roll_back

    launch = FlownLaunch(
        plan(actions=[action("deploy")], guards=[WATCHING], triggers=[TOO_MANY_ERRORS]),
        outside=Outside(
            metrics=Metrics(jumps={T0 + 3 * MINUTE: 12}),
            flags=Flags(manners={"deploy": Manner(takes=MINUTE)}),
        ),
        acts=[(offset, lambda _launch: roll_back(launch=LAUNCH, trigger="captain", by="ana", reason="errors"))],
    )
    launch.fly()
    assert len(launch.events(RollbackClaimed)) == len(launch.events(RollbackEnded)) == 1
    assert launch.outside.flags.turned == [("deploy", "on"), ("deploy", "off")]
    assert launch.state.outcome is Outcome.ROLLED_BACK


def test_an_undo_that_fails_leaves_residue_and_the_rest_is_undone() -> None:
    bad, good = action("bad", "T-40m"), action("good", "T-35m", after=["bad"])
    outside = Outside(metrics=Metrics(jumps={T0: 12}))

    def break_bad(_launch: FlownLaunch) -> None:
        outside.flags.manners["bad"] = Manner(refuses=5)

    launch = FlownLaunch(
        plan(actions=[bad, good], guards=[WATCHING], triggers=[TOO_MANY_ERRORS]),
        outside=outside,
        acts=[(-MINUTE, break_bad)],
    )
    launch.fly()
    assert launch.state.outcome is Outcome.PARTIAL
    assert [line.partition(":")[0] for line in launch.state.rollback.residue] == ["bad"]
    assert outside.flags.state("good") == "off"


def test_a_chat_that_is_down_stops_nothing_and_the_fallback_carries_the_words() -> None:
    launch = FlownLaunch(
        plan(
            actions=[action("deploy")],
            gates=[gate("go")],
            systems=SYSTEMS,
            comms={"channels": [WAR_ROOM | {"fallback": "hall"}, HALL]},
        ),
        outside=Outside(room=Room(down=True)),
    )
    launch.fly(until=timedelta(0))
    assert launch.state.live_at == T0
    failed = [event.key for event in launch.events(MessageFailed)]
    assert failed == [event.key for event in launch.events(MessageSent)] == ["gate/go/1/open", "gate/go/1/decided"]
    assert {event.channel for event in launch.events(MessageSent)} == {"hall"}
    assert launch.outside.hall.told == failed


def test_with_every_channel_down_the_failure_is_written_once_and_the_launch_goes_on() -> None:
    launch = FlownLaunch(
        plan(actions=[action("deploy")], gates=[gate("go")], systems=SYSTEMS, comms={"channels": [WAR_ROOM]}),
        outside=Outside(room=Room(down=True)),
    )
    launch.fly(until=timedelta(0))
    assert launch.state.live_at == T0
    assert [event.key for event in launch.events(MessageFailed)] == ["gate/go/1/open", "gate/go/1/decided"]


def test_an_announcement_that_cannot_be_made_rolls_nothing_back() -> None:
    launch = FlownLaunch(
        plan(actions=[action("deploy"), telling("announce", "T-5m")]),
        outside=Outside(room=Room(down=True)),
    )
    launch.fly(until=timedelta(0))
    assert set(results(launch, "announce")) == {EffectResult.FAILED}
    assert launch.state.live_at == T0


def test_a_held_launch_begins_no_effect_and_opens_no_gate_until_it_is_lifted() -> None:
    def place(launch: FlownLaunch) -> None:
        hold(launch.ledger, LAUNCH, person="ana", reason="wait for the bridge", **launch.now())

    def end(launch: FlownLaunch) -> None:
        lift(launch.ledger, LAUNCH, person="ana", **launch.now())

    launch = FlownLaunch(
        plan(
            checks=[check("near", "T-44m", phase="countdown")],
            actions=[action("deploy", "T-45m")],
            gates=[gate("go", "T-40m")],
        ),
        acts=[(-50 * MINUTE, place), (-20 * MINUTE, end)],
    )
    launch.fly(until=timedelta(0))
    assert launch.when(CheckJudged, check="near") == [-44 * MINUTE], "checks go on"
    assert all(at >= -20 * MINUTE for at in launch.when(EffectBegun, action="deploy"))
    assert all(at >= -20 * MINUTE for at in launch.when(GateOpened, gate="go"))
    assert launch.state.live_at == T0


def test_a_run_that_may_not_wait_hands_over_and_the_next_one_goes_on() -> None:
    launch = FlownLaunch(
        plan(checks=[check("near"), check("near-again", "T-25h")], actions=[action("deploy")], gates=[gate("go")]),
        clock_type=HastyClock,
    )
    launch.fly()
    assert launch.state.outcome is Outcome.LIVE
    assert launch.outside.flags.turned == [("deploy", "on")]
    assert verdicts(launch, "near") == verdicts(launch, "near-again") == [Verdict.PASS]
    runs = [event.run for event in launch.events(RunTakenUp) if event.phase is FlowPhase.HARDENING]
    assert len(runs) == len(set(runs)) >= 2


def test_a_chat_that_hangs_delays_a_rollback_by_nothing() -> None:
    restored = threading.Event()

    def hang(verb: str, _key: str) -> None:
        if verb == "before" and not restored.wait(timeout=60):
            message = "service was not restored while the chat hung"
            raise TimeoutError(message)

    def flown(room: Room, *, patient: bool) -> FlownLaunch:
        launch = FlownLaunch(
            plan(
                actions=[
                    action("first", "T-40m"),
                    action("deploy", after=["first"]),
                    undoing("rb-say", integration=["slack"], effect=SAY),
                    undoing("rb-done", integration=["slack"], effect=SAY | {"message": "done"}),
                ],
                guards=[WATCHING],
                triggers=[TOO_MANY_ERRORS],
                procedures=[procedure(["rb-say"], [], ["rb-done"])],
            ),
            outside=Outside(metrics=Metrics(jumps={T0 + 3 * MINUTE: 12}), room=room),
            patient=patient,
            witness=lambda event: restored.set() if isinstance(event, ServiceRestored) else None,
        )
        launch.fly()
        return launch

    well, hung = flown(Room(), patient=False), flown(Room(heard=hang), patient=True)
    for kind in (RollbackClaimed, ServiceRestored):
        assert hung.when(kind) == well.when(kind)
    for step in ("undo-deploy", "undo-first"):
        assert hung.when(EffectBegun, action=step) == well.when(EffectBegun, action=step) == [4 * MINUTE]
    assert set(hung.outside.room.posts) == {"rb-say", "done"}
    assert hung.state.outcome is Outcome.ROLLED_BACK


def test_a_point_of_no_return_asks_inside_the_rollback_and_only_its_step_is_left() -> None:
    drop = gate("drop", None, phase="back", seats=[{"role": "captain", "signs": True}], criteria=[], window="10m")
    steps = {"n": 1, "what": "back", "actions": ["rb-drop"], "takes_back": ["migrate"], "approval": "drop"}
    launch = FlownLaunch(
        plan(
            actions=[action("migrate", "T-40m"), action("deploy", after=["migrate"]), undoing("rb-drop")],
            gates=[drop],
            guards=[WATCHING],
            triggers=[TOO_MANY_ERRORS],
            procedures=[{"id": "full", "title": "full", "steps": [steps]}],
        ),
        outside=Outside(metrics=Metrics(jumps={T0 + 3 * MINUTE: 12})),
        ballots=ballots("drop", "ana", "ABSENT"),
    )
    launch.fly()
    assert launch.when(EffectFinished, action="undo-deploy") == [4 * MINUTE]
    assert launch.when(GateOpened, gate="drop") == [4 * MINUTE]
    assert launch.when(GateDecided, gate="drop", decision=Decision.NO_GO) == [14 * MINUTE]
    assert launch.state.outcome is Outcome.PARTIAL
    assert [line.partition(":")[0] for line in launch.state.rollback.residue] == ["migrate"]
