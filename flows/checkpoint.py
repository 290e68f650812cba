"""A checkpoint at T+N: runs by itself, counted from the actual go-live."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.phases import run_checkpoint
from flows.staging import stage_for


@flow(name="checkpoint", flow_run_name="{checkpoint} {launch}", persist_result=False)
async def checkpoint(launch: str, checkpoint: str) -> State[None]:
    """Asks the checkpoint's criteria and writes down what was missed."""
    return await run_checkpoint(await stage_for(launch), launch, checkpoint)
