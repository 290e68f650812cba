"""What a rollback undoes and in which order: from what was touched, never from a script."""

import random
from graphlib import TopologicalSorter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch.plan import Plan
from launch.rollback import UndoPlan, plan_undo, procedure_of, production_changed, withdrawals
from launch.state import LaunchState
from tests.fakes import plans
from tests.fakes.agenda_player import Player
from tests.fakes.examples import times
from tests.fakes.undoing import TOUCHED, UNTOUCHED, Fates, ancestors, happened, taken_back, undone


def state_of(plan: Plan, **fates: str) -> LaunchState:
    """The state after these fates, by action (`_` for `-`)."""
    player = Player(plan)
    for action, fate in fates.items():
        player.write(*happened(action.replace("_", "-"), fate))
    return player.state


def undo_of(plan: Plan, **fates: str) -> UndoPlan:
    return plan_undo(plan, state_of(plan, **fates), plan.rollback.procedures[0])


def order(undo: UndoPlan) -> list[str]:
    """One order in which the steps can run. Raises `CycleError` if there is none."""
    known = {step.id for step in undo.steps}
    assert all(set(step.after) <= known for step in undo.steps)
    return list(TopologicalSorter({step.id: step.after for step in undo.steps}).static_order())


# --- random plans -----------------------------------------------------------------------------------------------------


@times(5)
@given(taken_back())
def test_everything_touched_appears_exactly_once_and_nothing_else(case: tuple[Plan, Fates]) -> None:
    plan, fates = case
    undo = undo_of(plan, **fates)
    expected = undone(plan, fates)
    taken = [action for step in undo.steps for action in step.takes_back]
    assert sorted(taken) == sorted(expected)
    assert all(step.id == expected[action] for step in undo.steps for action in step.takes_back)
    assert len({step.id for step in undo.steps}) == len(undo.steps)
    speaking = {one.id for one in plan.actions if one.speaks}
    assert all(step.takes_back or step.action in speaking for step in undo.steps)
    touched = {action for action, fate in fates.items() if fate in TOUCHED}
    assert set(undo.kept) | set(undo.impossible) == touched - set(expected)


@times(5)
@given(taken_back())
def test_the_order_is_the_reverse_of_dependency_and_always_possible(case: tuple[Plan, Fates]) -> None:
    plan, fates = case
    undo = undo_of(plan, **fates)
    possible = order(undo)
    step_of, actions = undone(plan, fates), {one.id: one for one in plan.actions}
    steps = {step.id: step for step in undo.steps}
    for later, step in step_of.items():
        for earlier in ancestors(plan, later) & set(step_of):
            first, then = steps[step], steps[step_of[earlier]]
            alone = len(first.takes_back) == len(then.takes_back) == 1
            told = actions[first.action].speaks and not actions[then.action].speaks
            after_all = first.closing and not then.closing
            if first is not then and alone and not told and not after_all:
                assert possible.index(first.id) < possible.index(then.id)


@times(5)
@given(taken_back("as-printed"))
def test_in_printed_order_what_is_not_printed_is_undone_in_reverse(case: tuple[Plan, Fates]) -> None:
    plan, fates = case
    possible, step_of = order(undo_of(plan, **fates)), undone(plan, fates)
    restored = {action for action, step in step_of.items() if step.startswith("undo-")}
    speaking = {one.id for one in plan.actions if one.speaks}
    for later in restored:
        for earlier in ancestors(plan, later) & restored:
            if later not in speaking or earlier in speaking:
                assert possible.index(step_of[later]) < possible.index(step_of[earlier])


@times(5)
@given(taken_back("as-printed"))
def test_the_printed_order_is_kept(case: tuple[Plan, Fates]) -> None:
    plan, fates = case
    undo = undo_of(plan, **fates)
    possible, actions = order(undo), {one.id: one for one in plan.actions}
    printed = [name for step in plan.rollback.procedures[0].steps for name in step.actions]
    work = [name for name in printed if name in possible and not actions[name].speaks]
    assert [name for name in possible if name in work] == work


@times(5)
@given(taken_back(), st.sampled_from(["reverse-dependency", "as-printed"]))
def test_no_work_waits_for_words(case: tuple[Plan, Fates], printed: str) -> None:
    plan, fates = case
    procedure = plan.rollback.procedures[0].model_copy(update={"order": printed})
    undo = plan_undo(plan, state_of(plan, **fates), procedure)
    speaking = {step.id for step in undo.steps for one in plan.actions if one.id == step.action and one.speaks}
    for step in undo.steps:
        if step.id not in speaking:
            assert not set(step.after) & speaking


@given(taken_back(), st.randoms(use_true_random=False))
def test_the_order_of_the_plans_actions_does_not_matter_to_what_is_undone(case, chance: random.Random) -> None:
    plan, fates = case
    shuffled = list(plan.actions)
    chance.shuffle(shuffled)
    other = plan.model_copy(update={"actions": tuple(shuffled)})
    assert {(step.id, frozenset(step.takes_back)) for step in undo_of(plan, **fates).steps} == {
        (step.id, frozenset(step.takes_back)) for step in undo_of(other, **fates).steps
    }
    order(undo_of(other, **fates))


# --- tables -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fate", "steps"),
    [*((one, ["undo-a"]) for one in TOUCHED), *((one, []) for one in UNTOUCHED)],
)
def test_what_may_have_changed_something_is_undone(fate: str, steps: list[str]) -> None:
    plan = plans.plan(actions=[plans.action("a")])
    assert [step.id for step in undo_of(plan, a=fate).steps] == steps


def test_an_undo_shared_in_both_directions_still_has_an_order() -> None:
    shared = {"how": "by-action", "action": "rb-deploy"}
    other = {"how": "by-action", "action": "rb-migrate"}
    plan = plans.plan(
        actions=[
            plans.action("a", undo=shared),
            plans.action("b", after=["a"], undo=other),
            plans.action("c", after=["b"], undo=shared),
            plans.undoing("rb-deploy"),
            plans.undoing("rb-migrate"),
        ],
        procedures=[plans.procedure(["rb-deploy", "rb-migrate"])],
    )
    assert sorted(order(undo_of(plan, a="applied", b="applied", c="applied"))) == ["rb-deploy", "rb-migrate"]


def test_the_procedures_own_actions_follow_what_they_wait_for_and_are_left_out_without_it() -> None:
    plan = plans.plan(
        actions=[
            plans.action("deploy", undo={"how": "by-action", "action": "rb-deploy"}),
            plans.undoing("rb-deploy"),
            plans.undoing("rb-wait", after=["rb-deploy"]),
            plans.undoing("rb-smoke", after=["rb-wait"]),
            plans.undoing("rb-tag"),
            plans.undoing("rb-say", integration=["slack"]),
            plans.action("never", undo={"how": "by-action", "action": "rb-say"}),
            plans.undoing("rb-restore", effect={"do": "restore", "of": "deploy"}),
        ],
        procedures=[plans.procedure(["rb-deploy", "rb-wait", "rb-smoke", "rb-tag", "rb-say", "rb-restore"])],
    )
    after = {step.id: step.after for step in undo_of(plan, deploy="applied").steps}
    assert after == {"rb-deploy": (), "rb-wait": ("rb-deploy",), "rb-smoke": ("rb-wait",), "rb-tag": (), "rb-say": ()}
    assert [step.id for step in undo_of(plan).steps] == ["rb-tag", "rb-say"]


def test_in_printed_order_the_procedures_own_work_keeps_its_place() -> None:
    plan = plans.plan(
        actions=[
            plans.action("deploy", undo={"how": "by-action", "action": "rb-deploy"}),
            plans.undoing("rb-drain"),
            plans.undoing("rb-say", integration=["slack"]),
            plans.undoing("rb-deploy"),
            plans.undoing("rb-fill"),
        ],
        procedures=[plans.procedure(["rb-drain"], ["rb-say"], ["rb-deploy"], ["rb-fill"], order="as-printed")],
    )
    after = {step.id: set(step.after) for step in undo_of(plan, deploy="applied").steps}
    assert after["rb-deploy"] == {"rb-drain"}
    assert after["rb-fill"] == {"rb-drain", "rb-deploy"}
    assert "rb-say" not in set().union(*after.values())


def test_steps_after_the_verification_close_the_rollback() -> None:
    plan = plans.plan(
        actions=[plans.undoing("rb-start"), plans.undoing("rb-end")],
        procedures=[plans.procedure(["rb-start"], [], ["rb-end"])],
    )
    assert {step.id: step.closing for step in undo_of(plan).steps} == {"rb-start": False, "rb-end": True}


def test_actions_of_the_rollback_and_alternatives_are_not_undone() -> None:
    plan = plans.plan(
        actions=[
            plans.action("deploy"),
            plans.action("other", role="alternative", alternative_to=["deploy"]),
            plans.undoing("rb", undo={"how": "restore"}),
        ],
    )
    assert undo_of(plan, other="applied", rb="applied").steps == ()


@pytest.mark.parametrize(
    ("role", "fate", "changed"),
    [
        ("changes", "applied", True),
        ("changes", "under way", True),
        ("changes", "failed", True),
        ("changes", "already", False),
        ("changes", "refused", False),
        ("changes", "never", False),
        ("prepares", "applied", False),
        ("announces", "applied", False),
    ],
)
def test_production_is_changed_once_a_change_has_begun(role: str, fate: str, changed) -> None:
    plan = plans.plan(actions=[plans.action("a", role=role)])
    assert production_changed(plan, state_of(plan, a=fate)) is changed


def test_a_no_go_withdraws_only_what_was_touched_and_says_so() -> None:
    undo = {"how": "restore", "on_no_go": True}
    plan = plans.plan(
        actions=[
            plans.action("queued", undo=undo),
            plans.action("unsent", undo=undo),
            plans.action("found", undo=undo),
            plans.action("other"),
        ],
    )
    found = withdrawals(plan, state_of(plan, queued="applied", found="already", other="applied"))
    assert [(step.id, step.action) for step in found] == [("undo-queued", "queued")]


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [("slow", "gentle"), ("broken", "full"), ("captain", "full"), ("?", "full")],
)
def test_a_trigger_names_its_procedure_or_takes_the_first(trigger: str, expected: str) -> None:
    plan = plans.plan(
        triggers=[
            {"id": "broken", "tier": "immediate", "condition": "it is broken"},
            {"id": "slow", "tier": "urgent", "condition": "it is slow", "procedure": "gentle"},
        ],
        procedures=[plans.procedure(), plans.procedure(name="gentle")],
    )
    found = procedure_of(plan, trigger)
    assert found is not None
    assert found.id == expected
    assert procedure_of(plans.plan(procedures=[]), trigger) is None
