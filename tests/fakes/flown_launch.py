"""A small launch flown through the real flows on a virtual clock: small plan, fake systems, ledger in memory."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from console.rehearsal import STARTERS
from console.rehearsal_desk import PlayedRuns, ScriptedPeople, Starter
from flows.phases import schedule_phases
from flows.stage import RunKind, Stage, on_stage
from launch.acts import open_launch
from launch.ballots_file import Ballots
from launch.drill import LEAD
from launch.events import AnyEvent
from launch.ledger import Ledger, Record, verify_chain
from launch.plan import Plan
from launch.release import Release
from launch.state import LaunchState, fold
from sandbox.virtual_clock import VirtualClock
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.plans import T0
from tests.fakes.systems import Outside

LAUNCH = "cockpit-1"
_START = timedelta(days=7, minutes=10)
Act = Callable[["FlownLaunch"], object]


class KilledError(BaseException):
    """The process ends here. Not an `Exception`: nothing may catch it and go on."""


class WitnessedLedger:
    """A ledger that calls `witness` with each event right after it is in it."""

    def __init__(self, ledger: Ledger, witness: Callable[[AnyEvent], None]) -> None:
        self._ledger = ledger
        self._witness = witness
        self.records = ledger.records
        self.launches = ledger.launches
        self.open_launch = ledger.open_launch

    def append(
        self, launch: str, event: AnyEvent, *, at: datetime, wall: datetime, expected: int | None = None
    ) -> Record:
        record = self._ledger.append(launch, event, at=at, wall=wall, expected=expected)
        self._witness(event)
        return record


class RunsOfOneProcess(PlayedRuns):
    """Runs that asked for their id in this process are alive; every other process of the launch is dead."""

    def __init__(self, clock: VirtualClock, starters: Mapping[RunKind, Starter]) -> None:
        super().__init__(clock, starters)
        self._here: set[str] = set()

    def current(self) -> str:
        run = super().current()
        self._here.add(run)
        return run

    async def alive(self, run: str) -> bool:
        return run in self._here


class HastyClock(VirtualClock):
    """Holds no process for a wait of more than two minutes, as on the day."""

    def holds_process(self, moment: datetime) -> bool:
        return moment - self.now() <= timedelta(minutes=2)


@dataclass
class FlownLaunch:
    """Opened ten minutes before its first phase. `acts` are what persons do, by offset from T0."""

    plan: Plan
    outside: Outside = field(default_factory=Outside)
    ballots: Ballots = field(default_factory=Ballots)
    acts: Sequence[tuple[timedelta, Act]] = ()
    patient: bool = False
    drill: bool = False
    witness: Callable[[AnyEvent], None] = lambda _event: None
    clock_type: type[VirtualClock] = VirtualClock
    clock: VirtualClock = field(init=False)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)

    def __post_init__(self) -> None:
        self.clock = self.clock_type(T0 - _START)
        open_launch(
            self.ledger, LAUNCH, plan=self.plan, plan_hash="hash", plan_path="plans/small.yaml",
            release=Release(version="v2", services={"api": "v2.1.0"}), t0=T0, environment="sandbox", opened_by="ana",
            at=self.clock.now(), wall=self.clock.now(),
        )  # fmt: skip

    def fly(self, *, until: timedelta | None = None) -> None:
        """One process: goes on from the ledger to the end, or to an offset."""
        self.clock = self.clock_type(self.clock.now())
        asyncio.run(self._fly(WitnessedLedger(self.ledger, self.witness), until))

    def fly_and_leave(self) -> Sequence[FlownLaunch]:
        """Flies to the end; returns what a process killed right after each of its records would have left behind.

        That is the ledger, the world and the clock of that moment. All that the process had in mind is not in it.
        """
        self.clock = self.clock_type(self.clock.now())
        left: list[FlownLaunch] = []
        asyncio.run(self._fly(WitnessedLedger(self.ledger, lambda _event: left.append(self._as_left())), None))
        return left

    def _as_left(self) -> FlownLaunch:
        left = copy.copy(self)
        left.clock = self.clock_type(self.clock.now())
        left.ledger, left.outside = copy.deepcopy(self.ledger), copy.deepcopy(self.outside)
        return left

    def stage(self, ledger: Ledger) -> Stage:
        """What the runs of this process stand on."""
        return Stage(
            ledger=ledger, clock=self.clock, wall=self.clock.now, systems=lambda _plan, _place: self.outside.systems,
            people=ScriptedPeople(ledger, self.clock, self.ballots), runs=RunsOfOneProcess(self.clock, STARTERS),
            patient=self.patient,
        )  # fmt: skip

    async def _fly(self, ledger: Ledger, until: timedelta | None) -> None:
        stage = self.stage(ledger)
        with on_stage(stage):
            self.clock.adopt_context()
            for place, (offset, act) in enumerate(self.acts):
                if T0 + offset >= self.clock.now():
                    self.clock.enter(f"act-{place}", T0 + offset, self._acting(act))
            if until is not None:
                self.clock.stop_at(T0 + until)
            if self.drill:
                await stage.runs.schedule(LAUNCH, RunKind.DRILL, T0 - LEAD, key="drill")
            else:
                await schedule_phases(stage, LAUNCH)
            await self.clock.run()

    def _acting(self, act: Act) -> Callable[[], object]:
        async def acting() -> None:
            outcome = act(self)
            if asyncio.iscoroutine(outcome):
                await outcome

        return acting

    def now(self) -> dict[str, datetime]:
        """Keyword arguments of an act of a person at this moment."""
        return {"at": self.clock.now(), "wall": self.clock.now()}

    @property
    def records(self) -> Sequence[Record]:
        return self.ledger.records(LAUNCH)

    @property
    def state(self) -> LaunchState:
        verify_chain(LAUNCH, self.records)
        return fold(self.records)

    def events(self, *kinds: type) -> list:
        """All events of these kinds, oldest first."""
        return [record.event for record in self.records if isinstance(record.event, kinds)]

    def when(self, kind: type, **fields: object) -> list[timedelta]:
        """Offsets from T0 of the events of a kind with these fields."""
        return [
            record.at - T0
            for record in self.records
            if isinstance(record.event, kind) and all(getattr(record.event, key) == one for key, one in fields.items())
        ]
