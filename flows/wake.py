"""Wakes a phase that waits at a gate when the gate's deadline, or the phase's next moment, has come."""

from __future__ import annotations

from uuid import UUID

import anyio.to_thread
from prefect import flow, get_client
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.runs import close_forms, wake_run
from flows.staging import stage_for
from launch.acts import settle_gate
from launch.state import fold


@flow(name="wake", flow_run_name="wake {gate} {launch}", persist_result=False)
async def wake(launch: str, gate: str, opening: int, run: str) -> State[None]:
    """Settles the gate if its deadline has passed, takes away its forms then, and resumes the run that waits for it.

    Args:
        launch: Id of the launch.
        gate: Id of the gate.
        opening: Which opening of the gate.
        run: Id of the flow run that waits there.

    """
    stage = await stage_for(launch)
    now, wall = stage.clock.now(), stage.wall()
    await anyio.to_thread.run_sync(lambda: settle_gate(stage.ledger, launch, gate=gate, at=now, wall=wall))
    current = fold(stage.ledger.records(launch)).gate(gate)
    async with get_client() as client:
        if not current.open:
            await close_forms(client, launch, gate, opening)
        woken = await wake_run(client, await client.read_flow_run(UUID(run)))
    return Completed(message=f"{gate}: {'woken' if woken else 'nobody waits any more'}")
