"""One open launch under the watchdog's eyes: what stands still on it is written down, and told until it is heard."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from deployments.mending import SERVER_FAULTS
from flows.alarms import alarm_channels, tell_alarms, untold, write_alarm
from flows.clocks import LaunchClock, clock_of
from flows.reader import Reader
from flows.stage import Stage, WallClock
from launch.errors import LaunchError
from launch.ledger import Ledger
from launch.plan import Plan
from launch.watch import Overdue, Watch

_logger = logging.getLogger("tminus.watchdog")


class Build(Protocol):
    """Makes the stage of a launch on a ledger and a clock."""

    def __call__(self, ledger: Ledger, launch: str, clock: LaunchClock) -> Stage: ...


class Watched:
    """One open launch as the watchdog sees it: its ledger read once, its systems in hand before they are needed."""

    def __init__(self, launch: str, ledger: Ledger, patience: timedelta, wall: WallClock, build: Build) -> None:
        self.launch = launch
        self.reader = Reader(ledger, launch)
        self._watch = Watch(patience)
        self._ledger, self._wall, self._build = ledger, wall, build
        self._systems: dict[str, object] = {}
        self._telling: asyncio.Task[None] | None = None
        self._set_clock()

    @property
    def plan(self) -> Plan:
        """The plan it was opened with."""
        return self.reader.plan

    def refresh(self) -> None:
        """Reads what was written since the last look."""
        anchored = self.reader.state.clock is not None
        self.reader.refresh()
        if anchored != (self.reader.state.clock is not None):
            self._set_clock()

    def note(self, found: Sequence[Overdue]) -> None:
        """Puts on the ledger what has stood still for too long."""
        known = {alarm.what for alarm in self.reader.state.alarms}
        for late in self._watch.look(found, self._wall()):
            if late.what not in known:
                _logger.warning("%s: %s", self.launch, late.detail)
                write_alarm(self.stage, self.launch, late)
        self.refresh()

    def tell(self, form: str, *, reachable: bool) -> None:
        """Begins to tell the alarms that nobody heard yet, beside the looks: a pager that hangs delays none of them."""
        if self._telling is not None and not self._telling.done():
            return
        if untold(self.plan, self.reader.state):
            self._telling = asyncio.create_task(self._tell(form, reachable=reachable))

    async def told(self) -> None:
        """Until nothing is being told. Raises what went wrong in a way that nobody planned for."""
        if self._telling is not None:
            await self._telling

    async def load(self) -> None:
        """Takes the systems that alarms go to in hand, while the server that keeps them answers."""
        if not self._systems:
            await asyncio.to_thread(self._load)

    async def _tell(self, form: str, *, reachable: bool) -> None:
        if reachable:
            # Anew, because what could not be reached may have been put right since.
            await asyncio.to_thread(self._load)
        stage = replace(self.stage, systems=lambda plan, environment: self._systems)  # noqa: ARG005
        try:
            await tell_alarms(stage, self.launch, form)
        except LaunchError as error:
            _logger.warning("%s: %s", self.launch, error)

    def _load(self) -> None:
        """What cannot be loaded stays as it was."""
        for channel in alarm_channels(self.plan):
            name = channel.system or ""
            try:
                system = self.stage.systems(self.plan, self.reader.environment)[name]
            except (KeyError, LaunchError, *SERVER_FAULTS) as error:
                _logger.warning("%s: nobody could be reached on %s: %s", self.launch, channel.id, error)
                continue
            self._systems[name] = system

    def _set_clock(self) -> None:
        self.clock: LaunchClock = clock_of(self._ledger, self.launch, wall=self._wall)
        self.stage = self._build(self._ledger, self.launch, self.clock)
