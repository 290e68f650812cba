"""A drill on Prefect: its countdown, then its rollback, in one run that can be started again."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.artifacts import show_drill
from flows.conductor import Conductor
from flows.countdown import countdown
from flows.roll_back import roll_back
from flows.staging import stage_for
from launch.drill import DRILL
from launch.drill_figures import drill_figures


@flow(name="drill", flow_run_name="drill {launch}", persist_result=False)
async def drill(launch: str) -> State[None]:
    """A drill: its changes, then its rollback, timed step by step. Started again, it goes on from the ledger."""
    conductor = Conductor(await stage_for(launch), launch)
    await countdown(launch, return_state=True)
    conductor.reader.refresh()
    opened = conductor.reader.state.opened
    if conductor.reader.state.outcome is None:
        by = opened.opened_by if opened is not None else DRILL
        await roll_back(launch, trigger=DRILL, tier="urgent", by=by, reason="the drill's deploy is over")
    figures = drill_figures(conductor.stage.ledger.records(launch))
    await show_drill(figures)
    told = "passed" if figures.passed else f"did not pass: {figures.failures[0]}"
    return Completed(message=f"{launch} {told}", name="Passed" if figures.passed else "NotPassed")
