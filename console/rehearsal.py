"""One rehearsal: the whole launch in the sandbox, on the virtual clock, through the flows that run the launch."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from blocks.ledger import open_ledger
from console.prefect_server import RehearsalServer
from console.rehearsal_desk import PlayedRuns, ScriptedPeople, Starter, wall_clock
from console.systems import SandboxSystems
from flows.blocks_stage import LEDGER
from flows.checkpoint import checkpoint
from flows.countdown import countdown
from flows.drill import drill
from flows.eve import eve
from flows.hardening import hardening
from flows.phases import schedule_phases
from flows.review import review
from flows.roll_back import roll_back
from flows.stabilization import stabilization
from flows.stage import RunKind, Stage, on_stage
from launch.acts import open_launch
from launch.ballots_file import Ballots
from launch.events import AnyEvent
from launch.horizon import horizon, standstill
from launch.ledger import Ledger, Record
from launch.plan import Plan
from launch.ports import Systems
from launch.release import Release
from launch.state import LaunchState, fold
from sandbox.faults import Fault
from sandbox.town import Town
from sandbox.virtual_clock import VirtualClock
from sandbox.world import World

STARTERS: dict[RunKind, Starter] = {
    RunKind.HARDENING: lambda launch, _: hardening(launch, return_state=True),
    RunKind.EVE: lambda launch, _: eve(launch, return_state=True),
    RunKind.COUNTDOWN: lambda launch, _: countdown(launch, return_state=True),
    RunKind.STABILIZATION: lambda launch, _: stabilization(launch, return_state=True),
    RunKind.REVIEW: lambda launch, _: review(launch, return_state=True),
    RunKind.ROLLBACK: lambda launch, _: roll_back(launch, return_state=True),
    RunKind.DRILL: lambda launch, _: drill(launch, return_state=True),
    RunKind.CHECKPOINT: lambda launch, point: checkpoint(launch, point, return_state=True),
}
_LEAD = timedelta(minutes=10)


@dataclass(frozen=True)
class Request:
    """What to rehearse."""

    plan: Plan
    plan_hash: str
    plan_path: str
    ledger_url: str
    release: Release
    t0: datetime
    environment: str = "sandbox"
    ballots: Ballots = field(default_factory=Ballots)
    faults: Sequence[Fault] = ()
    until: timedelta | None = None
    seed: int = 0
    realtime: bool = False
    where: Mapping[str, str] = field(default_factory=dict)
    drill: bool = False
    """Whether the plan is that of a drill: one run conducts it, not a run for each phase."""


@dataclass(frozen=True)
class Rehearsed:
    """What came of it."""

    launch: str
    records: Sequence[Record]
    state: LaunchState
    virtual_seconds: float
    wall_seconds: float
    standstill: str = ""
    """Where it stands and what it waits for, if nothing that the plan has a moment for could end it any more."""


def default_t0(plan: Plan, today: datetime) -> datetime:
    """The plan's usual weekday and time, the first one that leaves room for every phase before it."""
    zone = ZoneInfo(plan.launch_time.timezone)
    hour, minute = (int(part) for part in (plan.launch_time.time or "09:00").split(":"))
    first = min((phase.start for phase in plan.phases if phase.start is not None), default=timedelta(0))
    earliest = (today - first + _LEAD).astimezone(zone)
    candidate = earliest.replace(hour=hour, minute=minute, second=0, microsecond=0)
    while candidate < earliest or plan.launch_time.weekday not in {None, candidate.weekday()}:
        candidate += timedelta(days=1)
    return candidate.astimezone(UTC)


def rehearse(request: Request, server: RehearsalServer, tell: Callable[[Record], None]) -> Rehearsed:
    """Runs the rehearsal on a server that is starting and stops it. `tell` sees every record as it is written."""
    try:
        return rehearse_on(request, server, tell)
    finally:
        server.stop()


def rehearse_on(request: Request, server: RehearsalServer, tell: Callable[[Record], None]) -> Rehearsed:
    """The same on a server that other rehearsals use, too: it goes on."""
    started = time.monotonic()
    first = min((one.start for one in request.plan.phases if one.start is not None), default=timedelta(0))
    clock = VirtualClock(request.t0 + first - _LEAD, realtime=request.realtime)
    world = World(now=clock.now, t0=request.t0, seed=request.seed)
    with contextlib.ExitStack() as cleanup:
        ledger = open_ledger(request.ledger_url)
        cleanup.callback(ledger.close)
        place = next(one for one in request.plan.environments if one.id == request.environment)
        town = Town(world, needs=set(place.blocks.values()))
        cleanup.callback(town.stop)
        with ThreadPoolExecutor() as pool:
            town_started, server_ready = pool.submit(town.start), pool.submit(server.ready)
        town_started.result()
        server_ready.result()
        clock.on_move = town.tick
        town.tick(clock.now())
        fault_moments = [town.inject(fault) for fault in request.faults]
        told = _Told(ledger, tell)
        with server.used():
            launch = asyncio.run(_play(request, clock, told, town, fault_moments))
        records = ledger.records(launch)
    state = fold(records)
    virtual = (records[-1].at - records[0].at).total_seconds()
    stands = "" if clock.stopped or state.outcome else standstill(request.plan, state, clock.now())
    return Rehearsed(launch, records, state, virtual, time.monotonic() - started, stands)


async def _play(
    request: Request, clock: VirtualClock, ledger: Ledger, town: Town, fault_moments: Sequence[datetime]
) -> str:
    launch = f"{request.plan.product.id}-{request.t0:%Y%m%d}-{len(ledger.launches()) + 1}"
    fields = {**town.blocks(), LEDGER: {"url": request.ledger_url}}

    def systems(plan: Plan, environment: str) -> Systems:
        return SandboxSystems(plan, environment, fields, request.where).resolve_all()

    stage = Stage(
        ledger=ledger,
        clock=clock,
        wall=wall_clock,
        systems=systems,
        people=ScriptedPeople(ledger, clock, request.ballots),
        runs=PlayedRuns(clock, STARTERS),
        patient=False,
    )
    with on_stage(stage):
        clock.adopt_context()
        systems(request.plan, request.environment)
        open_launch(
            ledger, launch, plan=request.plan, plan_hash=request.plan_hash, plan_path=request.plan_path,
            release=request.release, t0=request.t0, environment=request.environment, opened_by="rehearsal",
            at=clock.now(), wall=wall_clock(),
        )  # fmt: skip
        for place, moment in enumerate(fault_moments):
            clock.enter(f"fault-{place}", moment, _nothing)
        if request.until is not None:
            clock.stop_at(request.t0 + request.until)
        clock.end_at(lambda: horizon(request.plan, fold(ledger.records(launch))))
        if request.drill:
            await stage.runs.schedule(launch, RunKind.DRILL, clock.now(), key=f"{launch}/drill")
        else:
            await schedule_phases(stage, launch)
        await clock.run()
    return launch


async def _nothing() -> None:
    """The clock stops at a fault's moment so that its effect is dated right."""


class _Told:
    """A ledger that shows each record as it is written."""

    def __init__(self, ledger: Ledger, tell: Callable[[Record], None]) -> None:
        self._ledger = ledger
        self._tell = tell
        self.records = ledger.records
        self.launches = ledger.launches
        self.open_launch = ledger.open_launch

    def append(
        self, launch: str, event: AnyEvent, *, at: datetime, wall: datetime, expected: int | None = None
    ) -> Record:
        record = self._ledger.append(launch, event, at=at, wall=wall, expected=expected)
        self._tell(record)
        return record
