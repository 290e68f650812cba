"""The rollout's steps as the plan has them: which come first, what belongs to each, when they are planned."""

from __future__ import annotations

from datetime import timedelta

from launch.plan import Action, Gate, Guard, Plan, RolloutStep
from launch.state import LaunchState


def steps_of(plan: Plan) -> list[RolloutStep]:
    """The steps that do something, in order. One without actions describes the rollout; nothing waits for it."""
    return sorted((step for step in plan.rollout.steps if step.actions), key=lambda step: step.n)


def current_step(plan: Plan, state: LaunchState) -> RolloutStep | None:
    """The step that is entered, or to be entered next; None when all have advanced, or there are none."""
    return next((step for step in steps_of(plan) if state.step(step.n).advanced_at is None), None)


def step_with(plan: Plan, action: str) -> RolloutStep | None:
    """The step an action belongs to."""
    return next((step for step in plan.rollout.steps if action in step.actions), None)


def earlier_steps(plan: Plan, step: RolloutStep) -> list[RolloutStep]:
    """The steps that must have advanced before actions of this one begin."""
    return [one for one in steps_of(plan) if one.n < step.n]


def following_step(plan: Plan, step: RolloutStep) -> RolloutStep | None:
    """The step after this one."""
    return next((one for one in steps_of(plan) if one.n > step.n), None)


def actions_of(plan: Plan, step: RolloutStep) -> tuple[Action, ...]:
    """The step's actions in the order of the plan."""
    return tuple(action for action in plan.actions if action.id in step.actions)


def guards_of(plan: Plan, step: RolloutStep) -> tuple[Guard, ...]:
    """What must be clear for the step to advance: its own guards, else those of the rollout."""
    watched = step.watch or plan.rollout.watch
    return tuple(guard for guard in plan.thresholds if guard.id in watched)


def gate_of(plan: Plan, step: RolloutStep) -> Gate | None:
    """The gate that decides on the step."""
    return next((gate for gate in plan.gates if gate.id == step.gate), None)


def offset_of(plan: Plan, step: RolloutStep) -> timedelta | None:
    """When a step is planned: its own offset, else that of its first action."""
    own = [action.offset for action in actions_of(plan, step) if action.offset is not None]
    return step.offset if step.offset is not None else min(own, default=None)


def planned_offset(plan: Plan, action: Action) -> timedelta | None:
    """When an action is planned: its own offset, else that of its step."""
    step = step_with(plan, action.id) if action.offset is None else None
    return step.offset if step is not None else action.offset


def before_live(plan: Plan, step: RolloutStep) -> bool:
    """Whether the product is not live before this step is complete."""
    offset = offset_of(plan, step)
    return offset is not None and offset < timedelta(0)


def asking_gates(plan: Plan) -> set[str]:
    """Gates that steps ask before they advance."""
    return {step.gate for step in plan.rollout.steps if step.gate is not None}


def step_checks(plan: Plan) -> set[str]:
    """Checks without a moment of their own that steps want passed: they are asked while the step is held."""
    wanted = {check for step in plan.rollout.steps for check in step.checks}
    return {check.id for check in plan.checks if check.id in wanted and check.offset is None}
