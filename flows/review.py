"""Review: reports, success criteria and late actions, until the last checkpoint is held."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.phases import run_phase
from flows.staging import stage_for
from launch.plan.schedule import FlowPhase


@flow(name="review", flow_run_name="review {launch}", persist_result=False)
async def review(launch: str) -> State[None]:
    """Review: reports, success criteria and late actions, until the last checkpoint is held."""
    return await run_phase(await stage_for(launch), launch, FlowPhase.REVIEW)
