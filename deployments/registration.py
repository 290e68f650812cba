"""Tells a Prefect server what tminus brings: work pool, deployments, blocks, automations. May be repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from prefect import Flow
from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.exceptions import ObjectNotFound
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from prefect.workers.process import ProcessWorker
from pydantic import JsonValue

from blocks.ledger_store import LedgerStore
from deployments.definitions import DEFINITIONS, WORK_POOL, Definition

_LOOK_SECONDS = 0.3


async def register_pool(client: PrefectClient, command: str | None = None) -> None:
    """Creates the work pool, or sets the command its runs start with (None for the worker's own)."""
    template = ProcessWorker.get_default_base_job_template()
    template["variables"]["properties"]["command"]["default"] = command
    try:
        await client.read_work_pool(WORK_POOL)
    except ObjectNotFound:
        await client.create_work_pool(
            WorkPoolCreate(name=WORK_POOL, type="process", base_job_template=template, description="Runs of tminus"),
        )
    else:
        await client.update_work_pool(WORK_POOL, WorkPoolUpdate(base_job_template=template))


async def register_deployments(client: PrefectClient) -> None:
    """Creates or renews every deployment."""
    for definition in DEFINITIONS:
        await _register(client, definition)


async def _register(client: PrefectClient, definition: Definition) -> None:
    flow: Flow[..., object] = load_flow_from_entrypoint(definition.entrypoint)
    limit = None
    if definition.limit is not None:
        limit = ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
    await client.create_deployment(
        flow_id=await client.create_flow(flow),
        name=definition.name,
        entrypoint=definition.entrypoint,
        description=definition.what,
        tags=definition.tags,
        work_pool_name=WORK_POOL,
        enforce_parameter_schema=True,
        parameter_openapi_schema=parameter_schema(flow).model_dump_for_openapi(),
        concurrency_limit=definition.limit,
        concurrency_options=limit,
    )


async def register_ledger(url: str) -> None:
    """Saves the block that flows find the ledger by."""
    await LedgerStore(url=url).asave("default", overwrite=True)


async def wait_for_server(client: PrefectClient, seconds: float = 120.0) -> None:
    """Returns when the server answers. Raises the last failure after `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        failure = await client.api_healthcheck()
        if failure is None:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise failure
        await asyncio.sleep(_LOOK_SECONDS)


async def save_blocks(fields: Mapping[str, Mapping[str, JsonValue]]) -> None:
    """Saves blocks by address (`type-slug/name`). Raises `KeyError` for a type that tminus does not have."""
    kinds = block_kinds()
    for address, content in fields.items():
        slug, _, name = address.partition("/")
        await kinds[slug].model_validate(dict(content)).asave(name, overwrite=True)


def block_kinds() -> dict[str, type[Block]]:
    """Every block class of tminus by its type slug."""
    import blocks

    exported = (getattr(blocks, name) for name in blocks.__all__)
    kinds = [one for one in exported if isinstance(one, type) and issubclass(one, Block)]
    return {kind.get_block_type_slug(): kind for kind in kinds}
