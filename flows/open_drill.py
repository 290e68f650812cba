"""Opens a drill from the Prefect UI, and for `tminus drill`."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.clocks import machine_clock
from flows.open_launch import Filled, Opening, PlanName, ServiceVersion, named_plan, named_release, open_here
from flows.stage import RunKind
from launch.drill import LEAD, drill_plan, refuse_guarded
from launch.plan_file import plan_hash

Environment = Literal["sandbox", "staging"]


@flow(name="open-drill", flow_run_name="open drill of {plan} in {environment}", persist_result=False)
async def open_drill(  # noqa: PLR0917  one field of the form each
    plan: PlanName,
    version: Filled,
    services: list[ServiceVersion] = [],  # noqa: B006  Prefect shows the default in its form and never changes it
    environment: Environment = "staging",
    procedure: str = "",
    opened_by: str = "release-captain",
) -> State[None]:
    """Opens a drill: the plan's changes and its rollback, at once, where no user is. Its run times both.

    Args:
        plan: Which plan to drill.
        version: Name of the release as a whole, for instance v2.5.0.
        services: Versions of the services; those not named keep the plan's.
        environment: Where; it names the Prefect blocks to use.
        procedure: Which rollback procedure; empty for the plan's first.
        opened_by: Your id in the plan.

    """
    loaded, path = named_plan(plan)
    release = named_release(loaded.plan, version, services, "")
    launch = await open_and_start(Opening(loaded, path, release, machine_clock(), environment, opened_by), procedure)
    return Completed(message=f"{launch} is open", name="Opened")


async def open_and_start(opening: Opening, procedure: str = "") -> str:
    """Opens a drill of the opening's plan now, whatever its T0, and starts its run; the drill's id.

    A drill runs at the machine's pace, also on a server whose launches are compressed: what it measures is real.
    Raises `RefusedError` in an environment that a gate guards, and what opening a launch raises.
    """
    refuse_guarded(opening.plan.plan, opening.environment)
    drilled = drill_plan(opening.plan.plan, procedure or None)
    loaded = replace(opening.plan, plan=drilled, hash=plan_hash(drilled))
    stage, launch = await open_here(replace(opening, plan=loaded, t0=machine_clock() + LEAD))
    await stage.runs.schedule(launch, RunKind.DRILL, stage.clock.now(), key=f"{launch}/drill")
    return launch
