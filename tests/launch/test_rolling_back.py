"""A rollback played to its end: it goes on past what fails, and says exactly what is left."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch import acts
from launch.events import AnyEvent, EffectBegun, EffectFinished, Outcome
from launch.plan import Plan
from launch.rollback import plan_undo
from launch.verdicts import Verdict
from tests.fakes import plans
from tests.fakes.agenda_player import LAUNCH, Player, crashed_at, roll_back
from tests.fakes.agenda_world import Manner, World
from tests.fakes.examples import times
from tests.fakes.undoing import TOUCHED, Fates, happened, taken_back, undone

PASS, FAIL, UNCLEAR, ERROR = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR
NEVER = timedelta(hours=1)

manners = st.builds(
    Manner,
    takes=st.sampled_from([timedelta(0), timedelta(0), timedelta(seconds=15), timedelta(minutes=3), NEVER]),
    fails=st.sampled_from([0, 0, 0, 1, 2, 5]),
    held=st.integers(0, 6).map(lambda draw: draw == 0),
)
verdicts = st.lists(st.sampled_from(list(Verdict)), max_size=4)
CHECKS = (plans.check("healthy", None, phase="back"), plans.check("seen", None, phase="back", mode="both"))


def succeeds(manner: Manner) -> bool:
    """Whether two attempts of ten minutes each bring it about."""
    return manner.held or (manner.fails < 2 and manner.takes < timedelta(minutes=10))


def passes(script: list[Verdict]) -> bool:
    """Whether it passes when asked three times, the last answer being repeated."""
    return not script or PASS in (script + [script[-1]] * 3)[:3]


def events_of(plan: Plan, fates: Fates) -> list[AnyEvent]:
    return [event for action in plan.actions for event in happened(action.id, fates.get(action.id, "never"))]


@st.composite
def rollbacks(draw: st.DrawFn) -> tuple[Plan, Fates, World]:
    """A launch to take back and a world in which any step may fail or take its time."""
    plan, fates = draw(taken_back(draw(st.sampled_from(["reverse-dependency", "as-printed"])), checks=CHECKS))
    steps = [one.undo.action or f"undo-{one.id}" for one in plan.actions]
    world = World(
        manners={step: draw(manners) for step in dict.fromkeys(steps)},
        verdicts={"healthy": draw(verdicts), "seen": draw(verdicts)},
        silent=draw(st.sets(st.just("seen"))),
        vouching=draw(st.sampled_from([PASS, PASS, FAIL])),
    )
    return plan, fates, world


def expected_residue(plan: Plan, fates: Fates, world: World) -> set[str]:
    """What is left, by the action or check that each line of the residue begins with."""
    speaking = {action.id for action in plan.actions if action.speaks}
    undo, left = undone(plan, fates), set()
    for step in set(undo.values()):
        if not succeeds(world.manner(step)) and step not in speaking:
            left.add(", ".join(action for action in undo if undo[action] == step) + ": undo")
    left |= {
        f"{action.id}: so"
        for action in plan.actions
        if action.undo.how == "impossible" and fates.get(action.id) in TOUCHED
    }
    if not passes(list(world.verdicts["healthy"])):
        left.add("healthy did not pass")
    refused = world.vouching is FAIL and "seen" not in world.silent
    if refused or not passes(list(world.verdicts["seen"])):
        left.add("seen did not pass")
    return left


@times(20)
@given(rollbacks())
def test_it_ends_with_exactly_the_residue_that_is_left(case: tuple[Plan, Fates, World]) -> None:
    plan, fates, world = case
    expected = expected_residue(plan, fates, world)
    player = roll_back(plan, events_of(plan, fates), world).play()
    rollback = player.state.rollback
    assert rollback is not None
    assert player.state.outcome is (Outcome.PARTIAL if expected else Outcome.ROLLED_BACK)
    assert rollback.outcome is player.state.outcome
    assert len(rollback.residue) == len(expected)
    assert all(any(line.startswith(begin) for line in rollback.residue) for begin in expected)
    assert in_order(player, plan, fates)


def in_order(player: Player, plan: Plan, fates: Fates) -> bool:
    """Whether no work began before everything that was to be undone before it was over."""
    undo = plan_undo(plan, player.state, plan.rollback.procedures[0])
    assert {action for step in undo.steps for action in step.takes_back} == set(undone(plan, fates))
    after = {step.id: set(step.after) for step in undo.steps}
    results: dict[str, list[AnyEvent]] = {}
    for record in player.records:
        event = record.event
        if isinstance(event, EffectBegun | EffectFinished) and event.action in after:
            first = event.action not in results
            results.setdefault(event.action, []).append(event)
            if first and isinstance(event, EffectBegun):
                settled = {name for name, told in results.items() if isinstance(told[-1], EffectFinished)}
                if not after[event.action] <= settled:
                    return False
    return True


@times(3)
@given(rollbacks(), st.data())
def test_a_run_that_dies_anywhere_is_gone_on_with_and_applies_nothing_twice(case, data: st.DataObject) -> None:
    plan, fates, world = case

    def fresh() -> World:
        # One answer each: which of several a run got before it died is not on the ledger.
        answers = {check: script[-1:] for check, script in world.verdicts.items()}
        return World(manners=dict(world.manners), verdicts=answers, silent=world.silent, vouching=world.vouching)

    def start() -> Player:
        return roll_back(plan, events_of(plan, fates), fresh())

    whole = start()
    before = whole.done
    whole.play()
    point = data.draw(st.integers(1, max(1, whole.done - before)))
    other = crashed_at(point, start, timedelta(seconds=20))
    assert other.held() == whole.held()
    assert other.state.outcome is whole.state.outcome
    assert Counter(name for name, _ in other.world.applied) <= Counter(name for name, _ in whole.world.applied)


# --- one thing at a time ----------------------------------------------------------------------------------------------


def deployed(**more: Any) -> Plan:
    """Deploy, migrate after it, announce: each with its own undo; a check, and a closing announcement."""
    return plans.plan(
        **{
            "checks": [plans.check("healthy", None, phase="back")],
            "actions": [
                plans.action("deploy"),
                plans.action("migrate", after=["deploy"]),
                plans.telling("announce", after=["migrate"], undo={"how": "by-action", "action": "rb-say"}),
                plans.undoing("rb-say", integration=["slack"]),
                plans.undoing("rb-done", integration=["slack"]),
            ],
            "procedures": [plans.procedure(["rb-say"], [], ["rb-done"])],
        }
        | more,
    )


APPLIED = [event for action in ("deploy", "migrate", "announce") for event in happened(action, "applied")]


def times_of(player: Player) -> dict[str, timedelta]:
    """How long after the claim each effect first began."""
    assert player.state.rollback is not None
    claimed = player.state.rollback.claimed_at
    return {name: begun - claimed for name in player.state.effects if (begun := player.begun(name)) is not None}


def test_words_that_hang_delay_no_undo_and_no_verification() -> None:
    world = World(manners={"rb-say": Manner(takes=NEVER)})
    player = roll_back(deployed(), APPLIED, world)
    began = player.now
    player.play()
    assert times_of(player)["undo-migrate"] == timedelta(0)
    assert times_of(player)["undo-deploy"] == timedelta(0)
    assert player.state.rollback is not None
    assert player.state.rollback.restored_at is not None
    assert player.state.rollback.restored_at - began <= timedelta(seconds=10)
    assert player.state.outcome is Outcome.ROLLED_BACK


def test_a_failing_step_is_tried_as_often_as_it_may_and_the_rest_goes_on() -> None:
    player = roll_back(deployed(), APPLIED, World(manners={"undo-migrate": Manner(fails=9)})).play()
    assert player.begins().count("undo-migrate") == 2
    assert "undo-deploy" in player.held()
    assert player.state.rollback is not None
    assert player.state.rollback.residue == ("migrate: undo undo-migrate failed",)


def test_the_end_is_told_only_after_service_is_restored() -> None:
    world = World(verdicts={"healthy": [FAIL, PASS]})
    player = roll_back(deployed(), APPLIED, world).play()
    assert player.state.rollback is not None
    restored, told = player.state.rollback.restored_at, player.begun("rb-done")
    assert restored is not None
    assert told is not None
    assert told >= restored == player.state.rollback.claimed_at + timedelta(minutes=1)


@pytest.mark.parametrize("verdict", [FAIL, UNCLEAR, ERROR])
def test_a_verification_that_does_not_pass_is_residue(verdict: Verdict) -> None:
    player = roll_back(deployed(), APPLIED, World(verdicts={"healthy": [verdict]})).play()
    assert player.world.asked == ["healthy"] * 3
    assert player.state.rollback is not None
    assert player.state.rollback.failed == ("healthy",)
    assert player.state.outcome is Outcome.PARTIAL


def test_what_is_kept_and_what_cannot_be_undone_are_both_written_down() -> None:
    plan = deployed(
        actions=[
            plans.action("snapshot", undo={"how": "keep", "because": "it is a backup"}),
            plans.action("mail", undo={"how": "impossible", "because": "it is read by now"}),
        ],
        procedures=[plans.procedure()],
    )
    player = roll_back(plan, [*happened("snapshot", "applied"), *happened("mail", "applied")]).play()
    assert player.state.rollback is not None
    skipped = {name: (event.why, event.residue) for name, event in player.state.rollback.skipped.items()}
    assert skipped == {"snapshot": ("it is a backup", False), "mail": ("it is read by now", True)}
    assert player.state.rollback.residue == ("mail: it is read by now",)


def test_an_undo_whose_fate_nobody_can_tell_is_not_repeated() -> None:
    player = roll_back(deployed(), [*APPLIED, *happened("undo-migrate", "unknown")]).play()
    assert player.begins().count("undo-migrate") == 1
    assert player.state.rollback is not None
    assert player.state.rollback.residue == ("migrate: undo undo-migrate unknown",)


def test_nothing_done_is_nothing_undone() -> None:
    player = roll_back(deployed(), []).play()
    assert player.begins() == ["rb-say", "rb-done"]
    assert player.state.outcome is Outcome.ROLLED_BACK


def test_a_second_claim_changes_nothing() -> None:
    player = roll_back(deployed(), APPLIED)
    again = acts.claim_rollback(
        player.ledger,
        LAUNCH,
        trigger="captain",
        tier="urgent",
        by="ben",
        at=player.now,
        wall=player.now,
        run="other",
    )
    assert not again
    player.refresh()
    player.play()
    assert sorted(player.begins()[3:]) == ["rb-done", "rb-say", "undo-deploy", "undo-migrate"]
