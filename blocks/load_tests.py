"""Load tests with Locust on the worker's machine (https://docs.locust.io/en/stable/running-without-web-ui.html)."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, TypeAdapter, ValidationError

from blocks import evidence_formats as formats
from blocks import wire
from blocks.evidence_pieces import Unusable
from blocks.supervised import AbsolutePaths, Phase, Run
from blocks.trials import Trials
from launch.effects.base import Effect
from launch.effects.trials import RunLoadTest
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.evidence import LoadTest
from launch.readings import Quantity, Reading

_ENTRIES = TypeAdapter(list[formats.LocustEntry])
# Locust ends users in the middle of a request unless it waits for them.
_STOP_SECONDS = 10
_GRACE = timedelta(minutes=2)
_DETAIL = 256


class LoadTests(Trials, Block):
    """Load tests that a launch may run against one target, and what they found."""

    _block_type_name = "Load Tests"
    _block_type_slug = "load-tests"
    _description = (
        "Locust files that a launch may run against one target, by name. The load comes from the worker's machine: one "
        "core gives some hundred to a few thousand requests a second."
    )
    _documentation_url = HttpUrl("https://docs.locust.io/en/stable/configuration.html")
    needs: ClassVar[str] = "Locust on the worker's machine, and a way from there to the target"
    system_name: ClassVar[str] = "load tests"

    answers: ClassVar[tuple[type[Probe], ...]] = (LoadTest,)
    effects: ClassVar[tuple[type[Effect], ...]] = (RunLoadTest,)

    tests: AbsolutePaths = Field(min_length=1, description="Name in the plan to absolute path of a Locust file.")
    target: str = Field(description="Base URL that is put under load, e.g. https://staging.example.com.")
    locust: str = Field(default="locust", description="Path of Locust, or its name on `path`.")
    processes: int = Field(default=1, ge=1, description="Processes that give the load; one uses one core.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait of the check for the target.")

    def check(self) -> str:
        """Proves that Locust runs, files are there and the target answers; no load. Raises `SystemFaultError`."""
        self.prove_files(self.tests)
        self.prove_records()
        version = self.ask([self.program(self.locust), "--version"], "which Locust", "install Locust on the worker")
        with wire.client(self.target, timeout_seconds=self.timeout_seconds) as client:
            wire.fetch(client, "GET", "/", system=f"the target {self.target}", question="is it there", ok=range(600))
        return f"{' '.join(version.split()[:2])} can try {self.target} with {len(self.tests)} tests"

    def answer(self, probe: LoadTest, occasion: Occasion) -> Reading:
        """The figures of the newest run of this name, when it counts. Raises `SystemFaultError`."""
        values: Mapping[str, Quantity] = {}
        try:
            record, run = self.newest(probe, occasion)
            evidence = self.cut_short(run, probe.name)
            if not evidence:
                values = formats.locust(_entries(record), _users(record), probe.pilot_users)
                evidence = f"run within {probe.not_older_than} before now"
        except Unusable as reason:
            evidence = str(reason)
        where = f'load test "{probe.name}" of {self.target}'
        return Reading(values=dict(values), where=where, at=occasion.now, evidence=evidence[:_DETAIL])

    def observe(self, effect: RunLoadTest, occasion: Occasion) -> Observation:
        """Raises `SystemFaultError`."""
        record = self._record(effect, occasion)
        run = self.look(record, called=effect.test)
        if run.result is None:
            return self._unended(run, effect, record, occasion)
        problem = self.cut_short(run, effect.test)
        values = {} if problem else formats.locust(_entries(record), _users(record), 1)
        if not problem and not values:
            problem = f"{effect.test} ended without a single request"
        detail = problem or f"{effect.test} ended: {_told(values)}"
        standing = Standing.FAILED if problem else Standing.HOLDS
        return Observation(standing=standing, state={"record": record.name}, detail=detail[:_DETAIL])

    def apply(self, effect: RunLoadTest, occasion: Occasion) -> None:
        """Starts the test once per idempotency key; a second call finds the first run and leaves it alone."""
        path = self.file_of(effect.test, self.tests, field="tests")
        record = self._record(effect, occasion)
        seconds = math.ceil(effect.lasting.total_seconds())
        options = {
            "--locustfile": path,
            "--host": self.target,
            "--users": str(effect.users),
            "--spawn-rate": f"{effect.users_per_second:g}",
            "--run-time": f"{seconds}s",
            "--stop-timeout": str(_STOP_SECONDS),
            "--csv": str(record / "load"),
            "--json-file": str(record / "load"),
            "--html": str(record / "report.html"),
            # Failed requests are for the check to judge; Locust would call its whole run failed.
            "--exit-code-on-error": "0",
        }
        if self.processes > 1:
            options["--processes"] = str(self.processes)
        command = [self.program(self.locust), "--headless", "--only-summary", *_words(options)]
        notes = self.begin_note(effect.test, occasion)
        self.begin(record, command, timedelta(seconds=seconds) + _GRACE, called=effect.test, notes=notes)

    def observe_restored(self, effect: RunLoadTest, before: State, occasion: Occasion) -> Observation:  # noqa: ARG002
        """Raises `SystemFaultError`."""
        return self.stopped(before, effect.test)

    def restore(self, effect: RunLoadTest, before: State, occasion: Occasion) -> None:  # noqa: ARG002
        """Raises `SystemFaultError`."""
        self.stop_recorded(before, effect.test)

    def _unended(self, run: Run, effect: RunLoadTest, record: Path, occasion: Occasion) -> Observation:
        seen = self.unended(run, effect.test, record)
        if run.phase is not Phase.RUNNING:
            return seen
        newest = _rows(record)[-1:]
        if newest:
            row = newest[0]
            told = (
                f"{row['User Count']} users, {row['Total Request Count']} requests, {row['Total Failure Count']} failed"
            )
            seen = seen.model_copy(update={"detail": f"{effect.test} runs: {told}"})
        started = self.started(record)
        done = (occasion.now - started) / effect.lasting if started is not None else None
        return seen.model_copy(update={"progress": None if done is None else min(max(done, 0.0), 1.0)})

    def _record(self, effect: RunLoadTest, occasion: Occasion) -> Path:
        return self.record_of(occasion.launch, occasion.key, effect.do, effect.test)


def _words(options: Mapping[str, str]) -> list[str]:
    return [word for option in options.items() for word in option]


def _entries(record: Path) -> list[formats.LocustEntry]:
    """What Locust wrote when it ended; empty where it could not."""
    try:
        return _ENTRIES.validate_json((record / "load.json").read_bytes())
    except (OSError, ValidationError):
        return []


def _rows(record: Path) -> list[dict[str, str]]:
    """The figures of the whole test at each second, so far."""
    try:
        with (record / "load_stats_history.csv").open(newline="") as history:
            return [row for row in csv.DictReader(history) if row.get("Name") == "Aggregated" and row.get("User Count")]
    except FileNotFoundError:
        return []


def _users(record: Path) -> int | None:
    return max((int(row["User Count"]) for row in _rows(record)), default=None)


def _told(values: Mapping[str, Quantity]) -> str:
    said = {name: quantity.value for name, quantity in values.items()}
    return f"{said.get('api_rate', 'no')} requests a minute, P95 {said['latency_p95']} ms, {said['errors']} failed"
