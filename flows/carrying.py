"""Which phases of a launch are carried by a run, as the Prefect server knows it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, TaskRunFilter, TaskRunFilterName
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import TaskRunSort

from flows.clocks import LaunchClock, machine_clock
from flows.phases import KIND_OF
from flows.runs import kind_tag, launch_tag, runs_with
from flows.stage import WallClock
from launch.calendar import FORWARD
from launch.plan import FlowPhase
from tasks.watching import GUARDS_ASKED

_ALIVE = (StateType.SCHEDULED, StateType.RUNNING, StateType.PAUSED)

Lost = Callable[[FlowRun], bool]
"""Whether a run that the server takes for one under way is known to have lost its process."""


async def carried_phases(
    client: PrefectClient, launch: str, clock: LaunchClock, lost: Lost, wall: WallClock = machine_clock
) -> dict[FlowPhase, datetime]:
    """Phases with a run that runs, waits at a gate or is to begin later; by each, when it last asked its guards.

    One that has yet to ask is taken for one that asked when it began, and one that is to begin later for one that asks
    now. A run whose moment has passed and that has no process yet carries nothing: starting one is a matter of seconds.
    """
    runs = await runs_with(client, [launch_tag(launch)], _ALIVE)
    carried: dict[FlowPhase, datetime] = {}
    for phase in FORWARD:
        own = [run for run in runs if kind_tag(KIND_OF[phase]) in run.tags]
        signs = [sign for run in own if (sign := await _last_sign(client, run, lost, wall())) is not None]
        if signs:
            carried[phase] = clock.showed(max(signs))
    return carried


async def _last_sign(client: PrefectClient, run: FlowRun, lost: Lost, now: datetime) -> datetime | None:
    """When the run last showed that it does its work; None for a run that carries nothing."""
    state = run.state
    if state is None:
        return None
    if state.is_scheduled():
        planned = state.state_details.scheduled_time
        return now if planned is not None and planned > now else None
    if state.is_running() and lost(run):
        return None
    asked = await client.read_task_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])),
        task_run_filter=TaskRunFilter(name=TaskRunFilterName(like_=GUARDS_ASKED)),
        sort=TaskRunSort.EXPECTED_START_TIME_DESC,
        limit=1,
    )
    return max([state.timestamp, *(one.expected_start_time for one in asked if one.expected_start_time is not None)])
