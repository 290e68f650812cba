"""The watchdog: a small process beside the worker that finds a launch standing still, and pages once.

It trusts nothing but the ledger for what should have happened, and looks at the server's runs and this machine's
processes for who does it. It never advances a launch.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import httpx
import psutil
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import AwaitingRetry, Crashed

from blocks.ledger import SqlLedger
from deployments.definitions import GUARDED
from flows.blocks_stage import build_stage, ledger_from_block
from flows.carrying import carried_phases
from flows.clocks import clock_of, machine_clock
from flows.forms import fields_key
from flows.recover import raise_alarm
from flows.runs import ALL, kind_tag, runs_with
from flows.stage import RunKind
from launch.acts import plan_of
from launch.errors import LaunchError
from launch.events import LaunchOpened
from launch.state import fold
from launch.watch import PATIENCE, Carried, Watch, overdue, way_out

SERVER_FAULTS = (PrefectHTTPStatusError, httpx.HTTPError, OSError)
_LOOK_SECONDS = 5.0
_GONE_AFTER = timedelta(seconds=5)
"""A living worker reports a dead process within a second; what is still unreported then has lost its worker."""
_NEVER_STARTED_AFTER = timedelta(seconds=45)
_logger = logging.getLogger("tminus.watchdog")


class Watchdog:
    """Looks at every open launch and every run under way."""

    def __init__(self, ledger: SqlLedger, patience: timedelta) -> None:
        self._ledger = ledger
        self._patience = patience
        self._watches: dict[str, Watch] = {}
        self._missing: dict[UUID, float] = {}
        self._whole: set[tuple[UUID, str]] = set()

    async def look(self) -> None:
        """One look: mend runs without a process, raise alarms for what nobody does.

        A server that does not answer is no reason not to look at what the ledger alone shows.
        """
        launches = open_launches(self._ledger)
        carried: dict[str, Carried] = {}
        try:
            async with get_client() as client:
                await self._mend(client)
                for launch in launches:
                    clock = clock_of(self._ledger, launch)
                    carried[launch] = await carried_phases(client, launch, clock, _lost_its_process)
        except SERVER_FAULTS as error:
            _logger.warning("the Prefect server does not answer: %s", error)
        for launch in launches:
            await self._watch(launch, carried.get(launch))

    async def _watch(self, launch: str, carried: Carried | None) -> None:
        stage = await asyncio.to_thread(build_stage, launch)
        records = stage.ledger.records(launch)
        plan, state = plan_of(records), fold(records)
        watch = self._watches.setdefault(launch, Watch(self._patience))
        for late in watch.look(overdue(plan, state, stage.clock.now(), carried), machine_clock()):
            _logger.warning("%s: %s", launch, late.detail)
            await raise_alarm(stage, launch, plan, late.what, f"{late.detail}. {way_out(plan, state)}")

    async def _takes_no_answer(self, client: PrefectClient, run: FlowRun) -> bool:
        """Whether a form is suspended without its fields: its process was killed before it could store them."""
        key = fields_key(str(run.state.state_details.pause_key)) if run.state is not None else ""
        if (run.id, key) in self._whole:
            return False
        found = await client.filter_flow_run_input(run.id, key_prefix=key, limit=1, exclude_keys=set())
        if found:
            self._whole.add((run.id, key))
        return not found

    async def _mend(self, client: PrefectClient) -> None:
        runs = await _under_way(client)
        gone = [run for run in runs if _lost_its_process(run)]
        gone += [run for run in await _waiting(client) if await self._takes_no_answer(client, run)]
        self._missing = {run.id: self._missing.get(run.id, time.monotonic()) for run in gone}
        for run in gone:
            if time.monotonic() - self._missing[run.id] < _GONE_AFTER.total_seconds():
                continue
            _logger.warning("%s has lost its process", run.name)
            # Marked crashed, a run that was begun is recovered by the automation; one that was not is handed out again.
            running = run.state is not None and run.state.is_running()
            state: State[object] = Crashed(message="its process is gone") if running else AwaitingRetry()
            await client.set_flow_run_state(run.id, state, force=True)


def open_launches(ledger: SqlLedger) -> list[str]:
    """Ids of the launches that are not over."""
    found = []
    for launch in ledger.launches():
        first = ledger.records(launch)[0].event
        if isinstance(first, LaunchOpened) and ledger.open_launch(first.product) == launch:
            found.append(launch)
    return found


async def _under_way(client: PrefectClient) -> Sequence[FlowRun]:
    return await runs_with(client, [GUARDED], [StateType.PENDING, StateType.RUNNING])


async def _waiting(client: PrefectClient) -> Sequence[FlowRun]:
    ballots, attests = kind_tag(RunKind.BALLOT), kind_tag(RunKind.ATTEST)
    paused = await runs_with(client, [ALL], [StateType.PAUSED])
    return [run for run in paused if {ballots, attests} & set(run.tags)]


def _lost_its_process(run: FlowRun) -> bool:
    """Whether the run's process was on this machine and is gone, or it was handed out long ago and never got one."""
    host, _, pid = (run.infrastructure_pid or "").rpartition(":")
    if pid.isdigit() and host in {"", socket.gethostname()}:
        return not psutil.pid_exists(int(pid))
    began = run.state.timestamp if run.state is not None else None
    pending = run.state is not None and run.state.is_pending()
    return pending and began is not None and machine_clock() - began > _NEVER_STARTED_AFTER


def main() -> int:
    """`python -m deployments.watchdog [SECONDS OF PATIENCE]`: looks every five seconds until it is ended."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    patience = timedelta(seconds=float(sys.argv[1])) if len(sys.argv) > 1 else PATIENCE
    watchdog = Watchdog(ledger_from_block(), patience)
    while True:
        try:
            asyncio.run(watchdog.look())
        except (LaunchError, *SERVER_FAULTS) as error:
            # A server or ledger that does not answer is what this process outlives.
            _logger.warning("cannot look: %s", error)
        time.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
