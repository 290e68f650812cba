"""Stabilization: guards watch the product after going live; a breach calls the rollback here and now."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.phases import run_phase
from flows.staging import stage_for
from launch.plan.schedule import FlowPhase


@flow(name="stabilization", flow_run_name="stabilization {launch}", persist_result=False)
async def stabilization(launch: str) -> State[None]:
    """Stabilization: guards watch the product after going live; a breach calls the rollback here and now."""
    return await run_phase(await stage_for(launch), launch, FlowPhase.STABILIZATION)
