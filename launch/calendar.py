"""When an offset of the plan is, in a launch whose T0 may slip and whose go-live may come later."""

from __future__ import annotations

from datetime import datetime, timedelta

from launch.plan import Plan
from launch.plan.schedule import FlowPhase
from launch.state import LaunchState


def moment_of(state: LaunchState, offset: timedelta) -> datetime:
    """When an offset is: up to T0 from the planned T0, after it from the actual go-live (once there is one)."""
    t0 = state.t0
    if t0 is None:
        message = "a launch that was not opened has no moments"
        raise ValueError(message)
    return (state.live_at or t0) + offset if offset > timedelta(0) else t0 + offset


def phase_start(plan: Plan, state: LaunchState, phase: FlowPhase) -> datetime | None:
    """When the flow of a phase starts; None for a phase the plan does not have.

    Stabilization starts when the product is live, also where its first stage is planned for later: what is exposed by
    then is watched. The items of its stages keep their own moments.
    """
    starts = [one.start for one in plan.phases if one.flow_phase is phase and one.start is not None]
    if not starts:
        return None
    latest = timedelta(0) if phase is FlowPhase.STABILIZATION else max(starts)
    return moment_of(state, min(*starts, latest))


def phase_end(plan: Plan, state: LaunchState, phase: FlowPhase) -> datetime | None:
    """When the last stage of a phase ends by the plan."""
    ends = [one.end for one in plan.phases if one.flow_phase is phase and one.end is not None]
    return moment_of(state, max(ends)) if ends else None
