"""Order among services and what it means for actions, forward and back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch.dependencies import actions_before, reachable, services_before
from launch.plan import Plan
from launch.rollback import plan_undo
from tests.fakes import plans
from tests.fakes.agenda_player import Player, play
from tests.fakes.examples import times
from tests.fakes.undoing import happened


def deploy(service: str, offset: str = "T-30m", **more: Any) -> plans.Item:
    return plans.action(f"d-{service}", offset, service=service, **more)


def services(
    *pairs: tuple[str, list[str]],
    groups: list[plans.Item] | None = None,
    actions: list[plans.Item] | None = None,
    steps: list[plans.Item] | None = None,
) -> Plan:
    """A plan of these services and what they depend on, each deployed at T-30m unless said otherwise."""
    return plans.plan(
        actions=actions if actions is not None else [deploy(one) for one, _ in pairs],
        rollout={
            "strategy": "rolling",
            "services": [{"id": one, "depends_on": on} for one, on in pairs],
            "groups": groups or [],
            "steps": steps or [],
        },
    )


def test_a_service_waits_for_what_it_depends_on_and_not_for_systems() -> None:
    plan = services(("auth", ["database"]), ("api", ["auth", "database"]))
    assert services_before(plan) == {"auth": (), "api": ("auth",)}


def test_a_group_in_order_waits_one_by_one_a_parallel_one_does_not_and_groups_wait_for_groups() -> None:
    groups = [
        {"id": "a", "parallel": False, "services": ["s1", "s2", "s3"]},
        {"id": "b", "parallel": True, "services": ["s4", "s5"], "after": ["a"]},
    ]
    plan = services(*((f"s{n}", []) for n in range(1, 6)), groups=groups)
    first_group = ("s1", "s2", "s3")
    assert services_before(plan) == {"s1": (), "s2": ("s1",), "s3": ("s2",), "s4": first_group, "s5": first_group}


def test_an_action_waits_for_services_far_before_its_own_whatever_lies_between() -> None:
    actions = [deploy("auth"), deploy("web", after=["d-auth"])]
    plan = services(("auth", []), ("api", ["auth"]), ("web", ["api"]), actions=actions)
    assert actions_before(plan) == {"d-auth": (), "d-web": ("d-auth",)}


def test_services_order_a_step_among_itself_and_nothing_that_comes_later() -> None:
    actions = [deploy("auth", "T-10m"), deploy("api"), deploy("web", "T-5m")]
    pairs = (("auth", []), ("api", ["auth"]), ("web", ["auth"]))
    assert actions_before(services(*pairs, actions=actions))["d-api"] == ()
    assert actions_before(services(*pairs, actions=actions))["d-web"] == ("d-auth",)
    steps = [
        {"n": 1, "target": "first", "actions": ["d-auth", "d-api"]},
        {"n": 2, "target": "second", "actions": ["d-web"]},
    ]
    stepped = actions_before(services(*pairs, actions=actions, steps=steps))
    assert stepped == {"d-auth": (), "d-api": ("d-auth",), "d-web": ()}


def test_undo_goes_the_other_way_round() -> None:
    plan = services(("auth", []), ("api", ["auth"]), ("web", ["api"]))
    player = Player(plan)
    for one in ("auth", "api", "web"):
        player.write(*happened(f"d-{one}", "applied"))
    undo = plan_undo(plan, player.state, plan.rollback.procedures[0])
    after = {step.id: step.after for step in undo.steps}
    assert after == {"undo-d-auth": ("undo-d-api", "undo-d-web"), "undo-d-api": ("undo-d-web",), "undo-d-web": ()}


@st.composite
def graphs(draw: st.DrawFn) -> list[tuple[str, list[str]]]:
    """Up to seven services, each depending on some of those before it, in any order of the plan."""
    names = [f"s{n}" for n in range(draw(st.integers(1, 7)))]
    pairs = [
        (name, draw(st.lists(st.sampled_from(names[:place]), unique=True)) if place else [])
        for place, name in enumerate(names)
    ]
    return draw(st.permutations(pairs))


@times(1)
@given(graphs())
def test_played_no_service_begins_before_all_it_depends_on(pairs: list[tuple[str, list[str]]]) -> None:
    player = play(services(*pairs))
    begun = [name.removeprefix("d-") for name in player.begins()]
    assert sorted(begun) == sorted(name for name, _ in pairs)
    for name, on in pairs:
        assert all(begun.index(one) < begun.index(name) for one in on)


@pytest.mark.parametrize(
    ("edges", "found"),
    [({"a": ["b"], "b": ["c"]}, {"b", "c"}), ({"a": ["b"], "b": ["a"]}, {"a", "b"}), ({}, set())],
)
def test_reachable_ends_in_a_circle_too(edges: dict[str, list[str]], found: set[str]) -> None:
    assert reachable(edges, "a") == found
