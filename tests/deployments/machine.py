"""A machine that runs `tminus up` without a worker, and the worker beside it, which a test starts and kills."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.ledger import SqlLedger, open_ledger
from deployments.postgres import PostgresServer
from deployments.up import Settings, environment, worker
from flows.clocks import CompressedClock
from flows.runs import kind_tag, launch_tag
from flows.stage import RunKind
from launch.events import AnyEvent, LaunchClosed, Outcome
from launch.ledger import Record
from launch.plan import FlowPhase
from launch.state import LaunchState, fold
from sandbox.ports import free_port

ROOT = Path(__file__).parents[2]
TMINUS = (sys.executable, "-m", "console.main")
PLAN = ROOT / "tests" / "data" / "watched.yaml"
RELEASE = ROOT / "tests" / "data" / "watched-release.yaml"
SPEED = 120.0
"""Two minutes of the launch are a second: a process that stalls for a second is late by minutes and not by hours."""
_LEAD = timedelta(minutes=32)
_SECONDS_TO_COME_UP = 180.0


def soon(what: Callable[[], object], why: str, seconds: float = 90) -> None:
    """Waits until something is so; fails with the words `why` when it takes too long."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"not after {seconds:.0f} s: {why}"
        time.sleep(0.1)


class Machine:
    """Server, PostgreSQL, sandbox and watchdog as `tminus up` runs them; only the worker is the test's own."""

    def __init__(self, directory: Path) -> None:
        self.settings = Settings(directory / ".tminus", free_port(), SPEED, worker=False)
        self._directory = directory
        self._up: subprocess.Popen[bytes] | None = None
        self._ledger: SqlLedger | None = None
        self._worker: psutil.Popen | None = None

    def start(self) -> None:
        settings = self.settings
        arguments = ("up", "--no-worker", "--speed", str(SPEED), "--port", str(settings.port))
        told = self._directory / "up.log"
        with told.open("wb") as log:
            self._up = subprocess.Popen(
                (*TMINUS, *arguments), cwd=self._directory, env=_environment(), stdout=log, stderr=subprocess.STDOUT
            )
        until = time.monotonic() + _SECONDS_TO_COME_UP
        while not settings.up_file.exists():
            assert self._up.poll() is None, told.read_text()
            assert time.monotonic() < until, told.read_text()
            time.sleep(0.1)
        written = json.loads(settings.up_file.read_text())
        self._ledger = open_ledger(written["ledger"])
        self.warm = psutil.Process(written["pids"]["warm"])

    def stop(self) -> None:
        self.kill_worker()
        if self._up is not None:
            self._up.terminate()
            self._up.wait(60)
        if self._ledger is not None:
            self._ledger.close()

    @property
    def ledger(self) -> SqlLedger:
        """The ledger of everything launched here, once it is up."""
        assert self._ledger is not None
        return self._ledger

    def tminus(self, *arguments: str) -> str:
        """What a command says on standard output, given where this machine is up."""
        told = subprocess.run(
            (*TMINUS, *arguments),
            cwd=self._directory,
            env=_environment(),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return told.stdout.strip()

    def start_worker(self) -> None:
        """Starts the worker, unless it runs."""
        if self._worker is not None:
            return
        postgres = PostgresServer((self.settings.directory / "postgres").resolve())
        with (self.settings.directory / "logs" / "worker.log").open("ab") as log:
            self._worker = psutil.Popen(
                worker().command,
                env=_environment() | environment(self.settings, postgres),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill_worker(self) -> None:
        """What a power cut does to the worker's machine: the worker, every run's process and what they started."""
        if self._worker is None:
            return
        _kill([self._worker, *self._worker.children(recursive=True), *self.run_processes()])
        self._worker = None

    def kill_runs(self) -> None:
        """Ends the processes that run flows, and only those; the worker lives to see it."""
        _kill(self.run_processes())

    def run_processes(self) -> list[psutil.Process]:
        """Every flow run's process is a fork of the warm one."""
        return self.warm.children(recursive=True)

    @contextlib.contextmanager
    def client(self) -> Iterator[SyncPrefectClient]:
        with temporary_settings({PREFECT_API_URL: self.settings.api}), get_client(sync_client=True) as client:
            yield client

    def sandbox_block(self, address: str) -> dict[str, str]:
        """Fields of a block of the sandbox, as its process keeps them beside its ready file."""
        fields: dict[str, str] = json.loads((self.settings.directory / "sandbox-blocks.json").read_text())[address]
        return fields


def _environment() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return clean | {"PYTHONPATH": str(ROOT)}


def _kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


@dataclass
class WatchedLaunch:
    """A launch on a machine: its clock, its ledger, its runs."""

    machine: Machine
    t0: datetime = field(default_factory=lambda: datetime.now(UTC) + _LEAD)
    id: str = ""

    def open(self) -> None:
        self.id = self.machine.tminus("open", str(PLAN), "--t0", self.t0.isoformat(), "--release", str(RELEASE))

    def close(self) -> None:
        """Ends it whatever became of it, so that no run goes on with it beside the next test's launch."""
        if self.id and self.state.outcome is None:
            now = self.clock.now()
            event = LaunchClosed(outcome=Outcome.NO_GO, reason="the test is over")
            self.machine.ledger.append(self.id, event, at=now, wall=datetime.now(UTC))

    @property
    def clock(self) -> CompressedClock:
        """The launch clock, with the hand of the countdown."""
        return CompressedClock(self.machine.ledger, self.id, phase=FlowPhase.COUNTDOWN)

    @property
    def records(self) -> Sequence[Record]:
        return self.machine.ledger.records(self.id)

    @property
    def state(self) -> LaunchState:
        return fold(self.records)

    def events(self, kind: type[AnyEvent]) -> list[AnyEvent]:
        return [record.event for record in self.records if isinstance(record.event, kind)]

    def reaches(self, offset: timedelta, seconds: float = 90) -> None:
        """Waits until the launch clock shows an offset from T0."""
        clock = self.clock
        soon(lambda: clock.now() >= self.t0 + offset, f"the clock shows T0{offset} (it shows {clock.now()})", seconds)

    def hurries_to(self, offset: timedelta, seconds: float = 90) -> None:
        """Turns the clock on while no process of the launch does; an arrival that a dead one planned is gone past."""
        clock, moment = self.clock, self.t0 + offset

        def hurried() -> bool:
            clock.hurry(moment)
            return clock.now() >= moment

        soon(hurried, f"the clock is turned to T0{offset}", seconds)

    def countdown_crashed(self) -> bool:
        """Whether the newest countdown run is known to be dead."""
        state = self.runs(RunKind.COUNTDOWN)[-1].state
        return state is not None and state.is_crashed()

    def running(self) -> list[FlowRun]:
        """Runs of the launch that Prefect takes for running, whatever their kind."""
        running = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING]))
        wanted = FlowRunFilter(tags=FlowRunFilterTags(all_=[launch_tag(self.id)]), state=running)
        with self.machine.client() as client:
            return client.read_flow_runs(flow_run_filter=wanted)

    def runs(self, kind: RunKind) -> list[FlowRun]:
        """Prefect's runs of a kind, oldest first."""
        wanted = FlowRunFilter(tags=FlowRunFilterTags(all_=[launch_tag(self.id), kind_tag(kind)]))
        with self.machine.client() as client:
            return sorted(client.read_flow_runs(flow_run_filter=wanted), key=lambda run: run.created or self.t0)
