"""Random launches to take back: a plan, what became of each of its actions, and what that means for an undo."""

from typing import Any

from hypothesis import strategies as st

from launch.events import AnyEvent, EffectBegun, EffectFinished, EffectResult
from launch.plan import Plan
from tests.fakes import plans

TOUCHED = ("applied", "failed", "unknown", "under way", "tried, then found")
UNTOUCHED = ("never", "already", "refused")

Fates = dict[str, str]


def happened(action: str, fate: str) -> list[AnyEvent]:
    """The events that leave an action in this fate."""
    begun = EffectBegun(action=action, attempt=1, key=f"{action}/1", before={"was": action})
    results = {"applied": EffectResult.APPLIED, "failed": EffectResult.FAILED, "unknown": EffectResult.UNKNOWN}
    match fate:
        case "never":
            return []
        case "already":
            return [EffectFinished(action=action, attempt=1, result=EffectResult.ALREADY)]
        case "refused":
            return [EffectFinished(action=action, attempt=1, result=EffectResult.FAILED)]
        case "under way":
            return [begun]
        case "tried, then found":
            failed = EffectFinished(action=action, attempt=1, result=EffectResult.FAILED)
            return [begun, failed, EffectFinished(action=action, attempt=2, result=EffectResult.ALREADY)]
        case _:
            return [begun, EffectFinished(action=action, attempt=1, result=results[fate])]


@st.composite
def taken_back(draw: st.DrawFn, /, order: str = "reverse-dependency", **more: Any) -> tuple[Plan, Fates]:
    """A plan of up to seven actions that wait for earlier ones, and what became of each."""
    names = [f"a{n}" for n in range(draw(st.integers(1, 7)))]
    forward: list[plans.Item] = []
    undoers: dict[str, plans.Item] = {}
    for place, name in enumerate(names):
        after = draw(st.lists(st.sampled_from(names[:place]), unique=True, max_size=3)) if place else []
        how = draw(st.sampled_from(["restore", "restore", "by-action", "by-action", "keep", "impossible"]))
        undo: dict[str, Any] = {"how": how, "because": "so" if how in {"keep", "impossible"} else ""}
        if how == "by-action":
            undo["action"] = undoer = f"rb{draw(st.integers(0, 3))}"
            speaks = draw(st.integers(0, 3)) == 0
            undoers.setdefault(undoer, plans.undoing(undoer, integration=["slack"] if speaks else ["flags"]))
        kind = plans.telling if draw(st.integers(0, 4)) == 0 else plans.action
        forward.append(kind(name, f"T-{30 - place}m", after=after, undo=undo))
    steps = [[one] for one in draw(st.permutations(sorted(undoers)))][: draw(st.integers(2, 4))]
    printed = plans.procedure(*steps[:2], [], *steps[2:], order=order)
    plan = plans.plan(actions=[*forward, *undoers.values()], procedures=[printed], **more)
    return plan, {name: draw(st.sampled_from(TOUCHED + UNTOUCHED)) for name in names}


def ancestors(plan: Plan, action: str) -> set[str]:
    """Everything an action waits for, directly or not."""
    after = {one.id: one.after for one in plan.actions}
    return set(after[action]).union(*(ancestors(plan, one) for one in after[action]))


def undone(plan: Plan, fates: Fates) -> dict[str, str]:
    """Action to the id of its undo, for everything touched that can be undone."""
    return {
        one.id: one.undo.action or f"undo-{one.id}"
        for one in plan.actions
        if fates.get(one.id) in TOUCHED and one.undo.how in {"restore", "by-action"}
    }
