"""The process that is killed: it plays every run of one launch that is not over, as a Prefect worker would."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.connection import Connection

from prefect.runtime import flow_run
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_LOGGING_LEVEL,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)
from pydantic import JsonValue

from blocks.ledger import open_ledger
from console.rehearsal import STARTERS
from console.rehearsal_desk import ScriptedPeople, wall_clock
from console.systems import SandboxSystems
from flows.phases import schedule_phases
from flows.stage import RunKind, Stage, on_stage
from launch.ballots_file import Ballots
from launch.plan import Plan
from launch.ports import Systems
from sandbox.virtual_clock import VirtualClock
from tests.flows.kills import Kill, Trap, TrappedLedger, arm


@dataclass(frozen=True)
class KeptRun:
    """A run that Prefect's server would keep: it outlives the process that scheduled it."""

    key: str
    kind: RunKind
    at: datetime
    subject: str = ""


@dataclass(frozen=True)
class Moved:
    """The clock shows a new moment; the child goes on when it is answered."""

    now: datetime


@dataclass(frozen=True)
class Over:
    """A run has ended in a good way."""

    key: str


@dataclass(frozen=True)
class Cancelled:
    """Runs of these kinds that have not begun are off."""

    keys: tuple[str, ...]


@dataclass(frozen=True)
class Order:
    """All that a process needs to know to go on with a launch."""

    launch: str
    ledger_url: str
    api_url: str
    now: datetime
    fields: Mapping[str, Mapping[str, JsonValue]]
    ballots: Ballots
    runs: Sequence[KeptRun] = ()
    kill: Kill | None = None


def play(order: Order, link: Connection) -> None:
    """The child's main function."""
    settings = {
        PREFECT_API_URL: order.api_url,
        PREFECT_LOGGING_TO_API_ENABLED: False,
        PREFECT_LOGGING_LEVEL: "CRITICAL",
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
    }
    with temporary_settings(settings):
        asyncio.run(_play(order, link))


async def _play(order: Order, link: Connection) -> None:
    trap = Trap(order.kill)
    clock = VirtualClock(order.now, _Follower(link, trap))
    ledger = TrappedLedger(open_ledger(order.ledger_url), trap)
    runs = KeptRuns(clock, link)

    def systems(plan: Plan, environment: str) -> Systems:
        found = SandboxSystems(plan, environment, order.fields, {}).resolve_all()
        for system in found:
            arm(found[system], trap)
        return found

    stage = Stage(
        ledger=ledger, clock=clock, wall=wall_clock, systems=systems,
        people=ScriptedPeople(ledger, clock, order.ballots), runs=runs, patient=False,
    )  # fmt: skip
    with on_stage(stage):
        clock.adopt_context()
        for run in order.runs:
            runs.enter(order.launch, run)
        if not order.runs:
            await schedule_phases(stage, order.launch)
        if order.kill is not None and order.kill.at is not None:
            clock.enter("the end of this process", order.kill.at, _nothing)
        await clock.run()


async def _nothing() -> None:
    """The clock stops at the moment of the kill, whatever else happens then."""


class _Follower:
    """Tells the world every new moment and waits until it is there too."""

    def __init__(self, link: Connection, trap: Trap) -> None:
        self._link = link
        self._trap = trap

    def __call__(self, now: datetime) -> None:
        self._link.send(Moved(now))
        self._link.recv()
        self._trap.waited(now)


@dataclass
class KeptRuns:
    """The port `Runs` over a link to the parent, which keeps what is scheduled as a server does."""

    clock: VirtualClock
    link: Connection
    waiting: dict[str, KeptRun] = field(default_factory=dict)

    async def schedule(self, launch: str, kind: RunKind, at: datetime, *, key: str, subject: str = "") -> str:
        if key not in self.waiting:
            run = KeptRun(key, kind, at, subject)
            self.link.send(run)
            self.enter(launch, run)
        return key

    def enter(self, launch: str, run: KeptRun) -> None:
        """Starts the run at its moment in this process."""
        self.waiting[run.key] = run
        self.clock.enter(run.key, run.at, lambda: self._played(run, STARTERS[run.kind](launch, run.subject)))

    async def _played(self, run: KeptRun, playing: Awaitable[object]) -> None:
        self.waiting.pop(run.key, None)
        await playing
        self.link.send(Over(run.key))

    async def wake(self, launch: str, kind: RunKind) -> None:
        """Players wake by themselves."""

    async def cancel(self, launch: str, kinds: Sequence[RunKind]) -> None:
        off = tuple(key for key, run in self.waiting.items() if run.kind in kinds)
        for key in off:
            self.clock.leave(key)
            del self.waiting[key]
        self.link.send(Cancelled(off))

    async def alive(self, run: str) -> bool:
        """Every other process of this launch is dead."""
        return run == self.current()

    def current(self) -> str:
        return str(flow_run.get_id() or "")
