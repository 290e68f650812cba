"""Every failure of one step and of two, over random dependency graphs: each rollback ends, known to the last step.

280 graphs of eight actions, with 37 ways each for nothing, one or two of their undos to fail, are 10,360 rollbacks.
"""

from itertools import chain, combinations

from hypothesis import given
from hypothesis import strategies as st

from launch.events import AnyEvent, Outcome
from launch.plan import Plan
from tests.fakes import plans
from tests.fakes.examples import times
from tests.fakes.simulated_rollback import simulate
from tests.fakes.undoing import ancestors, happened

NAMES = [f"a{n}" for n in range(8)]


@st.composite
def graphs(draw: st.DrawFn) -> Plan:
    """Eight actions that wait for up to three earlier ones, undone by what was recorded or by an action of their own."""
    forward, back = [], []
    for place, name in enumerate(NAMES):
        after = draw(st.sets(st.sampled_from(NAMES[:place]), max_size=3)) if place else set()
        own = draw(st.booleans())
        undo = {"how": "by-action", "action": f"undo-{name}"} if own else {"how": "restore"}
        forward.append(plans.action(name, after=sorted(after), undo=undo))
        back += [plans.undoing(f"undo-{name}")] if own else []
    order = draw(st.permutations(back))
    return plans.plan(actions=[*forward, *order], procedures=[plans.procedure([one["id"] for one in order] or [])])


DONE: list[AnyEvent] = [event for name in NAMES for event in happened(name, "applied")]


@times(2.8)
@given(graphs())
def test_each_ends_with_the_residue_that_is_left_and_in_reverse_order_of_dependency(plan: Plan) -> None:
    before = {name: ancestors(plan, name) for name in NAMES}
    for failing in chain([()], combinations(NAMES, 1), combinations(NAMES, 2)):
        found = simulate(plan, DONE, {f"undo-{name}" for name in failing})
        assert found.outcome is (Outcome.PARTIAL if failing else Outcome.ROLLED_BACK)
        assert sorted(found.residue) == [f"{name}: undo undo-{name} failed" for name in failing]
        assert set(found.began) == {f"undo-{name}" for name in NAMES}
        for name in NAMES:
            for earlier in before[name]:
                assert found.ended[f"undo-{name}"] < found.began[f"undo-{earlier}"]
