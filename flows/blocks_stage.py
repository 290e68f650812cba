"""The stage of a launch on this Prefect server: the ledger and every system come from blocks, each when first used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

import anyio.to_thread
from prefect.blocks.core import Block
from prefect.runtime import flow_run
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from blocks.ledger import SqlLedger
from blocks.ledger_store import LedgerStore
from flows.clocks import LaunchClock, clock_of, machine_clock
from flows.desk import PrefectPeople
from flows.runs import PrefectRuns
from flows.stage import RunKind, Stage
from launch.errors import PlanError, RefusedError
from launch.events import LaunchOpened
from launch.ledger import Ledger
from launch.plan import Environment, FlowPhase, Plan

LEDGER = "launch-ledger/default"

Loaded = TypeVar("Loaded", bound=Block)


def ledger_from_block() -> SqlLedger:
    """The ledger of this server. Raises `RefusedError` without its block, `PlanError` where it is out of reach."""
    try:
        block = _load(LedgerStore, "default")
    except ValueError as error:
        message = f"this Prefect server has no block {LEDGER!r}; create it with the URL of the ledger"
        raise RefusedError(message) from error
    return block.open()


async def stage_from_blocks(launch: str) -> Stage:
    """Everything a flow of this launch stands on. Raises `UnknownLaunchError` and what `ledger_from_block` raises."""
    return await anyio.to_thread.run_sync(build_stage, launch)


def build_stage(launch: str) -> Stage:
    """The same for a flow without an event loop."""
    ledger = ledger_from_block()
    return stage_on(ledger, launch, clock_of(ledger, launch, phase_of(str(flow_run.get_flow_name() or ""))))


def stage_on(ledger: Ledger, launch: str, clock: LaunchClock) -> Stage:
    """The stage of a launch on a ledger that is open already."""
    runs = PrefectRuns(_product(ledger, launch), clock)
    return Stage(
        ledger=ledger,
        clock=clock,
        wall=machine_clock,
        systems=BlockSystems.of,
        people=PrefectPeople(ledger, clock, machine_clock, runs),
        runs=runs,
    )


def phase_of(flow: str) -> FlowPhase | None:
    """The phase that a flow of this name runs, if it runs one."""
    if flow == RunKind.ROLLBACK.value:
        return FlowPhase.ROLLBACK
    return next((phase for phase in FlowPhase if phase.value == flow), None)


def _product(ledger: Ledger, launch: str) -> str:
    first = ledger.records(launch)[0].event
    return first.product if isinstance(first, LaunchOpened) else ""


class BlockSystems(Mapping[str, object]):
    """The systems of a plan in one environment. A block is loaded when its system is first used, not before.

    So no credential is in memory before the gate that guards its first use has said GO.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._loaded: dict[str, object] = {}

    @classmethod
    def of(cls, plan: Plan, environment: str) -> BlockSystems:
        """Raises `PlanError` for an environment the plan does not have."""
        found = next((one for one in plan.environments if one.id == environment), None)
        if found is None:
            known = ", ".join(one.id for one in plan.environments)
            problem = f"no environment {environment!r}; the plan has {known}"
            raise PlanError(problem, where="environments")
        return cls(found)

    def __getitem__(self, system: str) -> object:
        if system not in self._environment.blocks:
            raise KeyError(system)
        if system not in self._loaded:
            self._loaded[system] = load_system(self._environment.blocks[system], self._where(system))
        return self._loaded[system]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environment.blocks)

    def __len__(self) -> int:
        return len(self._environment.blocks)

    def _where(self, system: str) -> str:
        return f"environments.{self._environment.id}.blocks.{system}"


def load_system(address: str, where: str) -> object:
    """The block at `type-slug/name`, if it is of a kind that can be asked or changed. Raises `PlanError`."""
    import blocks

    tables = (blocks.ANSWERING, blocks.ACTING, blocks.CHATS, blocks.MAILERS, blocks.PAGERS, blocks.STATUS_BOARDS)
    kinds = {kind.get_block_type_slug(): kind for kind in _kinds(*tables, blocks.METRIC_SOURCES)}
    slug, _, name = address.partition("/")
    kind = kinds.get(slug)
    if kind is None:
        problem = f"{address!r} is no system that can be asked or changed; known are {', '.join(sorted(kinds))}"
        raise PlanError(problem, where=where)
    try:
        return _load(kind, name, where)
    except ValueError as error:
        problem = f"this Prefect server has no block {address!r}; create it, or name another in the plan"
        raise PlanError(problem, where=where) from error


def _field(wrong: ErrorDetails) -> str:
    where = ".".join(str(part) for part in wrong["loc"]) or "itself"
    return f"{where}: {wrong['msg'].removeprefix('Value error, ')}"


def _load(kind: type[Loaded], name: str, where: str = "") -> Loaded:
    # Systems are first used inside an event loop as well, where Prefect would hand back a coroutine without `_sync`.
    try:
        found = kind.load(name, _sync=True)  # type: ignore[call-arg]
    except RuntimeError as error:
        # So Prefect says that what was saved does not fit the type.
        if not isinstance(error.__cause__, ValidationError):
            raise
        # The values stay out of sentence and cause: some of them are secrets.
        wrong = "; ".join(sorted({_field(one) for one in error.__cause__.errors()}))
        problem = f"block '{kind.get_block_type_slug()}/{name}' has to be filled in again: {wrong}"
        raise PlanError(problem, where=where) from None
    if not isinstance(found, kind):
        message = f"block {name!r} is a {type(found).__name__}, not a {kind.__name__}"
        raise TypeError(message)
    return found


def _kinds(*tables: tuple[type, ...]) -> list[type[Block]]:
    return [kind for table in tables for kind in table if issubclass(kind, Block)]
