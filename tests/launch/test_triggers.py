"""How each tier is decided: by whom, within what time, and what comes of silence, of clearing and of getting worse."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from launch.events import (
    AnyEvent,
    GateOpened,
    GuardState,
    Outcome,
    TriggerCleared,
    TriggerFired,
    TriggerPromoted,
)
from launch.plan import Plan
from launch.plan.rollback import Tier
from launch.triggers import authority_of, decides_alone, gate_of, starts_at_once
from tests.fakes import plans
from tests.fakes.agenda_player import Player, play
from tests.fakes.agenda_world import Vote, World
from tests.fakes.plans import T0

MINUTE = timedelta(minutes=1)
FIRES = 10 * MINUTE
CLEAR, FIRING, PENDING, SILENT = GuardState.CLEAR, GuardState.FIRING, GuardState.PENDING, GuardState.NO_DATA

Guards = Callable[[str, datetime], GuardState]


def gate(name: str, **more: Any) -> plans.Item:
    seats = [{"role": "captain", "signs": True}]
    return plans.gate(name, None, phase="watch", criteria=[], seats=seats, on_no_go="rollback", window="10m", **more)


def trigger(name: str, tier: str, *guards: str, **more: Any) -> plans.Item:
    return {"id": name, "tier": tier, "condition": name, "guards": guards or ("errors",)} | more


def authority(tier: str, **more: Any) -> plans.Item:
    return {"tier": tier, "who": ["captain"]} | more


def watched(*triggers: plans.Item, gates: tuple[plans.Item, ...] = (), **rollback: Any) -> Plan:
    """A deployed product with two guards and these triggers."""
    return plans.plan(
        actions=[plans.action("deploy")],
        guards=[plans.guard("errors"), plans.guard("latency", metric="latency_p95", unit="s")],
        triggers=triggers,
        gates=gates,
        rollback=rollback,
    )


def states(*spans: tuple[timedelta, GuardState], guard: str = "errors") -> Guards:
    """The guard's state from each offset on; every other guard is clear."""

    def at(name: str, now: datetime) -> GuardState:
        reached = [state for offset, state in spans if T0 + offset <= now]
        return reached[-1] if name == guard and reached else CLEAR

    return at


def both(*more: Guards) -> Guards:
    def at(name: str, now: datetime) -> GuardState:
        return next((state for one in more if (state := one(name, now)) is not CLEAR), CLEAR)

    return at


def silent(*gates: str) -> dict[str, list[Vote]]:
    return {name: [] for name in gates}


def claimed(player: Player) -> tuple[str, str, timedelta] | None:
    """Trigger, tier and moment of the rollback."""
    back = player.state.rollback
    return (back.trigger, back.tier, back.claimed_at - T0) if back is not None else None


def when(player: Player, kind: type[AnyEvent], **fields: str) -> list[timedelta]:
    return [
        record.at - T0
        for record in player.records
        if isinstance(record.event, kind) and all(getattr(record.event, key) == one for key, one in fields.items())
    ]


FIRING_FROM_TEN = states((FIRES, FIRING))


# --- at once, at a gate, by nobody -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fired", "decided"),
    [
        (trigger("bad", "immediate", automatic=True), ()),
        (trigger("bad", "immediate", decision_window="0m"), ()),
        (trigger("bad", "immediate"), (authority("immediate", count=0),)),
        (trigger("bad", "urgent"), (authority("all", count=0),)),
        (trigger("bad", "urgent"), (authority("all"), authority("urgent", count=0))),
    ],
)
def test_what_needs_no_decision_rolls_back_at_the_sample_that_shows_it(fired: plans.Item, decided) -> None:
    plan = watched(fired, **({"authority": decided} if decided else {}))
    assert claimed(play(plan, World(guards=FIRING_FROM_TEN))) == ("bad", fired["tier"], FIRES)


def test_nobody_looks_away_between_going_live_and_the_planned_begin_of_the_watch() -> None:
    """StatusBoardV2's canary stage lasts until T+20m, and the product is live at T0: from then on it is watched."""
    plan = watched(trigger("bad", "immediate", automatic=True))
    lasting = {"countdown": {"end": 20 * MINUTE}, "watch": {"start": 20 * MINUTE}}
    stages = [stage.model_copy(update=lasting.get(stage.id, {})) for stage in plan.phases]
    player = play(plan.model_copy(update={"phases": tuple(stages)}), World(guards=FIRING_FROM_TEN))
    assert claimed(player) == ("bad", "immediate", FIRES)


@pytest.mark.parametrize("tier", ["immediate", "urgent", "conditional"])
@pytest.mark.parametrize(
    ("vote", "outcome", "after"),
    [
        (Vote("ana", "captain", "NO-GO", "it is bad", after=3 * MINUTE), Outcome.ROLLED_BACK, 3 * MINUTE),
        (Vote("ana", "captain", after=3 * MINUTE), Outcome.LIVE, None),
        (None, Outcome.ROLLED_BACK, 5 * MINUTE),
    ],
)
@pytest.mark.parametrize("named", ["trigger", "authority"])
def test_a_gate_decides_within_the_window_and_silence_is_no_go(tier, vote, outcome, after, named) -> None:
    fired = trigger("bad", tier, decision_window="5m") | ({"decided_at": "back-out"} if named == "trigger" else {})
    decided = authority(tier, **({"gate": "back-out"} if named == "authority" else {}))
    plan = watched(fired, gates=(gate("back-out"),), authority=[decided])
    player = play(plan, World(guards=FIRING_FROM_TEN, votes={"back-out": [vote] if vote else []}))
    assert player.state.outcome is outcome
    assert claimed(player) == (("bad", tier, FIRES + after) if after else None)
    assert player.state.gate("back-out").deadline == T0 + FIRES + 5 * MINUTE


def test_without_a_window_of_its_own_the_gates_counts() -> None:
    plan = watched(trigger("bad", "urgent", decided_at="back-out"), gates=(gate("back-out"),))
    assert claimed(play(plan, World(guards=FIRING_FROM_TEN, votes=silent("back-out")))) == ("bad", "urgent", 2 * FIRES)


def test_an_extended_window_ends_in_a_rollback_too() -> None:
    plan = watched(
        trigger("bad", "urgent", decided_at="back-out"),
        gates=(gate("back-out", at_deadline="extend", extend_by="4m", extensions=1),),
    )
    player = play(plan, World(guards=FIRING_FROM_TEN, votes=silent("back-out")))
    assert claimed(player) == ("bad", "urgent", 24 * MINUTE)


def test_a_trigger_that_only_a_person_can_pull_starts_nothing() -> None:
    player = play(watched(trigger("bad", "urgent")), World(guards=FIRING_FROM_TEN))
    assert when(player, TriggerFired) == [FIRES]
    assert player.state.outcome is Outcome.LIVE


# --- holding, clearing, firing again ---------------------------------------------------------------------------------


def holding(clears: timedelta) -> Player:
    plan = watched(
        trigger("bad", "conditional", decided_at="back-out"),
        gates=(gate("back-out", at_deadline="hold"),),
    )
    world = World(guards=states((FIRES, FIRING), (clears, CLEAR)), votes=silent("back-out"))
    return Player(plan, world).play(T0 + 50 * MINUTE)


def test_a_gate_that_held_asks_again_while_the_condition_holds() -> None:
    assert when(holding(60 * MINUTE), GateOpened) == [10 * MINUTE, 20 * MINUTE, 30 * MINUTE, 40 * MINUTE, 50 * MINUTE]


def test_a_gate_that_held_is_over_with_the_condition() -> None:
    player = holding(25 * MINUTE)
    assert when(player, GateOpened) == [10 * MINUTE, 20 * MINUTE]
    assert when(player, TriggerCleared) == [30 * MINUTE]


def evaluated(*spans: tuple[timedelta, GuardState], **more: Any) -> Player:
    fired = trigger("spike", "conditional", evaluation="5m") | more
    plan = watched(fired, gates=(gate("back-out"),))
    return play(plan, World(guards=states(*spans), votes=silent("back-out")))


@pytest.mark.parametrize("state", [FIRING, PENDING, SILENT])
def test_what_is_not_well_at_the_end_of_its_evaluation_is_decided(state: GuardState) -> None:
    after = (15 * MINUTE, FIRING), (12 * MINUTE, state)
    assert claimed(evaluated((FIRES, FIRING), *reversed(after), automatic=True)) == (
        "spike",
        "conditional",
        15 * MINUTE,
    )
    asked = evaluated((FIRES, FIRING), (12 * MINUTE, state), decided_at="back-out")
    assert when(asked, GateOpened) == [15 * MINUTE]
    assert claimed(asked) == ("spike", "conditional", 25 * MINUTE)


@pytest.mark.parametrize("clears", [11 * MINUTE, 14 * MINUTE, 15 * MINUTE])
@pytest.mark.parametrize("more", [{"automatic": True}, {"decided_at": "back-out"}])
def test_what_clears_by_the_last_sample_of_its_evaluation_is_over(clears: timedelta, more) -> None:
    player = evaluated((FIRES, FIRING), (clears, CLEAR), **more)
    assert player.state.outcome is Outcome.LIVE
    assert when(player, TriggerCleared) == [clears]
    assert when(player, GateOpened) == []


def test_a_trigger_that_cleared_fires_again_and_is_evaluated_anew() -> None:
    spans = (FIRES, FIRING), (12 * MINUTE, CLEAR), (14 * MINUTE, FIRING)
    player = evaluated(*spans, automatic=True)
    assert when(player, TriggerFired) == [FIRES, 14 * MINUTE]
    assert claimed(player) == ("spike", "conditional", 19 * MINUTE)


def test_an_urgent_trigger_does_not_clear_by_itself_once_people_are_asked() -> None:
    plan = watched(trigger("bad", "urgent", decided_at="back-out"), gates=(gate("back-out"),))
    spans = states((FIRES, FIRING), (12 * MINUTE, CLEAR), (13 * MINUTE, FIRING))
    player = play(plan, World(guards=spans, votes=silent("back-out")))
    assert when(player, TriggerFired) == [FIRES]
    assert claimed(player) == ("bad", "urgent", 20 * MINUTE)


def test_what_people_went_on_with_is_asked_again_only_when_it_happens_again() -> None:
    plan = watched(trigger("bad", "urgent", decided_at="back-out"), gates=(gate("back-out"),))
    spans = (FIRES, FIRING), (11 * MINUTE, CLEAR), (12 * MINUTE, FIRING), (20 * MINUTE, CLEAR), (30 * MINUTE, FIRING)
    votes = {"back-out": [Vote("ana", "captain", after=3 * MINUTE)]}
    player = play(plan, World(guards=states(*spans), votes=votes))
    assert when(player, GateOpened) == [10 * MINUTE, 30 * MINUTE]
    assert player.state.outcome is Outcome.LIVE


# --- promotion -------------------------------------------------------------------------------------------------------

LADDER = {
    "authority": [
        authority("immediate", count=0),
        authority("urgent", gate="pair"),
        authority("conditional", gate="all"),
    ],
    "promotions": [
        {"id": "p3-p2", "of": "conditional", "to": "urgent", "guard": "latency"},
        {"id": "p2-p1", "of": "urgent", "to": "immediate", "after": "6m"},
    ],
}
GATES = (gate("pair"), gate("all"))


def test_an_undecided_trigger_is_promoted_after_its_time() -> None:
    player = play(
        watched(trigger("bad", "urgent"), gates=GATES, **LADDER), World(guards=FIRING_FROM_TEN, votes=silent("pair"))
    )
    assert when(player, TriggerPromoted, tier="immediate") == [16 * MINUTE]
    assert claimed(player) == ("bad", "immediate", 16 * MINUTE)


def test_a_guard_promotes_and_the_graver_tier_asks_its_own_people() -> None:
    fired = trigger("odd", "conditional", "errors", evaluation="20m")
    guards = both(FIRING_FROM_TEN, states((13 * MINUTE, FIRING), guard="latency"))
    votes = {"pair": [Vote("ana", "captain", after=2 * MINUTE)], "all": []}
    player = play(watched(fired, gates=GATES, **LADDER), World(guards=guards, votes=votes))
    assert when(player, TriggerPromoted, tier="urgent") == [13 * MINUTE]
    assert when(player, GateOpened, gate="pair") == [13 * MINUTE]
    assert when(player, GateOpened, gate="all") == []
    assert player.state.outcome is Outcome.LIVE


def test_a_trigger_climbs_more_than_one_tier_and_each_counts_its_own_time() -> None:
    fired = trigger("odd", "conditional", "errors", evaluation="20m")
    guards = both(FIRING_FROM_TEN, states((13 * MINUTE, FIRING), guard="latency"))
    player = play(watched(fired, gates=GATES, **LADDER), World(guards=guards, votes=silent("pair", "all")))
    assert claimed(player) == ("odd", "immediate", 19 * MINUTE)


def test_what_was_decided_is_not_promoted() -> None:
    votes = {"pair": [Vote("ana", "captain", after=2 * MINUTE)]}
    player = play(watched(trigger("bad", "urgent"), gates=GATES, **LADDER), World(guards=FIRING_FROM_TEN, votes=votes))
    assert when(player, TriggerPromoted) == []
    assert player.state.outcome is Outcome.LIVE


# --- several at once -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [("slow", "down"), ("down", "slow")])
def test_of_several_the_gravest_decides(order: tuple[str, str]) -> None:
    known = {
        "slow": trigger("slow", "conditional", decided_at="back-out"),
        "down": trigger("down", "urgent", decided_at="back-out", decision_window="4m"),
    }
    plan = watched(*(known[name] for name in order), gates=(gate("back-out"),))
    player = play(plan, World(guards=FIRING_FROM_TEN, votes=silent("back-out")))
    assert claimed(player) == ("down", "urgent", 14 * MINUTE)


def test_a_graver_trigger_at_an_open_gate_brings_its_deadline_forward() -> None:
    slow = trigger("slow", "conditional", "latency", decided_at="back-out")
    down = trigger("down", "urgent", decided_at="back-out", decision_window="2m")
    plan = watched(slow, down, gates=(gate("back-out"),))
    guards = both(states((8 * MINUTE, FIRING), guard="latency"), FIRING_FROM_TEN)
    player = play(plan, World(guards=guards, votes=silent("back-out")))
    assert when(player, GateOpened) == [8 * MINUTE]
    assert claimed(player) == ("down", "urgent", 12 * MINUTE)


def test_while_the_gravest_is_decided_nobody_else_is_asked_and_what_is_left_is_asked_afterwards() -> None:
    slow = trigger("slow", "conditional", decided_at="all")
    down = trigger("down", "urgent", decided_at="pair")
    votes = {name: [Vote("ana", "captain", after=3 * MINUTE)] for name in ("pair", "all")}
    player = play(watched(slow, down, gates=GATES), World(guards=FIRING_FROM_TEN, votes=votes))
    assert when(player, GateOpened, gate="pair") == [10 * MINUTE]
    assert when(player, GateOpened, gate="all") == [13 * MINUTE]
    assert player.state.outcome is Outcome.LIVE


def test_an_immediate_trigger_waits_for_no_gate_that_is_open() -> None:
    slow = trigger("slow", "urgent", "latency", decided_at="back-out")
    down = trigger("down", "immediate", automatic=True)
    guards = both(states((8 * MINUTE, FIRING), guard="latency"), FIRING_FROM_TEN)
    plan = watched(slow, down, gates=(gate("back-out"),))
    assert claimed(play(plan, World(guards=guards, votes=silent("back-out")))) == ("down", "immediate", 10 * MINUTE)


# --- who -------------------------------------------------------------------------------------------------------------


def test_a_tier_has_its_own_authority_before_that_of_all() -> None:
    plan = watched(authority=[authority("all", who=["lead"]), authority("urgent", who=["captain"])])
    found = [authority_of(plan, tier) for tier in ("urgent", "conditional")]
    assert [one.who for one in found if one] == [("captain",), ("lead",)]
    assert authority_of(watched(authority=[authority("urgent")]), "immediate") is None


@pytest.mark.parametrize(
    ("tier", "person", "alone"),
    [
        ("immediate", "ben", True),
        ("immediate", "ana", False),
        ("urgent", "ana", False),
        ("conditional", "ana", False),
        ("immediate", "nobody", False),
    ],
)
def test_who_may_start_a_rollback_without_the_others(tier: str, person: str, alone) -> None:
    plan = watched(
        authority=[authority("immediate", who=["sre"]), authority("urgent", who=["captain", "sre"], count=2)]
    )
    assert decides_alone(plan, person, tier) is alone


def test_a_promoted_trigger_is_decided_where_its_new_tier_is() -> None:
    plan = watched(
        trigger("bad", "urgent", decided_at="pair"),
        gates=GATES,
        authority=[authority("immediate", gate="all"), authority("urgent", gate="all")],
    )
    one = plan.rollback.triggers[0]
    gates = {tier: found.id for tier in Tier if (found := gate_of(plan, one, tier)) is not None}
    assert gates == {Tier.IMMEDIATE: "all", Tier.URGENT: "pair", Tier.CONDITIONAL: "pair"}
    assert not any(starts_at_once(plan, one, tier) for tier in Tier)
