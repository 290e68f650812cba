"""Launch eve: the last checklists, and the go/no-go vote."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.phases import run_phase
from flows.staging import stage_for
from launch.plan.schedule import FlowPhase


@flow(name="eve", flow_run_name="eve {launch}", persist_result=False)
async def eve(launch: str) -> State[None]:
    """Launch eve: the last checklists, and the go/no-go vote."""
    return await run_phase(await stage_for(launch), launch, FlowPhase.EVE)
