"""Where blocks of an environment are kept: on the Prefect server, or in a sandbox that is started for a question."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from console.engine import use_engine
from console.examination import LEDGER, Diagnosis, addresses_of, examine
from console.ledgers import ledger_url, machine_clock
from console.systems import SandboxSystems
from flows.blocks_stage import LEDGER as LEDGER_BLOCK
from flows.blocks_stage import load_system
from launch.errors import PlanError, RefusedError
from launch.plan import Environment, Plan
from launch.uses import uses

# A sandbox shows a product a week before it goes live.
_AHEAD = timedelta(days=8)


def environment_of(plan: Plan, name: str) -> Environment:
    """Raises `PlanError` for an environment the plan does not have."""
    found = next((one for one in plan.environments if one.id == name), None)
    if found is None:
        problem = f"the plan has no environment {name!r}; it has {', '.join(one.id for one in plan.environments)}"
        raise PlanError(problem, where="--env")
    return found


def checked_on_the_server(plan: Plan, place: Environment, longest: float) -> tuple[Diagnosis, ...]:
    """Every block by its name on the Prefect server, and the ledger. Raises `RefusedError` when no server answers."""
    use_engine()
    _greet_the_server()
    needed = tuple(uses(plan))
    addresses = {LEDGER: LEDGER_BLOCK} | addresses_of(place, needed)
    return examine(
        addresses,
        needed,
        lambda system, address: load_system(address, f"environments.{place.id}.blocks.{system}"),
        longest=longest,
    )


def checked_in_a_sandbox(plan: Plan, place: Environment, longest: float) -> tuple[Diagnosis, ...]:
    """The same in a sandbox as a rehearsal has it, which is gone afterwards."""
    from sandbox.town import Town
    from sandbox.world import World

    world = World(now=machine_clock, t0=machine_clock() + _AHEAD)
    needed = tuple(uses(plan))
    town = Town(world, needs=set(place.blocks.values()))
    try:
        town.start()
        town.tick(machine_clock())
        fields = {**town.blocks(), LEDGER_BLOCK: {"url": ledger_url(None)}}
        systems = SandboxSystems(plan, place.id, fields, {})
        return examine(addresses_of(place, needed), needed, lambda system, _: systems[system], longest=longest)
    finally:
        town.stop()


def _greet_the_server() -> None:
    from prefect.settings import PREFECT_API_URL

    api = PREFECT_API_URL.value()
    if not api:
        message = "no Prefect server is known here; run tminus up, or set PREFECT_API_URL"
        raise RefusedError(message)
    failure = asyncio.run(_failure())
    if failure is not None:
        message = f"the Prefect server {api} does not answer ({type(failure).__name__}); check that it is up"
        raise RefusedError(message) from failure


async def _failure() -> Exception | None:
    from prefect import get_client

    async with get_client() as client:
        return await client.api_healthcheck()
