"""How a launch ends: the last events of its ledger, derived from what is in it, so that any run can write them."""

from __future__ import annotations

from launch.calendar import last_phase
from launch.drill import is_drill
from launch.events import Decision, LaunchClosed, Outcome, PhaseEnded
from launch.plan import Plan
from launch.state import LaunchState


def closing_event(plan: Plan, state: LaunchState) -> PhaseEnded | LaunchClosed | None:
    """The next event that closes a launch which has come to its end; None while it goes on, or when it is closed.

    It comes to its end with the last phase that its plan has, and not before every checkpoint was held; a drill with
    its rollback. A rollback or a NO-GO also ends every phase that was under way, so that none stays open in the ledger
    for ever.
    """
    ending = _ending(plan, state)
    if state.outcome is not None or ending is None:
        return None
    outcome, reason = ending
    left = next((one for one, phase in state.phases.items() if phase.started_at and phase.decision is None), None)
    if left is not None:
        told = "rolled back" if state.rollback is not None else reason
        return PhaseEnded(phase=left, decision=Decision.NO_GO, reason=told)
    return LaunchClosed(outcome=outcome, reason=reason)


def _ending(plan: Plan, state: LaunchState) -> tuple[Outcome, str] | None:
    rollback = state.rollback
    if rollback is not None:
        return (rollback.outcome, "; ".join(rollback.residue)) if rollback.outcome is not None else None
    stopped = next((phase for phase in state.phases.values() if phase.decision is Decision.NO_GO), None)
    if stopped is not None:
        return Outcome.NO_GO, stopped.reason
    last = last_phase(plan)
    if last is None or state.phase(last).decision is not Decision.GO or is_drill(plan):
        return None
    held = all(point.id in state.checkpoints for point in plan.checkpoints)
    return (Outcome.LIVE, "") if held else None
