"""Every block that a plan needs in one environment, resolved and checked before a launch depends on it.

Each check runs in a thread of its own that nobody waits for longer than agreed: a system that hangs is one line of the
answer. Such a thread holds no place and does not keep the process alive.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import partial

from console.systems import block_types
from launch.errors import PlanError, SystemFaultError, TransientFaultError
from launch.model import Model
from launch.plan import Environment
from launch.ports import Checks
from launch.uses import Use, misfit

Load = Callable[[str, str], object]
"""The block of a system at an address. Raises `PlanError` where there is none."""

LEDGER = "launch ledger"
"""What stands in the place of a system for the block that every launch is recorded by."""


class Condition(StrEnum):
    """What was found out about one system."""

    READY = "ready"
    MISSING = "missing"
    UNFIT = "unfit"
    REFUSED = "refused"
    SILENT = "silent"


class Diagnosis(Model):
    """One system: `refused` asks for somebody to change something, `silent` may pass by itself."""

    system: str
    block: str
    condition: Condition
    sentence: str
    seconds: float = 0.0


def addresses_of(place: Environment, uses: Sequence[Use]) -> dict[str, str]:
    """The block of each system that the environment or a use of the plan names; "" where the environment has none."""
    named = dict.fromkeys((use.system for use in uses), "")
    return {**place.blocks, **{system: "" for system in named if system not in place.blocks}}


def examine(
    addresses: Mapping[str, str], uses: Sequence[Use], load: Load, *, longest: float, at_once: int = 8
) -> tuple[Diagnosis, ...]:
    """One diagnosis for each system, in the order given. `longest` is how many seconds one check may take."""
    return asyncio.run(_examined(addresses, uses, load, longest, at_once))


async def _examined(
    addresses: Mapping[str, str], uses: Sequence[Use], load: Load, longest: float, at_once: int
) -> tuple[Diagnosis, ...]:
    places = asyncio.Semaphore(at_once)

    async def one(system: str, address: str) -> Diagnosis:
        its_uses = [use for use in uses if use.system == system]
        async with places:
            begun = time.monotonic()
            found = await _in_time(partial(_diagnosed, system, address, its_uses, load), longest)
            found = found or _silent(system, address, longest)
            return found.model_copy(update={"seconds": round(time.monotonic() - begun, 3)})

    return tuple(await asyncio.gather(*(one(system, address) for system, address in addresses.items())))


def _diagnosed(system: str, address: str, uses: Sequence[Use], load: Load) -> Diagnosis:
    def said(condition: Condition, sentence: str) -> Diagnosis:
        return Diagnosis(system=system, block=address, condition=condition, sentence=sentence)

    if not address:
        return said(Condition.MISSING, f"{uses[0].path} needs it, and the environment names no block for it")
    kind = block_types().get(address.partition("/")[0])
    if kind is None:
        return said(Condition.UNFIT, f"{address!r} is of no type that tminus has; known are {', '.join(block_types())}")
    problem = next((words for use in uses if (words := misfit(use, kind))), "")
    if problem:
        return said(Condition.UNFIT, f"{problem}; name a block of another type")
    try:
        block = load(system, address)
        if not isinstance(block, Checks):
            message = f"{kind.__name__} has no check"
            raise TypeError(message)
        return said(Condition.READY, block.check())
    except PlanError as error:
        return said(Condition.MISSING, str(error))
    except TransientFaultError as fault:
        return said(Condition.SILENT, str(fault))
    except SystemFaultError as fault:
        return said(Condition.REFUSED, str(fault))


def _silent(system: str, address: str, longest: float) -> Diagnosis:
    fault = TransientFaultError(
        system=address,
        question="whether it can be used",
        answer=f"nothing within {longest:g} s",
        next_step="check that the system is up and reachable from here",
    )
    return Diagnosis(system=system, block=address, condition=Condition.SILENT, sentence=str(fault))


async def _in_time(call: Callable[[], Diagnosis], longest: float) -> Diagnosis | None:
    """What the call returns or raises, None if that takes longer than `longest` seconds."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Diagnosis] = loop.create_future()

    def tell(setter: Callable[[], None]) -> None:
        if not answer.done():
            setter()

    def run() -> None:
        try:
            found = call()
        except BaseException as error:  # noqa: BLE001  handed to the one who waits, not swallowed
            outcome = partial(answer.set_exception, error)
        else:
            outcome = partial(answer.set_result, found)
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, outcome)

    # Prefect keeps the server it talks to in a context variable, which a bare thread would not have.
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), name="tminus-check", daemon=True).start()
    try:
        return await asyncio.wait_for(answer, longest)
    except TimeoutError:
        return None
