"""Rules on the rollout: every step can be entered and left, in order; who is asked can answer; no circles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from launch.dependencies import actions_before, services_before
from launch.findings import PlanFinding
from launch.plan import ActionRole, AtMaximum, Plan, RolloutStep
from launch.plan.schedule import FlowPhase
from launch.steps import guards_of, offset_of

_FORWARD = {FlowPhase.HARDENING, FlowPhase.EVE, FlowPhase.COUNTDOWN, FlowPhase.STABILIZATION}


def broken_rollout(plan: Plan) -> Iterator[PlanFinding]:
    """P222 of what services and groups add to it, P223 and P224."""
    yield from _circles(plan)
    last = 0
    places: dict[str, int] = {}
    for at, step in enumerate(plan.rollout.steps):
        path = f"rollout.steps[{at}]"
        if step.n <= last:
            yield _step(f"{path}.n", f"step {step.n} comes after step {last}", "number the steps in their order")
        last = max(last, step.n)
        yield from _entered(plan, path, step)
        yield from _left(plan, path, step)
        for place, action in enumerate(step.actions):
            first = places.setdefault(action, step.n)
            if first != step.n:
                problem = f"action {action!r} belongs to step {first} already"
                yield _step(f"{path}.actions[{place}]", problem, "let one step do it")
    yield from _asked(plan)


def circle_of(waits: Mapping[str, Sequence[str]]) -> list[str]:
    """Names that wait for each other, the first one repeated at the end; empty if there are none."""
    sorter = TopologicalSorter({one: [other for other in after if other in waits] for one, after in waits.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        return [str(one) for one in reversed(error.args[1])]
    return []


def _circles(plan: Plan) -> Iterator[PlanFinding]:
    """Circles that no list of the plan shows by itself: groups against services, services against `after`."""
    alone = (
        {one.id: one.depends_on for one in plan.rollout.services},
        {one.id: one.after for one in plan.rollout.groups},
        {one.id: one.after for one in plan.actions},
    )
    if any(circle_of(waits) for waits in alone):
        return
    services = circle_of(services_before(plan))
    if services:
        problem = f"with their groups, these services wait for each other: {' → '.join(services)}"
        yield PlanFinding(code="P222", path="rollout.groups", problem=problem, right="take one of them out")
        return
    actions = circle_of(actions_before(plan))
    if actions:
        problem = f"with their services, these actions wait for each other: {' → '.join(actions)}"
        place = next(at for at, one in enumerate(plan.actions) if one.id == actions[0])
        yield PlanFinding(code="P222", path=f"actions[{place}].after", problem=problem, right="take one of them out")


def _entered(plan: Plan, path: str, step: RolloutStep) -> Iterator[PlanFinding]:
    if not step.actions and (step.minimum_hold or step.maximum_hold or step.clean_samples or step.gate or step.checks):
        yield _step(f"{path}.actions", "no action enters it, so it cannot be held", "name its actions")
    phases = {phase.id: phase.flow_phase for phase in plan.phases}
    actions = {action.id: action for action in plan.actions}
    for place, name in enumerate(step.actions):
        action = actions.get(name)
        if action is None:
            continue
        late = phases.get(action.phase, FlowPhase.COUNTDOWN) not in _FORWARD
        if late or action.role in {ActionRole.UNDOES, ActionRole.ALTERNATIVE}:
            problem = f"action {name!r} does not run before or in the stabilization, so the step is never entered"
            yield _step(f"{path}.actions[{place}]", problem, "")
        if action.offset is None and step.offset is None and not late:
            problem = f"neither the step nor its action {name!r} has a moment"
            yield _step(f"{path}.offset", problem, "give one of them an offset")
    before = [one for one in plan.rollout.steps if one.n < step.n and one.actions]
    offset, earlier = offset_of(plan, step), offset_of(plan, before[-1]) if before else None
    if step.actions and offset is not None and earlier is not None and offset < earlier:
        yield _step(f"{path}.offset", f"it is planned before step {before[-1].n}, which comes first", "")


def _left(plan: Plan, path: str, step: RolloutStep) -> Iterator[PlanFinding]:
    guards = guards_of(plan, step)
    if not step.automatic and step.gate is None:
        problem = "it does not advance by itself and no gate decides on it"
        yield _step(f"{path}.automatic", problem, "name a `gate`, or let it be automatic")
    if step.clean_samples and not guards:
        problem = f"it wants {step.clean_samples} clean samples and no guard is watched"
        yield _step(f"{path}.clean_samples", problem, "name guards under `watch`")
    for guard in guards:
        if guard.query is None:
            problem = f"guard {guard.id!r} has no `query`, so it is never clear"
            yield _step(f"{path}.watch", problem, "give it a query, or watch another")
    if step.at_maximum is AtMaximum.ROLLBACK and not plan.rollback.procedures:
        yield _step(f"{path}.at_maximum", "the plan has no rollback procedure", "add one, or write `hold`")


def _asked(plan: Plan) -> Iterator[PlanFinding]:
    """A gate that a step or an action asks opens when it is asked, never at a moment of its own."""
    gates = {gate.id: gate for gate in plan.gates}
    asking = [(f"rollout.steps[{at}].gate", step.gate) for at, step in enumerate(plan.rollout.steps)]
    asking += [(f"actions[{at}].approval", action.approval) for at, action in enumerate(plan.actions)]
    for path, name in asking:
        gate = gates.get(name or "")
        if gate is not None and gate.offset is not None:
            problem = f"gate {gate.id!r} has a moment of its own, so it cannot be asked here"
            yield PlanFinding(code="P224", path=path, problem=problem, right="name a gate without `offset`")
    guards = {guard.id: guard for guard in plan.thresholds}
    for at, action in enumerate(plan.actions):
        for place, name in enumerate(action.while_clear):
            if name in guards and guards[name].query is None:
                path = f"actions[{at}].while_clear[{place}]"
                problem = f"guard {name!r} has no `query`, so it is never clear and the action never begins"
                yield PlanFinding(code="P224", path=path, problem=problem, right="give it a query")


def _step(path: str, problem: str, right: str) -> PlanFinding:
    return PlanFinding(code="P223", path=path, problem=problem, right=right)
