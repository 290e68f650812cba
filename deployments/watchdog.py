"""The watchdog: a small process beside the worker that finds a launch standing still and tells somebody.

It trusts nothing but the ledger for what should have happened, and looks at the server's runs and this machine's
processes for who does it. It holds exposure where nobody watches, and never advances a launch.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from prefect import get_client

from deployments.mending import SERVER_FAULTS, Mender
from deployments.watched import Build, Watched
from flows.blocks_stage import ledger_from_block, stage_on
from flows.carrying import carried_phases
from flows.clocks import machine_clock
from flows.runs import form_of
from flows.stage import RunKind, WallClock
from launch.errors import LaunchError
from launch.ledger import Ledger
from launch.overdue import Carried, out_of_sight, overdue
from launch.watch import LOOK, PATIENCE

_ANSWER_SECONDS = 4.0
"""Less than from one look to the next: a server that hangs is one that does not answer."""
_logger = logging.getLogger("tminus.watchdog")


class Watchdog:
    """Looks at every open launch and every run under way."""

    def __init__(
        self,
        ledger: Ledger,
        patience: timedelta = PATIENCE,
        *,
        wall: WallClock = machine_clock,
        build: Build = stage_on,
    ) -> None:
        self._ledger = ledger
        self._patience = patience
        self._wall = wall
        self._build = build
        self._watched: dict[str, Watched] = {}
        self._over: set[str] = set()
        self._unseen_since: datetime | None = None
        self._form = ""
        self._mender = Mender(wall)

    async def look(self) -> None:
        """One look: raise alarms for what nobody does, mend runs without a process.

        A server that does not answer is no reason not to look at what the ledger alone shows.
        """
        launches = self._open()
        carried = await self._carried(launches)
        for one in launches:
            now = one.clock.now()
            found = overdue(one.plan, one.reader.state, now, carried.get(one.launch))
            if self._unseen_since is not None:
                found += out_of_sight(one.plan, one.reader.state, now, self._unseen_since)
            one.note(found)
            one.tell(self._form, reachable=self._unseen_since is None)
        if self._unseen_since is None:
            await self._mender.mend()

    async def told(self) -> None:
        """Until every alarm that is being told is told, or was not heard."""
        for one in self._watched.values():
            await one.told()

    def _open(self) -> list[Watched]:
        """The launches that are not over. One that is over stays so, and is not read again."""
        for launch in self._ledger.launches():
            if launch in self._over:
                continue
            if launch not in self._watched:
                self._watched[launch] = Watched(launch, self._ledger, self._patience, self._wall, self._build)
            self._watched[launch].refresh()
            if self._watched[launch].reader.state.outcome is not None:
                self._over.add(launch)
                del self._watched[launch]
        return list(self._watched.values())

    async def _carried(self, launches: Sequence[Watched]) -> Mapping[str, Carried]:
        """By launch, which of its phases have a process; nothing while the server does not answer."""
        carried, lost = {}, self._mender.lost
        try:
            async with asyncio.timeout(_ANSWER_SECONDS), get_client() as client:
                for one in launches:
                    carried[one.launch] = await carried_phases(client, one.launch, one.clock, lost, self._wall)
                self._form = self._form or await form_of(client, RunKind.ROLLBACK)
        except SERVER_FAULTS as error:
            _logger.warning("the Prefect server does not answer: %s", error)
            self._unseen_since = self._unseen_since or self._wall()
            return {}
        self._unseen_since = None
        for one in launches:
            await one.load()
        return carried


async def _keep_looking(watchdog: Watchdog) -> None:
    while True:
        began = time.monotonic()
        try:
            await watchdog.look()
        except LaunchError as error:
            # A ledger that does not answer is what this process outlives.
            _logger.warning("cannot look: %s", error)
        # A look that took its time makes the next one no later.
        await asyncio.sleep(max(LOOK.total_seconds() - (time.monotonic() - began), 0))


def main() -> int:
    """`python -m deployments.watchdog [SECONDS OF PATIENCE]`: looks every five seconds until it is ended."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    patience = timedelta(seconds=float(sys.argv[1])) if len(sys.argv) > 1 else PATIENCE
    asyncio.run(_keep_looking(Watchdog(ledger_from_block(), patience)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
