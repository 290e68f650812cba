"""Look at the target of an effect, and apply it. Applying is never repeated blind: the conductor looks again first."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import anyio.to_thread
from prefect import task
from prefect.cache_policies import NO_CACHE

from launch.effects.base import Effect
from launch.ports import Acts, Observation, Occasion, State, Systems
from tasks.retries import impatient, retryable


@retryable("look at {name}")
async def look(
    name: str,  # noqa: ARG001  names the task run
    effect: Effect,
    before: State | None,
    systems: Systems,
    occasion: Occasion,
) -> Observation:
    """How the world stands to the effect's desired state, or to the recorded state `before` that is put back."""
    system = _acting(systems, effect)
    if before is None:
        return await anyio.to_thread.run_sync(system.observe, effect, occasion)
    return await anyio.to_thread.run_sync(system.observe_restored, effect, before, occasion)


# Not retried here: the conductor observes before it begins a new attempt, so that nothing is applied twice.
look_at_once = impatient(look)


@retryable("read back {name}")
async def read_back(
    name: str,  # noqa: ARG001  names the task run
    targets: Mapping[str, tuple[Effect, Occasion]],
    systems: Systems,
) -> Mapping[str, Observation]:
    """How the world stands to each of these effects, by the names given to them, all looked at side by side.

    One task for all: a rollout reads a dozen targets back every half minute, for hours. One that cannot be looked at
    fails them all, because part of an exposure is none.
    """
    looks = (
        anyio.to_thread.run_sync(_acting(systems, effect).observe, effect, occasion)
        for effect, occasion in targets.values()
    )
    return dict(zip(targets, await asyncio.gather(*looks), strict=True))


read_back_at_once = impatient(read_back)


@task(task_run_name="{name}", cache_policy=NO_CACHE, persist_result=False)
async def apply(
    name: str,  # noqa: ARG001  names the task run
    effect: Effect,
    before: State | None,
    systems: Systems,
    occasion: Occasion,
) -> None:
    """Starts the change, or puts `before` back. Raises `SystemFaultError`."""
    system = _acting(systems, effect)
    if before is None:
        await anyio.to_thread.run_sync(system.apply, effect, occasion)
    else:
        await anyio.to_thread.run_sync(system.restore, effect, before, occasion)


def _acting(systems: Systems, effect: Effect) -> Acts:
    system = systems[effect.on]
    if not isinstance(system, Acts):
        message = f"system {effect.on!r} cannot be changed"
        raise TypeError(message)
    return system
