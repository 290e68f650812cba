"""Countdown: from the opening of the war room to going live, with the commander's last gate before T0."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.phases import run_phase
from flows.staging import stage_for
from launch.plan.schedule import FlowPhase


@flow(name="countdown", flow_run_name="countdown {launch}", persist_result=False)
async def countdown(launch: str) -> State[None]:
    """Countdown: from the opening of the war room to going live, with the commander's last gate before T0."""
    return await run_phase(await stage_for(launch), launch, FlowPhase.COUNTDOWN)
