"""What `tminus lint` finds in a rollout: steps nobody can enter or leave, gates that cannot be asked, circles."""

from typing import Any

import pytest

from launch.plan import Plan
from launch.plan_rules import broken_rules
from tests.fakes import plans, rollouts
from tests.fakes.rollouts import STRATEGIES, step


def found(plan: Plan) -> list[tuple[str, str]]:
    """Code and path of everything found in what a rollout can do wrong."""
    return [(one.code, one.path) for one in broken_rules(plan) if one.code in {"P222", "P223", "P224"}]


def flags(*steps: plans.Item, **more: Any) -> Plan:
    return rollouts.rollout("flag-percentage", steps, **more)


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_shapes_of_rollouts_are_clean(name: str) -> None:
    assert found(STRATEGIES[name]()) == []


MUTE = plans.guard("errors", watched=[], query=None)
PLACED = plans.gate("ask", "T-5m")
RESTORE = {"strategy": "rolling", "services": [{"id": "a", "depends_on": ["b"]}, {"id": "b"}]}
WRONG: list[tuple[str, Plan, list[tuple[str, str]]]] = [
    (
        "held without an action",
        flags(step(1, 10, "T0", "1m", actions=[])),
        [("P223", "rollout.steps[0].actions")],
    ),
    (
        "out of order",
        flags(step(2, 10, "T0", "1m"), step(1, 10, "T+9m", "1m")),
        [("P223", "rollout.steps[0].offset"), ("P223", "rollout.steps[1].n")],
    ),
    (
        "planned before the step before",
        flags(step(1, 10, "T0", "1m"), step(2, 30, "T-9m", "1m")),
        [("P223", "rollout.steps[1].offset")],
    ),
    (
        "an action of two steps",
        flags(step(1, 10, "T0", "1m"), step(2, 30, "T0", "1m", actions=["s1"]), extra=[]),
        [("P223", "rollout.steps[1].actions[0]")],
    ),
    (
        "nobody decides",
        flags(step(1, 10, "T0", "1m", automatic=False)),
        [("P223", "rollout.steps[0].automatic")],
    ),
    (
        "clean samples of nothing",
        rollouts.flag_percentage().model_copy(
            update={"rollout": flags(step(1, 10, "T0", "1m")).rollout.model_copy(update={"watch": ()})},
        ),
        [("P223", "rollout.steps[0].clean_samples")],
    ),
    (
        "a guard without a query",
        flags(step(1, 10, "T0", "1m"), guards=[MUTE]),
        [("P223", "rollout.steps[0].watch")],
    ),
    (
        "back without a procedure",
        flags(step(1, 10, "T0", "1m", at_maximum="rollback"), procedures=[]),
        [("P223", "rollout.steps[0].at_maximum")],
    ),
    (
        "a gate with a moment of its own",
        flags(step(1, 10, "T0", "1m", gate="ask"), gates=[PLACED]),
        [("P224", "rollout.steps[0].gate")],
    ),
    (
        "an approval with a moment of its own",
        plans.plan(actions=[plans.action("clean", approval="ask")], gates=[PLACED]),
        [("P224", "actions[0].approval")],
    ),
    (
        "a clean-up that is never clear",
        plans.plan(actions=[plans.action("clean", while_clear=["errors"])], guards=[MUTE]),
        [("P224", "actions[0].while_clear[0]")],
    ),
    (
        "an action that runs in the review",
        plans.plan(
            actions=[plans.action("late", "T+2d", phase="review")],
            rollout={"strategy": "cut-over", "steps": [{"n": 1, "target": "x", "actions": ["late"]}]},
        ),
        [("P223", "rollout.steps[0].actions[0]")],
    ),
    (
        "a step without a moment",
        plans.plan(
            actions=[plans.action("soon", None)],
            rollout={"strategy": "cut-over", "steps": [{"n": 1, "target": "x", "actions": ["soon"]}]},
        ),
        [("P223", "rollout.steps[0].offset")],
    ),
    (
        "a group against its services",
        plans.plan(
            rollout={
                "strategy": "rolling",
                "services": [{"id": "a", "depends_on": ["b"]}, {"id": "b"}],
                "groups": [{"id": "g", "parallel": False, "services": ["a", "b"]}],
            },
        ),
        [("P222", "rollout.groups")],
    ),
    (
        "services against `after`",
        plans.plan(
            actions=[plans.action("da", service="a"), plans.action("db", service="b", after=["da"])],
            rollout=RESTORE,
        ),
        [("P222", "actions[0].after")],
    ),
]


@pytest.mark.parametrize(("plan", "findings"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_found_at_its_place(plan: Plan, findings: list[tuple[str, str]]) -> None:
    assert found(plan) == findings
