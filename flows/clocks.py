"""The two clocks of a launch that really runs. Wall time enters here, and nowhere else below the deployments."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from flows.reader import Reader
from flows.stage import WallClock
from launch.events import ClockSet
from launch.ledger import ConflictError, Ledger
from launch.pace import Pace, drives, hurry_to
from launch.plan import FlowPhase
from launch.ports import Clock

SLICE = timedelta(seconds=2)
"""Longest sleep: the ledger is looked at again after it, for a hold, a ballot or a slip."""
PATIENCE = timedelta(minutes=2)
"""Longest wall time that a process is kept for waiting; starting one again costs 4 to 9 seconds."""
_BRIEF = timedelta(seconds=3)
_TRIES = 20

Sleep = Callable[[float], Awaitable[None]]


class LaunchClock(Clock, Protocol):
    """A launch clock that also knows the wall: what schedules Prefect runs converts with it."""

    def comes(self, moment: datetime) -> datetime:
        """The wall instant at which this clock shows a moment as it runs now; never in the past."""

    def soonest(self, moment: datetime) -> datetime:
        """The earliest wall instant at which this clock could show a moment; never in the past."""

    def showed(self, wall: datetime) -> datetime:
        """The moment that this clock showed at a wall instant of the past."""


def machine_clock() -> datetime:
    """The machine's clock, aware UTC."""
    return datetime.now(UTC)


class RealClock:
    """The launch clock is the wall clock."""

    def __init__(self, wall: WallClock = machine_clock, sleep: Sleep = asyncio.sleep) -> None:
        self._wall = wall
        self._sleep = sleep

    def now(self) -> datetime:
        """The wall instant."""
        return self._wall()

    async def until(self, moment: datetime) -> None:
        """Sleeps one slice, or less where the moment is nearer."""
        await self._sleep(_seconds(min(moment - self._wall(), SLICE)))

    def holds_process(self, moment: datetime) -> bool:
        """Up to two minutes."""
        return moment - self._wall() <= PATIENCE

    def comes(self, moment: datetime) -> datetime:
        """The moment itself, or now."""
        return max(moment, self._wall())

    def soonest(self, moment: datetime) -> datetime:
        """The moment itself, or now."""
        return self.comes(moment)

    def showed(self, wall: datetime) -> datetime:
        """The instant itself."""
        return wall


class CompressedClock:
    """A launch clock that runs fast while nothing happens: anchored by `ClockSet` events, equal in every process.

    It keeps natural speed while a gate is open and where another run begins, so that persons and processes keep up.
    `phase` is that of the run this clock serves: only the phase under way sets the clock, the others live with it.
    """

    def __init__(
        self,
        ledger: Ledger,
        launch: str,
        *,
        phase: FlowPhase | None = None,
        wall: WallClock = machine_clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._ledger = ledger
        self._launch = launch
        self._phase = phase
        self._wall = wall
        self._sleep = sleep
        self._others = 0
        self._pace = Pace()
        self._seen = 0
        self._view: Reader | None = None

    def now(self) -> datetime:
        """The moment that the newest anchors show."""
        self._refresh()
        return self._pace.shows(self._wall())

    async def until(self, moment: datetime) -> None:
        """Lets the clock run fast; returns at the moment, or when somebody wrote: at natural speed again either way."""
        self._refresh()
        heard = self._others
        while self.now() < moment:
            # Again after every slice: what keeps natural speed now (a gate, a stop) is over some time.
            self.hurry(moment)
            wall = self._wall()
            await self._sleep(_seconds(min(self._pace.comes(moment, wall) - wall, SLICE)))
            self._refresh()
            if self._others != heard:
                self._slow_down()
                return

    def holds_process(self, moment: datetime) -> bool:
        """Whether the wait is two wall minutes or less; if not, the clock is left running fast towards the moment."""
        self._refresh()
        wall = self._wall()
        if self._pace.soonest(moment, wall) - wall <= PATIENCE:
            return True
        self.hurry(moment)
        return False

    def comes(self, moment: datetime) -> datetime:
        """The wall instant of a moment by the anchors in force."""
        self._refresh()
        return self._pace.comes(moment, self._wall())

    def soonest(self, moment: datetime) -> datetime:
        """The wall instant of a moment if all of the way is idle."""
        self._refresh()
        return self._pace.soonest(moment, self._wall())

    def showed(self, wall: datetime) -> datetime:
        """The moment by the anchors that were in force at a wall instant."""
        self._refresh()
        return self._pace.shows(wall)

    def pace(self, speed: float) -> None:
        """Sets the speed from now on, without a jump. Nothing is written where it runs so already."""
        for _ in range(_TRIES):
            self._refresh()
            wall = self._wall()
            if self._pace.speed(wall) == speed and self._pace.arrival(wall) is None:
                return
            if self._set(ClockSet(wall=wall, at=self._pace.shows(wall), speed=speed), wall):
                return

    def _slow_down(self) -> None:
        if drives(self._look().state, self._phase):
            self.pace(1.0)

    def hurry(self, wanted: datetime) -> None:
        """Fast until `wanted` or the first stop before it, then natural. Leaves an earlier arrival in force."""
        for _ in range(_TRIES):
            self._refresh()
            wall = self._wall()
            now = self._pace.shows(wall)
            view = self._look()
            if not drives(view.state, self._phase):
                return
            target = hurry_to(view.plan, view.state, now, wanted)
            if target is None:
                self.pace(1.0)
                return
            planned = self._pace.arrival(wall)
            if target - now <= _BRIEF or (planned is not None and planned <= target):
                return
            fast = ClockSet(wall=wall, at=now, speed=self._pace.fastest)
            arrival = wall + (target - now) / self._pace.fastest
            if self._set(fast, wall) and self._set(ClockSet(wall=arrival, at=target, speed=1.0), wall):
                return

    def _look(self) -> Reader:
        if self._view is None:
            self._view = Reader(self._ledger, self._launch)
        self._view.refresh()
        return self._view

    def _set(self, event: ClockSet, wall: datetime) -> bool:
        try:
            self._ledger.append(self._launch, event, at=self._pace.shows(wall), wall=wall, expected=self._seen)
        except ConflictError:
            return False
        self._refresh()
        return True

    def _refresh(self) -> None:
        for record in self._ledger.records(self._launch, after=self._seen):
            self._seen = record.sequence
            if isinstance(record.event, ClockSet):
                self._pace.take(record.event)
            else:
                self._others += 1


def start_compressed(ledger: Ledger, launch: str, speed: float, wall: datetime) -> None:
    """Gives a launch that was just opened a compressed clock: natural speed now, `speed` while nothing happens."""
    ledger.append(launch, ClockSet(wall=wall, at=wall, speed=speed), at=wall, wall=wall)
    ledger.append(launch, ClockSet(wall=wall, at=wall, speed=1.0), at=wall, wall=wall)


def clock_of(
    ledger: Ledger, launch: str, phase: FlowPhase | None = None, *, wall: WallClock = machine_clock
) -> RealClock | CompressedClock:
    """The clock a run of this phase has: compressed if the launch's ledger holds an anchor, else the machine's."""
    anchored = any(isinstance(record.event, ClockSet) for record in ledger.records(launch))
    return CompressedClock(ledger, launch, phase=phase, wall=wall) if anchored else RealClock(wall)


def _seconds(span: timedelta) -> float:
    return max(span.total_seconds(), 0.0)
