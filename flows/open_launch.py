"""Opens a launch: everything is checked first, then one event opens it, then its phases are scheduled."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Annotated, Literal

from prefect import flow, get_client
from prefect.client.schemas.objects import State
from prefect.states import Completed
from prefect.variables import Variable
from pydantic import BaseModel, Field

from flows.blocks_stage import build_stage, ledger_from_block
from flows.clocks import CompressedClock, machine_clock, start_compressed
from flows.phases import schedule_phases
from flows.stage import Stage
from launch import acts
from launch.errors import PlanError, RefusedError
from launch.pace import stops
from launch.plan import Plan
from launch.plan_file import Loaded, load_plan
from launch.release import Release
from launch.state import fold

SPEED = "tminus_speed"
"""Name of the Prefect variable that says how many times as fast idle time passes for launches opened here."""

WORLD = "tminus_world_"
"""Prefix of the variable that names the launch a simulated environment is made for."""


def plan_names() -> list[str]:
    """The plans that come with tminus, by file name without its ending."""
    found = (one.name for one in files("plans").iterdir())
    return sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml"))


PlanName = Annotated[str, Field(json_schema_extra={"enum": list(plan_names())})]
Environment = Literal["sandbox", "staging", "production"]
Filled = Annotated[str, Field(min_length=1)]


class ServiceVersion(BaseModel):
    """One service of the plan and the version it gets."""

    service: str = Field(description="Id of the service in the plan.", min_length=1)
    version: str = Field(description="Version to run, for instance v2.5.0.", min_length=1)


@dataclass(frozen=True)
class Opening:
    """What is asked for, read and valid."""

    plan: Loaded
    path: str
    release: Release
    t0: datetime
    environment: str
    by: str


@flow(name="open-launch", flow_run_name="open {plan} for {t0}", persist_result=False)
async def open_launch(  # noqa: PLR0917  one field of the form each
    plan: PlanName,
    t0: datetime,
    version: Filled,
    services: list[ServiceVersion] = [],  # noqa: B006  Prefect shows the default in its form and never changes it
    environment: Environment = "sandbox",
    commit: str = "",
    opened_by: str = "release-captain",
) -> State[None]:
    """Opens a launch of a release and schedules its phases. Nothing is opened unless everything asked for is valid.

    Args:
        plan: Which plan to launch by.
        t0: When the product goes live for its users, with zone.
        version: Name of the release as a whole, for instance v2.5.0.
        services: Versions of the services; those not named keep the plan's.
        environment: Where; it names the Prefect blocks to use.
        commit: Commit the release was built from.
        opened_by: Your id in the plan.

    """
    loaded, path = named_plan(plan)
    release = named_release(loaded.plan, version, services, commit)
    launch = await open_and_schedule(Opening(loaded, path, release, t0, environment, opened_by))
    return Completed(message=f"{launch} is open; T0 is {t0:%a %d %b %Y %H:%M %Z}", name="Opened")


def named_plan(name: str) -> tuple[Loaded, str]:
    """A plan that comes with tminus, and its path."""
    path = f"plans/{name}.yaml"
    return load_plan((files("plans") / f"{name}.yaml").read_text(encoding="utf-8"), path), path


def named_release(plan: Plan, version: str, services: list[ServiceVersion], commit: str) -> Release:
    """The release of a form: services that are not named get the plan's versions."""
    versions = {service.id: service.version for service in plan.rollout.services if service.version}
    named = {one.service: one.version for one in services}
    return Release(version=version, commit=commit, services=versions | named)


async def open_and_schedule(opening: Opening) -> str:
    """Opens the launch in this server's ledger and schedules its phases; its id.

    Raises `PlanError` for a block that is not there, `RefusedError` and `AlreadyOpenError` for what the rules refuse.
    """
    speed = float(await Variable.aget(SPEED, default=1.0) or 1.0)
    stage, launch = await open_here(opening, speed)
    await schedule_phases(stage, launch)
    if isinstance(stage.clock, CompressedClock):
        state = fold(stage.ledger.records(launch))
        later = [moment for moment in stops(opening.plan.plan, state) if moment > stage.clock.now()]
        stage.clock.hurry(min(later, default=opening.t0))
    return launch


async def open_here(opening: Opening, speed: float = 1.0) -> tuple[Stage, str]:
    """Opens the launch in this server's ledger and schedules nothing. Raises as `open_and_schedule`."""
    await _resolve_blocks(opening.plan.plan, opening.environment)
    stage, launch = await asyncio.to_thread(_open, opening, speed)
    await _wait_for_world(opening.environment, launch)
    return stage, launch


def _open(opening: Opening, speed: float) -> tuple[Stage, str]:
    ledger = ledger_from_block()
    wall = machine_clock()
    plan = opening.plan.plan
    launch = f"{plan.product.id}-{opening.t0:%Y%m%d}-{len(ledger.launches()) + 1}"
    acts.open_launch(
        ledger,
        launch,
        plan=plan,
        plan_hash=opening.plan.hash,
        plan_path=opening.path,
        release=opening.release,
        t0=opening.t0,
        environment=opening.environment,
        opened_by=opening.by,
        at=wall,
        wall=wall,
    )
    if speed > 1.0:
        start_compressed(ledger, launch, speed, wall)
    return build_stage(launch), launch


async def _wait_for_world(environment: str, launch: str) -> None:
    """The sandbox begins anew with each launch, dated by its T0, and says so here; real environments say nothing."""
    name = f"{WORLD}{environment}"
    for _ in range(_LOOKS):
        if await Variable.aget(name, default=launch) == launch:
            return
        await asyncio.sleep(_LOOK_SECONDS)


async def _resolve_blocks(plan: Plan, environment: str) -> None:
    """Every block that the environment names must be there, by name only: no credential is loaded for this."""
    found = next((one for one in plan.environments if one.id == environment), None)
    if found is None:
        message = (
            f"the plan has no environment {environment!r}; it has {', '.join(one.id for one in plan.environments)}"
        )
        raise RefusedError(message)
    there: set[str] = set()
    async with get_client() as client:
        while page := await client.read_block_documents(limit=_PAGE, offset=len(there), include_secrets=False):
            there |= {f"{one.block_type.slug}/{one.name}" for one in page if one.block_type is not None}
            if len(page) < _PAGE:
                break
    missing = [f"{system}: {address}" for system, address in found.blocks.items() if address not in there]
    if missing:
        problem = f"{len(missing)} blocks are not on this Prefect server, first {missing[0]}"
        raise PlanError(problem, where=f"environments.{environment}.blocks")


_PAGE = 200
_LOOK_SECONDS = 0.5
_LOOKS = 240
