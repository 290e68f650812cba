"""Order among services and what it means for actions; a rollback goes the other way round."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from launch.plan import Action, Plan
from launch.plan.execution import ActionRole
from launch.plan.schedule import FlowPhase

_NEVER = timedelta.max


def services_before(plan: Plan) -> dict[str, tuple[str, ...]]:
    """By service, those right before it: what it depends on, its group's earlier one, the groups before its own.

    Systems among `depends_on` are no services of this launch: nobody changes them, so nothing waits for them.
    """
    rollout = plan.rollout
    members = {group.id: group.services for group in rollout.groups}
    known = {service.id for service in rollout.services}
    found: dict[str, list[str]] = {
        one.id: [name for name in one.depends_on if name in known] for one in rollout.services
    }
    for group in rollout.groups:
        earlier = [service for one in group.after for service in members.get(one, ())]
        for place, service in enumerate(group.services):
            in_order = [] if group.parallel else group.services[max(place - 1, 0) : place]
            found.setdefault(service, []).extend([*earlier, *in_order])
    return {service: tuple(dict.fromkeys(before)) for service, before in found.items()}


def actions_before(plan: Plan) -> dict[str, tuple[str, ...]]:
    """By action, every action it waits for: those it names in `after`, and the changes of the services before its own.

    Services order the actions of one step of the rollout among themselves. Outside the steps they order what is planned
    no later, so that nothing waits for what comes hours after it.
    """
    direct = services_before(plan)
    forward = [action for action in plan.actions if action.service is not None and _goes_forward(plan, action)]
    step_of = {action: step.n for step in plan.rollout.steps for action in step.actions}
    found = {action.id: action.after for action in plan.actions}
    for action in forward:
        before = reachable(direct, action.service or "")
        waits = [
            one.id
            for one in forward
            if one.service in before
            and one.id != action.id
            and step_of.get(one.id) == step_of.get(action.id)
            and (action.id in step_of or (one.offset or _NEVER) <= (action.offset or _NEVER))
        ]
        found[action.id] = tuple(dict.fromkeys([*action.after, *waits]))
    return found


def reachable(edges: Mapping[str, Iterable[str]], start: str) -> set[str]:
    """Everything that edges lead to from `start`; `start` itself only where they lead back to it."""
    found: set[str] = set()
    frontier = {start}
    while frontier:
        frontier = set().union(*(edges.get(one, ()) for one in frontier)) - found
        found |= frontier
    return found


def _goes_forward(plan: Plan, action: Action) -> bool:
    back = {phase.id for phase in plan.phases if phase.flow_phase is FlowPhase.ROLLBACK}
    return action.phase not in back and action.role not in {ActionRole.ALTERNATIVE, ActionRole.UNDOES}
