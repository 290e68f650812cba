"""The agenda by what it makes happen: when things begin, what they wait for, how a phase and a launch end."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from launch import acts
from launch.events import (
    AnyEvent,
    Decision,
    GateOpened,
    GuardChanged,
    GuardState,
    LaunchClosed,
    Outcome,
    TriggerFired,
    WentLive,
)
from launch.moments import parse_offset
from launch.plan import FlowPhase, Plan
from launch.verdicts import Verdict
from tests.fakes import plans
from tests.fakes.agenda_player import LAUNCH, Player, play
from tests.fakes.agenda_world import Manner, Vote, World
from tests.fakes.plans import T0
from tests.fakes.undoing import happened

GO, NO_GO, HOLD = Decision.GO, Decision.NO_GO, Decision.HOLD
PASS, FAIL, UNCLEAR, ERROR = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR
NEVER = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def at(offset: str) -> datetime:
    return T0 + parse_offset(offset)


def begins(player: Player) -> dict[str, datetime]:
    """When each effect first began."""
    return {name: begun for name in player.state.effects if (begun := player.begun(name)) is not None}


def moments(player: Player, kind: type[AnyEvent]) -> list[datetime]:
    return [record.at for record in player.records if isinstance(record.event, kind)]


def held(player: Player) -> None:
    acts.hold(player.ledger, LAUNCH, person="ana", reason="wait", at=player.now, wall=player.now)


def lifted(player: Player) -> None:
    acts.lift(player.ledger, LAUNCH, person="ana", at=player.now, wall=player.now)


def slipped(to: datetime):
    return lambda player: acts.slip(
        player.ledger,
        LAUNCH,
        t0=to,
        person="ana",
        reason="fog",
        at=player.now,
        wall=player.now,
    )


# --- moments ----------------------------------------------------------------------------------------------------------


def test_a_launch_goes_through_its_phases_and_is_live_at_t0() -> None:
    player = play(plans.plan(actions=[plans.action("deploy")], gates=[plans.gate("go")], checks=[plans.check("disk")]))
    assert player.state.outcome is Outcome.LIVE
    assert player.state.live_at == T0
    assert begins(player) == {"deploy": at("T-30m")}
    assert player.state.check("disk").judged_at == at("T-2d")
    assert player.state.gate("go").opened_at == at("T-40m")
    assert [player.state.phase(phase).decision for phase in FlowPhase if phase is not FlowPhase.ROLLBACK] == [GO] * 5


def test_a_countdown_that_is_done_early_still_goes_live_at_t0() -> None:
    assert play(plans.plan()).state.live_at == T0


def test_a_countdown_that_takes_longer_goes_live_when_it_is_done_and_what_follows_counts_from_there() -> None:
    plan = plans.plan(
        actions=[plans.action("deploy", "T-5m", within="30m"), plans.action("grow", "T+10m", phase="watch")],
    )
    player = play(plan, World(manners={"deploy": Manner(takes=timedelta(minutes=15))}))
    assert player.state.live_at == at("T+10m")
    assert begins(player)["grow"] == at("T+20m")


def lasting_past_t0(**content: Any) -> Plan:
    """Its countdown ends at T+20m, where its stabilization starts."""
    whole = plans.plan(**content)
    phases = {one.id: one for one in whole.phases}
    phases["countdown"] = phases["countdown"].model_copy(update={"end": 20 * MINUTE})
    phases["watch"] = phases["watch"].model_copy(update={"start": 20 * MINUTE})
    return whole.model_copy(update={"phases": tuple(phases.values())})


def test_a_countdown_that_the_plan_lets_last_past_t0_watches_until_it_ends() -> None:
    def guards(_name: str, now: datetime) -> GuardState:
        return GuardState.FIRING if at("T+7m") <= now < at("T+9m") else GuardState.CLEAR

    plan = lasting_past_t0(actions=[plans.action("deploy")], guards=[plans.guard("errors")])
    player = play(plan, World(guards=guards))
    assert moments(player, GuardChanged) == [T0, at("T+7m"), at("T+9m")]
    assert moments(player, WentLive) == [T0]
    assert player.state.phase(FlowPhase.COUNTDOWN).ended_at == at("T+20m")


def test_what_a_countdown_has_planned_after_t0_keeps_nothing_from_going_live() -> None:
    late = [plans.action("later", "T+10m"), plans.action("last", "T+20m")]
    checks = [plans.check("well", "T+15m", phase="countdown")]
    gates = [plans.gate("on", "T+12m", criteria=[{"what": "it is well"}])]
    player = play(lasting_past_t0(actions=[plans.action("deploy"), *late], checks=checks, gates=gates))
    assert moments(player, WentLive) == [T0]
    assert player.begun("later") == at("T+10m")
    assert moments(player, GateOpened) == [at("T+12m")]
    assert player.begun("last") == at("T+20m")
    assert player.state.phase(FlowPhase.COUNTDOWN).ended_at == at("T+20m")


@pytest.mark.parametrize("manner", [Manner(takes=NEVER), Manner(fails=9)], ids=["unconfirmed", "failing"])
def test_words_that_do_not_get_through_keep_nobody_from_going_live(manner: Manner) -> None:
    player = play(plans.plan(actions=[plans.telling("say", "T-1m")]), World(manners={"say": manner}))
    assert player.state.live_at == T0
    assert player.state.effect("say").exhausted(2), "what became of them is written down before the countdown ends"
    assert player.state.phase(FlowPhase.COUNTDOWN).decision is GO


def test_whether_words_got_through_keeps_nobody_from_going_live_and_the_launch_is_watched_meanwhile() -> None:
    def guards(_name: str, now: datetime) -> GuardState:
        return GuardState.FIRING if at("T+1m") <= now else GuardState.CLEAR

    heard = plans.check("heard", "T0", phase="countdown", action="say")
    plan = plans.plan(actions=[plans.telling("say", "T0")], checks=[heard], guards=[plans.guard("errors")])
    player = play(plan, World(manners={"say": Manner(takes=NEVER)}, guards=guards))
    assert player.state.live_at == T0
    assert moments(player, GuardChanged)[:2] == [T0, at("T+1m")]
    assert player.state.phase(FlowPhase.COUNTDOWN).ended_at > at("T+1m")


def test_a_change_that_failed_for_good_is_rolled_back_before_the_words_are_through() -> None:
    plan = plans.plan(actions=[plans.action("deploy"), plans.telling("say")])
    player = play(plan, World(manners={"deploy": Manner(fails=9), "say": Manner(takes=NEVER)}))
    assert player.state.outcome is Outcome.ROLLED_BACK
    assert moments(player, LaunchClosed)[0] < at("T-29m")


def test_a_held_launch_does_not_go_live_although_everything_is_done() -> None:
    player = Player(plans.plan(actions=[plans.action("deploy")]))
    player.play(until=at("T-10m"))
    held(player)
    player.refresh()
    player.play(until=at("T+5m"))
    assert player.state.live_at is None
    lifted(player)
    player.refresh()
    player.play(until=at("T+10m"))
    assert player.state.live_at == at("T+5m")


def test_an_action_waits_for_those_before_it() -> None:
    plan = plans.plan(actions=[plans.action("b", after=["a"]), plans.action("a", within="20m")])
    player = play(plan, World(manners={"a": Manner(takes=timedelta(minutes=12))}))
    assert begins(player) == {"a": at("T-30m"), "b": at("T-18m")}


def test_an_alternative_is_never_begun() -> None:
    plan = plans.plan(
        actions=[plans.action("deploy"), plans.action("other", role="alternative", alternative_to=["deploy"])],
    )
    assert play(plan).begins() == ["deploy"]


def test_what_holds_already_is_not_applied() -> None:
    player = play(plans.plan(actions=[plans.action("deploy")]), World(manners={"deploy": Manner(held=True)}))
    assert player.world.applied == []
    assert player.held() == {"deploy"}


def test_a_failed_effect_is_tried_again_after_its_poll_and_only_so_often() -> None:
    plan = plans.plan(actions=[plans.action("tag", role="prepares", attempts=3, poll="20s")])
    player = play(plan, World(manners={"tag": Manner(fails=9)}))
    assert [moment for _, moment in player.world.applied] == [at("T-30m") + n * timedelta(seconds=20) for n in range(3)]
    assert player.state.outcome is Outcome.LIVE


def test_an_effect_whose_fate_nobody_can_tell_is_not_tried_again() -> None:
    player = Player(plans.plan(actions=[plans.action("mail", role="prepares")]))
    player.write(*happened("mail", "unknown"))
    player.play()
    assert player.begins() == ["mail"]


def test_slipping_t0_moves_what_has_not_happened_and_repeats_nothing() -> None:
    plan = plans.plan(
        checks=[plans.check("disk"), plans.check("late", "T-10m", phase="countdown")],
        actions=[plans.action("freeze", "T-2d", phase="hardening", role="prepares"), plans.action("deploy")],
        gates=[plans.gate("go")],
    )
    later = at("T+2h")
    player = play(plan, World(acts=[(at("T-90m"), slipped(later))]))
    assert begins(player) == {"freeze": at("T-2d"), "deploy": at("T+90m")}
    assert player.state.gate("go").opened_at == at("T+80m")
    assert player.state.check("late").judged_at == at("T+110m")
    assert player.state.live_at == later
    assert player.world.asked == ["disk", "late"]


def test_a_check_that_failed_before_t0_slipped_is_asked_again_at_its_new_moment() -> None:
    plan = plans.plan(checks=[plans.check("late", "T-10m", phase="countdown")], gates=[plans.gate("go", "T-5m")])
    world = World(acts=[(at("T-8m"), slipped(at("T+1h")))], verdicts={"late": [FAIL, FAIL, PASS]})
    player = play(plan, world)
    assert player.state.check("late").judged_at == at("T+50m")
    assert player.state.outcome is Outcome.LIVE


# --- gates ------------------------------------------------------------------------------------------------------------


def test_nothing_behind_a_gate_begins_before_its_go() -> None:
    plan = plans.plan(
        checks=[plans.check("late", "T-20m", phase="countdown")],
        actions=[plans.action("early", "T-40m"), plans.action("deploy")],
        gates=[plans.gate("go", window="30m")],
    )
    votes = [Vote("ana", "captain", after=timedelta(minutes=25)), Vote("ben", "sre")]
    player = play(plan, World(votes={"go": votes}))
    assert begins(player) == {"early": at("T-40m"), "deploy": at("T-15m")}
    assert player.state.check("late").judged_at == at("T-15m")


def test_a_gate_opens_only_when_what_it_stands_on_is_settled() -> None:
    plan = plans.plan(actions=[plans.action("early", "T-41m", within="20m")], gates=[plans.gate("go")])
    player = play(plan, World(manners={"early": Manner(takes=timedelta(minutes=8))}))
    assert player.state.gate("go").opened_at == at("T-33m")


@pytest.mark.parametrize(
    ("votes", "reason"),
    [
        ([Vote("ana", "captain", "NO-GO", "fog")], "go: NO-GO (ana (captain): fog)"),
        ([], "go: NO-GO (deadline passed undecided: no ballot from captain, sre)"),
    ],
)
def test_a_no_go_before_anything_was_changed_ends_the_launch(votes: list[Vote], reason: str) -> None:
    plan = plans.plan(actions=[plans.action("deploy")], gates=[plans.gate("go")])
    player = play(plan, World(votes={"go": votes}))
    assert player.state.outcome is Outcome.NO_GO
    assert player.state.outcome_reason == reason
    assert player.begins() == []
    assert player.state.rollback is None


def test_a_failed_check_keeps_the_gate_from_go() -> None:
    plan = plans.plan(checks=[plans.check("disk")], actions=[plans.action("deploy")], gates=[plans.gate("go")])
    player = play(plan, World(verdicts={"disk": [FAIL]}))
    assert player.state.outcome is Outcome.NO_GO
    assert player.begins() == []


def test_a_no_go_withdraws_what_was_queued_and_waits_for_it() -> None:
    undo = {"how": "restore", "on_no_go": True}
    plan = plans.plan(
        actions=[plans.action("queue", "T-2d", phase="hardening", role="prepares", undo=undo)],
        gates=[plans.gate("go")],
    )
    world = World(votes={"go": [Vote("ana", "captain", "NO-GO", "fog")]}, manners={"undo-queue": Manner(takes=MINUTE)})
    player = play(plan, world)
    assert player.held() == {"queue", "undo-queue"}
    assert player.state.phase(FlowPhase.COUNTDOWN).ended_at == at("T-39m")
    assert player.state.outcome is Outcome.NO_GO


def test_a_withdrawal_that_fails_ends_all_the_same() -> None:
    undo = {"how": "restore", "on_no_go": True}
    plan = plans.plan(
        actions=[plans.action("queue", "T-2d", phase="hardening", role="prepares", undo=undo)],
        gates=[plans.gate("go")],
    )
    world = World(votes={"go": []}, manners={"undo-queue": Manner(fails=9)})
    player = play(plan, world)
    assert player.begins().count("undo-queue") == 2
    assert player.state.outcome is Outcome.NO_GO


def test_a_no_go_after_a_change_rolls_back() -> None:
    plan = plans.plan(
        actions=[plans.action("deploy", "T-50m"), plans.action("more")],
        gates=[plans.gate("go")],
    )
    player = play(plan, World(votes={"go": [Vote("ana", "captain", "NO-GO", "fog")]}))
    assert player.begins() == ["deploy", "undo-deploy"]
    assert player.state.outcome is Outcome.ROLLED_BACK


def test_a_gate_on_hold_opens_again_and_needs_new_ballots() -> None:
    votes = [Vote("ana", "captain"), Vote("ben", "sre", after=timedelta(minutes=20))]
    player = Player(plans.plan(gates=[plans.gate("go", at_deadline="hold")]), World(votes={"go": votes}))
    player.play(until=at("T-16m"))
    assert player.state.gate("go").opening == 2
    assert player.state.gate("go").decision is None
    player.world.votes["go"] = [Vote("ana", "captain"), Vote("ben", "sre")]
    assert player.play().state.outcome is Outcome.LIVE


def test_an_extended_gate_waits_as_often_as_planned() -> None:
    changes: dict[str, Any] = {"at_deadline": "extend", "extend_by": "5m", "extensions": 2, "window": "10m"}
    player = play(plans.plan(gates=[plans.gate("go", **changes)]), World(votes={"go": []}))
    assert player.state.gate("go").decided_at == at("T-20m")
    assert player.state.gate("go").decision is NO_GO


# --- holds ------------------------------------------------------------------------------------------------------------


def test_a_hold_stops_effects_and_gates_and_nothing_else() -> None:
    plan = plans.plan(
        checks=[plans.check("disk", "T-45m", phase="countdown")],
        actions=[plans.action("early", "T-50m"), plans.action("deploy")],
        gates=[plans.gate("go")],
    )
    player = play(plan, World(acts=[(at("T-55m"), held), (at("T-20m"), lifted)]))
    assert player.state.check("disk").judged_at == at("T-45m")
    assert begins(player) == {"early": at("T-20m"), "deploy": at("T-20m")}
    assert player.state.gate("go").opened_at == at("T-20m")
    assert player.state.outcome is Outcome.LIVE


def test_what_is_under_way_is_looked_at_during_a_hold() -> None:
    plan = plans.plan(actions=[plans.action("deploy", "T-30m")])
    world = World(
        manners={"deploy": Manner(takes=MINUTE)},
        acts=[(at("T-30m") + MINUTE / 2, held), (at("T-5m"), lifted)],
    )
    player = play(plan, world)
    assert player.state.effect("deploy").finished_at == at("T-29m")


# --- checks and people ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "asked"),
    [([PASS], 1), ([FAIL, PASS], 2), ([ERROR, UNCLEAR, PASS], 3), ([FAIL], 3), ([UNCLEAR], 3)],
)
def test_a_check_that_does_not_pass_is_asked_again_so_often(script: list[Verdict], asked: int) -> None:
    player = play(plans.plan(checks=[plans.check("disk")]), World(verdicts={"disk": script}))
    assert len(player.world.asked) == asked
    last = player.state.check("disk").judged_at
    assert last == at("T-2d") + (asked - 1) * MINUTE


def test_a_verdict_too_old_for_its_gate_is_asked_again_there() -> None:
    plan = plans.plan(
        checks=[plans.check("disk", "T-55m", phase="countdown", fresh_for="10m")],
        gates=[plans.gate("go")],
    )
    player = play(plan)
    assert player.world.asked == ["disk", "disk"]
    assert player.state.check("disk").judged_at == player.state.gate("go").opened_at == at("T-40m")


def test_a_check_on_an_action_is_asked_after_it_and_not_at_all_where_it_fails() -> None:
    plan = plans.plan(
        actions=[plans.action("deploy", "T-30m", role="prepares"), plans.action("tag", role="prepares")],
        checks=[
            plans.check("up", "T-30m", phase="countdown", action="deploy"),
            plans.check("tagged", "T-30m", phase="countdown", action="tag"),
        ],
    )
    player = play(plan, World(manners={"deploy": Manner(takes=MINUTE), "tag": Manner(fails=9)}))
    assert player.world.asked == ["up"]
    assert player.state.check("up").judged_at == at("T-29m")


def test_people_are_asked_at_the_moment_of_the_check_though_nothing_else_is_left_to_do() -> None:
    plan = plans.plan(checks=[plans.check("early", "T-3d"), plans.check("briefed", "T-2d", mode="attested")])
    player = play(plan)
    assert player.world.formed == ["briefed"]
    assert player.state.check("briefed").attested_at == at("T-2d")
    assert player.state.phase(FlowPhase.HARDENING).ended_at == at("T-2d")


def test_a_phase_does_not_wait_for_people_where_no_gate_does() -> None:
    plan = plans.plan(checks=[plans.check("briefed", "T-2d", mode="attested")])
    player = play(plan, World(silent={"briefed"}))
    assert player.state.phase(FlowPhase.HARDENING).ended_at == at("T-2d")
    assert player.state.outcome is Outcome.LIVE


# --- guards, triggers, rollback ---------------------------------------------------------------------------------------

WATCHED: dict[str, Any] = {"guards": [plans.guard("errors")], "actions": [plans.action("deploy")]}
AUTOMATIC = {
    "id": "too-many", "tier": "immediate", "condition": "errors", "guards": ["errors"], "automatic": True,
}  # fmt: skip
DECIDED = {"id": "maybe", "tier": "urgent", "condition": "errors", "guards": ["errors"], "decided_at": "back-out"}
BACK_OUT = plans.gate("back-out", None, phase="watch", criteria=[], window="10m")


def firing_from(offset: str):
    return lambda _guard, now: GuardState.FIRING if now >= at(offset) else GuardState.CLEAR


def test_guards_are_sampled_at_their_ticks() -> None:
    sampled: list[datetime] = []

    def guards(_guard: str, now: datetime) -> GuardState:
        sampled.append(now)
        return GuardState.CLEAR

    play(plans.plan(**WATCHED), World(guards=guards))
    assert sorted(set(sampled)) == [T0 + n * timedelta(seconds=30) for n in range(121)]


def test_a_firing_guard_rolls_back_at_once_where_the_trigger_is_automatic() -> None:
    player = play(plans.plan(**WATCHED, triggers=[AUTOMATIC]), World(guards=firing_from("T+10m")))
    assert player.state.outcome is Outcome.ROLLED_BACK
    assert player.state.rollback is not None
    assert player.state.rollback.claimed_at == at("T+10m")
    assert player.held() == {"deploy", "undo-deploy"}


def test_a_guard_rolls_nothing_back_while_nothing_was_changed() -> None:
    plan = plans.plan(guards=[plans.guard("errors")], triggers=[AUTOMATIC])
    player = play(plan, World(guards=firing_from("T-1d")))
    assert player.state.outcome is Outcome.LIVE


@pytest.mark.parametrize(("decision", "outcome"), [("GO", Outcome.LIVE), ("NO-GO", Outcome.ROLLED_BACK)])
def test_where_people_decide_their_gate_opens_and_its_no_go_is_the_rollback(decision: str, outcome: Outcome) -> None:
    plan = plans.plan(**WATCHED, triggers=[DECIDED | {"decision_window": "5m"}], gates=[BACK_OUT])
    votes = [Vote("ben", "sre"), Vote("ana", "captain", decision, "looked", after=2 * MINUTE)]
    player = play(plan, World(guards=firing_from("T+10m"), votes={"back-out": votes}))
    assert player.state.outcome is outcome
    assert player.state.gate("back-out").opened_at == at("T+10m")
    assert player.state.gate("back-out").deadline == at("T+15m")
    assert len(moments(player, GateOpened)) == 1


def test_people_who_decided_are_not_asked_again_for_what_they_decided_on() -> None:
    plan = plans.plan(
        checks=[plans.check("smoke", "T+10m", phase="watch")],
        actions=[plans.action("deploy")],
        triggers=[DECIDED | {"guards": [], "checks": ["smoke"]}],
        gates=[BACK_OUT],
    )
    votes = [Vote("ben", "sre"), Vote("ana", "captain", after=5 * MINUTE)]
    player = play(plan, World(verdicts={"smoke": [FAIL]}, votes={"back-out": votes}))
    assert player.world.asked.count("smoke") > 1
    assert len(moments(player, TriggerFired)) == 1
    assert len(moments(player, GateOpened)) == 1


def test_a_change_that_fails_for_good_rolls_the_countdown_back() -> None:
    plan = plans.plan(actions=[plans.action("deploy"), plans.action("migrate", after=["deploy"])])
    player = play(plan, World(manners={"migrate": Manner(fails=9)}))
    assert player.state.live_at is None
    assert player.state.outcome is Outcome.ROLLED_BACK
    assert player.held() == {"deploy", "undo-deploy", "undo-migrate"}


def test_what_waits_for_a_failure_is_never_begun() -> None:
    plan = plans.plan(
        actions=[plans.action("a", role="prepares"), plans.action("b", after=["a"]), plans.action("c", after=["b"])],
    )
    player = play(plan, World(manners={"a": Manner(fails=9)}))
    assert set(player.begins()) == {"a", "undo-a"}


# --- after going live -------------------------------------------------------------------------------------------------

POINT = {"id": "one-hour", "offset": "T+1h", "title": "One hour", "criteria": ["calm", "asked"], "actions": ["tell"]}


def checked_at(**changes: Any) -> Plan:
    return plans.plan(
        checks=[
            plans.check("calm", "T+1h", phase="watch"),
            plans.check("asked", "T+1h", phase="watch", mode="attested"),
        ],
        actions=[plans.telling("tell", "T+1h", phase="watch")],
        checkpoints=[POINT | changes],
    )


def test_a_checkpoint_asks_and_acts_once_counted_from_the_actual_go_live() -> None:
    player = play(checked_at())
    assert player.state.checkpoints == {"one-hour": at("T+1h")}
    assert player.world.asked == ["calm"]
    assert player.begins() == ["tell"]


def test_a_checkpoint_waits_for_people_up_to_an_hour_and_says_what_it_missed() -> None:
    player = play(checked_at(), World(silent={"asked"}, verdicts={"calm": [FAIL]}))
    assert player.state.checkpoints == {"one-hour": at("T+2h")}
    missed = [record.event.missed for record in player.records if record.event.kind == "checkpoint-ended"]
    assert missed == [("calm", "asked")]


def test_updates_are_posted_once_for_each_tick() -> None:
    comms = {
        "channels": [{"id": "room", "kind": "chat", "name": "Room", "integration": "slack", "system": "room"}],
        "templates": [{"id": "status", "text": "all is well"}],
        "cadences": [
            {
                "id": "quarterly", "situation": "launch", "every": "15m", "what": "Status", "channel": "room",
                "owner": "sre", "template": "status", "start": "T0", "end": "T+1h",
            },
        ],
    }  # fmt: skip
    player = play(plans.plan(comms=comms))
    assert sorted(player.state.messages) == [f"quarterly@{one}" for one in ("T+15m", "T+1h", "T+30m", "T+45m", "T0")]


def test_a_criterion_is_measured_at_its_moment() -> None:
    criterion = {"id": "calm", "what": "No incident", "measured_at": "T+2d", "mode": "attested"}
    player = play(plans.plan(success_criteria=[criterion]))
    assert [record.at for record in player.records if record.event.kind == "criterion-measured"] == [at("T+2d")]


def test_a_run_that_takes_up_a_held_launch_holds_it_too() -> None:
    player = Player(plans.plan(actions=[plans.action("deploy")]), World(acts=[(at("T-45m"), held)]))
    player.play(until=at("T-20m"))
    again = Player(player.plan, player.world, player.ledger, now=player.now).play(until=at("T-10m"))
    assert again.begins() == []
    lifted(again)
    again.refresh()
    assert begins(again.play()) == {"deploy": at("T-10m")}
