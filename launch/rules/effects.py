"""Rules on order and undoing: nothing waits for itself, and every undo has something to undo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from launch.effects import Restore
from launch.effects.trials import RunLoadTest
from launch.findings import PlanFinding
from launch.plan import ActionRole, Plan
from launch.probes.evidence import LoadTest
from launch.rules.rollout import circle_of


def broken_effects(plan: Plan) -> Iterator[PlanFinding]:
    """P220, P221, P222 and P225."""
    places = {action.id: f"actions[{at}].after" for at, action in enumerate(plan.actions)}
    yield from _circle("P220", "actions", {one.id: one.after for one in plan.actions}, places)
    groups = {group.id: f"rollout.groups[{at}].after" for at, group in enumerate(plan.rollout.groups)}
    yield from _circle("P222", "groups", {one.id: one.after for one in plan.rollout.groups}, groups)
    services = {service.id: f"rollout.services[{at}].depends_on" for at, service in enumerate(plan.rollout.services)}
    yield from _circle("P222", "services", {one.id: one.depends_on for one in plan.rollout.services}, services)
    actions = {action.id: action for action in plan.actions}
    for at, action in enumerate(plan.actions):
        undoer = actions.get(action.undo.action or "")
        if undoer is not None and undoer.role is not ActionRole.UNDOES:
            problem = f"action {undoer.id!r} has the role {undoer.role.value!r}, so it undoes nothing"
            right = f"give {undoer.id!r} `role: undoes`"
            yield PlanFinding(code="P221", path=f"actions[{at}].undo.action", problem=problem, right=right)
        if isinstance(action.effect, Restore):
            restored = actions.get(action.effect.of)
            if restored is not None and isinstance(restored.effect, Restore):
                problem = f"action {restored.id!r} restores a state itself; restore what changed it in the first place"
                yield PlanFinding(code="P221", path=f"actions[{at}].effect.of", problem=problem)
    yield from _unjudged(plan)


def _unjudged(plan: Plan) -> Iterator[PlanFinding]:
    """That a load test ran says nothing: also one whose every request failed ran."""
    asked = [one.probes for one in plan.checks] + [one.probes for one in plan.success_criteria]
    judged = {(probe.of, probe.name) for probes in asked for probe in probes if isinstance(probe, LoadTest)}
    for at, action in enumerate(plan.actions):
        effect = action.effect
        if isinstance(effect, RunLoadTest) and (effect.on, effect.test) not in judged:
            problem = f"no check judges what load test {effect.test!r} finds"
            right = f"a check with the probe `{{ask: load-test, of: {effect.on}, name: {effect.test}, ...}}`"
            yield PlanFinding(code="P225", path=f"actions[{at}].effect.test", problem=problem, right=right)


def _circle(
    code: str,
    kind: str,
    waits: Mapping[str, Sequence[str]],
    places: Mapping[str, str],
) -> Iterator[PlanFinding]:
    circle = circle_of(waits)
    if circle:
        problem = f"these {kind} wait for each other: {' → '.join(circle)}"
        yield PlanFinding(code=code, path=places[circle[0]], problem=problem, right="take one of them out")
