"""A drill: the plan's changes and its rollback and nothing else, so that both can be timed where no user is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from launch.errors import RefusedError
from launch.plan import Action, Check, Mode, Phase, Plan, Procedure
from launch.plan.comms import Comms
from launch.plan.execution import ActionRole, UndoKind
from launch.plan.rollback import Rollback, RollbackStep
from launch.plan.rollout import Rollout
from launch.plan.schedule import FlowPhase

DRILL = "drill"
"""What a drill's rollback names as its trigger."""
LEAD = timedelta(minutes=1)
"""From the opening of a drill to its T0; what takes longer goes on past it."""

_SUFFIX = "-drill"
_DEPLOY = "drill-deploy"
_FORWARD = (FlowPhase.COUNTDOWN, FlowPhase.STABILIZATION)


def drill_product(product: str) -> str:
    """The product whose open launch a drill is: a drill and a launch of one product may be open side by side."""
    return product + _SUFFIX


def is_drill(plan: Plan) -> bool:
    """Whether this is the plan of a drill: a launch that is over when it is rolled back, not when it is live."""
    return any(phase.id == _DEPLOY for phase in plan.phases)


def drill_plan(plan: Plan, procedure: str | None = None) -> Plan:
    """The plan of a drill: a countdown of the changes, then one procedure (None: the first), timed step by step.

    Left out is what tells people, asks people or waits for the day: messages, ballots, attested checks, guards, holds
    of the rollout, clean-ups that take away the way back. Changes keep their order; nothing begins later than it can.
    Raises `RefusedError` for a plan without changes or without that procedure.
    """
    chosen = _procedure(plan, procedure)
    forward = list(_forward(plan))
    if not any(action.role is ActionRole.CHANGES for action in forward):
        message = "a drill deploys and rolls back, and this plan changes nothing"
        raise RefusedError(message)
    actions = [*_in_order(forward), *_backward(plan)]
    kept = {action.id for action in actions}
    back = [phase for phase in plan.phases if phase.flow_phase is FlowPhase.ROLLBACK]
    deploy = Phase(id=_DEPLOY, title="Deploy", flow_phase=FlowPhase.COUNTDOWN, start=-LEAD, end=timedelta(0))
    checks = list(_checks(plan, kept, {phase.id for phase in back}))
    drilled = plan.model_copy(
        update={
            "environments": tuple(one for one in plan.environments if one.guarded_by is None),
            "product": plan.product.model_copy(update={"id": drill_product(plan.product.id)}),
            "phases": (deploy, *back),
            "timeline": (),
            "checks": tuple(checks),
            "actions": tuple(actions),
            "gates": (),
            "rollout": _rollout(plan),
            "thresholds": (),
            "rollback": _rollback(plan, chosen, kept, {check.id for check in checks}),
            "comms": Comms(channels=plan.comms.channels),
            "checkpoints": (),
            "monitoring": (),
            "reports": (),
            "success_criteria": (),
            "drills": (),
            "recurring_tasks": (),
        },
    )
    return Plan.model_validate(drilled.model_dump(by_alias=True))


def refuse_guarded(plan: Plan, environment: str) -> None:
    """Raises `RefusedError` where only a gate opens the environment: a drill has no gates."""
    gate = next((one.guarded_by for one in plan.environments if one.id == environment), None)
    if gate is not None:
        message = f"gate {gate!r} guards environment {environment!r}, and a drill has no gates; drill in another"
        raise RefusedError(message)


def _procedure(plan: Plan, name: str | None) -> Procedure:
    found = next((one for one in plan.rollback.procedures if name in {None, one.id}), None)
    if found is None:
        known = ", ".join(one.id for one in plan.rollback.procedures) or "none"
        message = f"the plan has no rollback procedure {name!r}; it has {known}" if name else "the plan has none"
        raise RefusedError(message)
    return found


def _forward(plan: Plan) -> Iterator[Action]:
    """Changes up to the end of stabilization and what prepares them, in the order of the plan."""
    actions = {action.id: action for action in plan.actions}
    stages = {phase.id for phase in plan.phases if phase.flow_phase in _FORWARD}
    wanted = {one.id for one in plan.actions if one.phase in stages and _drilled(one)}
    frontier = set(wanted)
    while frontier:
        frontier = {name for one in frontier for name in actions[one].after if _drilled(actions[name])} - wanted
        wanted |= frontier
    return (action for action in plan.actions if action.id in wanted)


def _drilled(action: Action) -> bool:
    """Not what takes the way back away, nor what a rollback could not put back."""
    deploys = action.role in {ActionRole.CHANGES, ActionRole.PREPARES} and not action.speaks
    return deploys and not action.while_clear and action.undo.how is not UndoKind.IMPOSSIBLE


def _in_order(forward: list[Action]) -> Iterator[Action]:
    """The same order without the clock: each waits for those with an earlier offset and for its own predecessors."""
    names = {action.id for action in forward}
    for action in forward:
        earlier = [one.id for one in forward if _begins(one) < _begins(action)]
        yield action.model_copy(
            update={
                "phase": _DEPLOY,
                "offset": -LEAD,
                "after": tuple(dict.fromkeys([*(one for one in action.after if one in names), *earlier])),
                "approval": None,
            },
        )


def _begins(action: Action) -> timedelta:
    return timedelta.max if action.offset is None else action.offset


def _backward(plan: Plan) -> Iterator[Action]:
    back = {phase.id for phase in plan.phases if phase.flow_phase is FlowPhase.ROLLBACK}
    silent = {action.id for action in plan.actions if action.phase in back and not action.speaks}
    for action in plan.actions:
        if action.id in silent and action.role is not ActionRole.ALTERNATIVE:
            yield action.model_copy(update={"after": tuple(one for one in action.after if one in silent)})


def _checks(plan: Plan, kept: set[str], back: set[str]) -> Iterator[Check]:
    """The rollback's checks as far as a machine can answer them."""
    for check in plan.checks:
        if check.phase not in back or check.mode is Mode.ATTESTED or (check.action or "") not in {*kept, ""}:
            continue
        yield check.model_copy(update={"mode": Mode.AUTOMATED, "attested_by": (), "gate": None})


def _rollout(plan: Plan) -> Rollout:
    return plan.rollout.model_copy(update={"steps": (), "watch": ()})


def _rollback(plan: Plan, procedure: Procedure, kept: set[str], checks: set[str]) -> Rollback:
    steps = tuple(_step(step, kept, checks) for step in procedure.steps if not step.actions or kept & set(step.actions))
    drilled = procedure.model_copy(
        update={
            "steps": steps,
            "verification": tuple(one for one in procedure.verification if one in checks),
            "healthier": (),
            "if_sicker": None,
        },
    )
    authority = tuple(one.model_copy(update={"gate": None}) for one in plan.rollback.authority)
    return Rollback(authority=authority, procedures=(drilled,), snapshot=plan.rollback.snapshot)


def _step(step: RollbackStep, kept: set[str], checks: set[str]) -> RollbackStep:
    return step.model_copy(
        update={
            "actions": tuple(one for one in step.actions if one in kept),
            "requires": tuple(one for one in step.requires if one in checks),
            "approval": None,
        },
    )
