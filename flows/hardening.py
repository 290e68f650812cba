"""Hardening: rehearsals, audits, scans and preparation, day by day, up to the leadership's approval."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.phases import run_phase
from flows.staging import stage_for
from launch.plan.schedule import FlowPhase


@flow(name="hardening", flow_run_name="hardening {launch}", persist_result=False)
async def hardening(launch: str) -> State[None]:
    """Hardening: rehearsals, audits, scans and preparation, day by day, up to the leadership's approval."""
    return await run_phase(await stage_for(launch), launch, FlowPhase.HARDENING)
