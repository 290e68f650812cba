"""Runs that have lost their process, found before the server knows it, and given back to whoever goes on with them."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import httpx
import psutil
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import AwaitingRetry, Crashed

from deployments.definitions import GUARDED
from flows.forms import fields_key
from flows.runs import ALL, kind_tag, runs_with
from flows.stage import RunKind, WallClock

SERVER_FAULTS = (PrefectHTTPStatusError, httpx.HTTPError, OSError, RuntimeError)
"""What a server that is out of reach makes of a call; Prefect's client says it with a bare `RuntimeError`."""
_MEND_SECONDS = 10.0
_GONE_AFTER = timedelta(seconds=5)
"""A living worker reports a dead process within a second; what is still unreported then has lost its worker."""
_NEVER_STARTED_AFTER = timedelta(seconds=45)
_logger = logging.getLogger("tminus.watchdog")


class Mender:
    """Marks runs without a process for what they are. It remembers since when each has been missed."""

    def __init__(self, wall: WallClock) -> None:
        self._wall = wall
        self._missing: dict[UUID, datetime] = {}
        self._whole: set[tuple[UUID, str]] = set()

    async def mend(self) -> None:
        """What has been missed for long enough is handed on: a run that was begun as crashed, a form to be retried."""
        try:
            async with asyncio.timeout(_MEND_SECONDS), get_client() as client:
                await self._mend_with(client)
        except SERVER_FAULTS as error:
            _logger.warning("runs without a process cannot be mended: %s", error)

    async def _mend_with(self, client: PrefectClient) -> None:
        now = self._wall()
        gone = [run for run in await _under_way(client) if self.lost(run)]
        gone += [run for run in await _waiting(client) if await self._takes_no_answer(client, run)]
        self._missing = {run.id: self._missing.get(run.id, now) for run in gone}
        for run in gone:
            if now - self._missing[run.id] < _GONE_AFTER:
                continue
            _logger.warning("%s has lost its process", run.name)
            # Marked crashed, a run that was begun is recovered by the automation; one that was not is handed out again.
            running = run.state is not None and run.state.is_running()
            state: State[object] = Crashed(message="its process is gone") if running else AwaitingRetry()
            await client.set_flow_run_state(run.id, state, force=True)

    def lost(self, run: FlowRun) -> bool:
        """Whether a run that the server takes for one under way has no process."""
        return _lost_its_process(run, self._wall())

    async def _takes_no_answer(self, client: PrefectClient, run: FlowRun) -> bool:
        """Whether a form is suspended without its fields: its process was killed before it could store them."""
        key = fields_key(str(run.state.state_details.pause_key)) if run.state is not None else ""
        if (run.id, key) in self._whole:
            return False
        found = await client.filter_flow_run_input(run.id, key_prefix=key, limit=1, exclude_keys=set())
        if found:
            self._whole.add((run.id, key))
        return not found


async def _under_way(client: PrefectClient) -> Sequence[FlowRun]:
    return await runs_with(client, [GUARDED], [StateType.PENDING, StateType.RUNNING])


async def _waiting(client: PrefectClient) -> Sequence[FlowRun]:
    ballots, attests = kind_tag(RunKind.BALLOT), kind_tag(RunKind.ATTEST)
    paused = await runs_with(client, [ALL], [StateType.PAUSED])
    return [run for run in paused if {ballots, attests} & set(run.tags)]


def _lost_its_process(run: FlowRun, now: datetime) -> bool:
    """Whether the run's process was on this machine and is gone, or it was handed out long ago and never got one."""
    host, _, pid = (run.infrastructure_pid or "").rpartition(":")
    if pid.isdigit() and host in {"", socket.gethostname()}:
        return not psutil.pid_exists(int(pid))
    began = run.state.timestamp if run.state is not None else None
    pending = run.state is not None and run.state.is_pending()
    return pending and began is not None and now - began > _NEVER_STARTED_AFTER
