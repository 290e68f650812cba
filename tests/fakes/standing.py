"""A launch that stands still, with a pager and a chat room in memory that can be told of it."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flows.alarms import tell_alarms, write_alarm
from flows.clocks import LaunchClock, RealClock, machine_clock
from flows.desk import PrefectPeople
from flows.runs import PrefectRuns
from flows.stage import Stage, WallClock
from launch import acts
from launch.events import (
    AnyEvent,
    Decision,
    EffectBegun,
    EffectFinished,
    EffectResult,
    PhaseEnded,
    PhaseStarted,
    WentLive,
)
from launch.ledger import Ledger, Record
from launch.plan import FlowPhase, Plan
from launch.release import Release
from launch.watch import Overdue
from tests.fakes import plans, rollouts
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.systems import Room, outage

FORM = "http://prefect/deployments/deployment/1"
BEGUN: Sequence[AnyEvent] = (
    EffectBegun(action="s1", attempt=1, key="s1/1"),
    EffectFinished(action="s1", attempt=1, result=EffectResult.APPLIED),
)
"""The first step of the rollout was done."""


@dataclass
class Beeper:
    """A pager: incidents by key, so that a repetition is no second one. It answers when `answers` is set."""

    down: bool = False
    incidents: dict[str, str] = field(default_factory=dict)
    answers: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.answers.set()

    def page(self, severity: str, summary: str, *, key: str) -> str:
        self.answers.wait(30)
        if self.down:
            raise outage("beeper", "page")
        self.incidents.setdefault(key, summary)
        return f"beeper://{key}"


def the_plan() -> Plan:
    """10, 30, 50, 100 % behind a flag, and a guard `latency` that stabilization asks every 30 s."""
    system = {"id": "beeper", "integration": "pagerduty", "what": "Pager"}
    beeper = {"id": "beeper", "kind": "paging", "name": "Beeper", "integration": "pagerduty", "system": "beeper"}
    room = {"id": "war-room", "kind": "chat", "name": "#launch", "integration": "slack", "system": "room"}
    systems = [*plans.plan().model_dump(mode="json")["systems"], system]
    channels = [beeper | {"address": "x"}, room | {"address": "launch"}]
    guards = [plans.guard("errors", watched=[]), plans.guard("latency")]
    return rollouts.flag_percentage(systems=systems, comms={"channels": channels}, guards=guards)


@dataclass
class Standing:
    """A launch that was opened in time, on a ledger in memory; T0 is `ahead` of the wall."""

    id: str = "cockpit-1"
    ahead: timedelta = timedelta(minutes=20)
    wall: WallClock = machine_clock
    beeper: Beeper = field(default_factory=Beeper)
    room: Room = field(default_factory=Room)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)

    def __post_init__(self) -> None:
        self.t0 = self.wall() + self.ahead
        self.stage = self.build(self.ledger, self.id, RealClock(self.wall))
        opened = self.t0 - timedelta(days=8)
        acts.open_launch(
            self.ledger, self.id, plan=the_plan(), plan_hash="hash", plan_path="", release=Release(version="v2"),
            t0=self.t0, environment="sandbox", opened_by="ana", at=opened, wall=opened,
        )  # fmt: skip

    def build(self, ledger: Ledger, launch: str, clock: LaunchClock) -> Stage:
        """The stage of the launch."""
        del launch
        runs = PrefectRuns("cockpit", clock)
        return Stage(
            ledger=ledger,
            clock=clock,
            wall=self.wall,
            systems=lambda plan, environment: {"beeper": self.beeper, "room": self.room},
            people=PrefectPeople(ledger, clock, self.wall, runs),
            runs=runs,
        )

    def write(self, *events: AnyEvent) -> None:
        """Appends events of now."""
        for event in events:
            self.ledger.append(self.id, event, at=self.wall(), wall=self.wall())

    def reach(self, phase: FlowPhase) -> None:
        """Every phase before has ended GO, and this one has begun: after T0, the product is live."""
        before = [FlowPhase.HARDENING, FlowPhase.EVE, FlowPhase.COUNTDOWN, FlowPhase.STABILIZATION]
        for one in before[: before.index(phase)]:
            self.write(PhaseStarted(phase=one), PhaseEnded(phase=one, decision=Decision.GO))
        if phase is FlowPhase.STABILIZATION:
            self.write(WentLive())
        self.write(PhaseStarted(phase=phase))

    def alarm(self, what: str = "countdown/process/1", *, unwatched: bool = True) -> None:
        """Raises an alarm, and tells it."""
        write_alarm(self.stage, self.id, Overdue(what=what, detail="countdown has no process", unwatched=unwatched))
        asyncio.run(tell_alarms(self.stage, self.id, FORM))

    def records(self, kind: type[AnyEvent]) -> list[Record]:
        """What was written of a kind."""
        return [record for record in self.ledger.records(self.id) if isinstance(record.event, kind)]


@dataclass
class Wall:
    """A wall clock that a test sets."""

    now: datetime = field(default_factory=machine_clock)

    def __call__(self) -> datetime:
        return self.now
