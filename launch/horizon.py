"""How far ahead a launch can lead: past it nothing that the plan has a moment for is left, only waiting."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from launch.calendar import moment_of
from launch.plan import Plan
from launch.plan.schedule import FlowPhase
from launch.state import LaunchState
from launch.status import status

_GRACE = timedelta(hours=1)
"""For what is under way when the last moment has come."""


def horizon(plan: Plan, state: LaunchState) -> datetime:
    """When a launch that is not over stands still for good, as far as the plan can tell.

    Without a rollback: the last moment of the plan (later when it went live later), the longest decision on a trigger
    that fires at that moment, and an hour. With one: as long as its steps take if each waits out its time after the
    other, and an hour.
    """
    rollback = state.rollback
    if rollback is not None:
        back = {phase.id for phase in plan.phases if phase.flow_phase is FlowPhase.ROLLBACK}
        takes = [action.within * action.attempts for action in plan.actions]
        takes += [gate.window for gate in plan.gates if gate.phase in back]
        takes += [step.hold for one in plan.rollback.procedures for step in one.steps if step.hold is not None]
        return rollback.claimed_at + sum(takes, _GRACE)
    last = max(_offsets(plan), default=timedelta(0))
    return moment_of(state, last) + _longest_decision(plan) + _GRACE


def standstill(plan: Plan, state: LaunchState, now: datetime) -> str:
    """One sentence: where a launch that does not end stands, and what it waits for."""
    running = [one.value for one, phase in state.phases.items() if phase.started_at and phase.decision is None]
    where = f"{' and '.join(running)} not ended" if running else "nothing under way"
    blocks = list(dict.fromkeys(status(plan, state, now).blocks))
    return f"{where}: {'; '.join(blocks)}" if blocks else where


def _offsets(plan: Plan) -> Iterator[timedelta]:
    for phase in plan.phases:
        yield from (one for one in (phase.start, phase.end) if one is not None)
    for point in plan.checkpoints:
        yield point.offset + (point.duration or timedelta(0))
    for criterion in plan.success_criteria:
        yield criterion.measured_at


def _longest_decision(plan: Plan) -> timedelta:
    """From a trigger to its rollback: the longest evaluation, then the longest window of a decision."""
    nothing = timedelta(0)
    evaluations = [trigger.evaluation or nothing for trigger in plan.rollback.triggers]
    windows = [trigger.decision_window or nothing for trigger in plan.rollback.triggers]
    windows += [gate.window for gate in plan.gates]
    return max(evaluations, default=nothing) + max(windows, default=nothing)
