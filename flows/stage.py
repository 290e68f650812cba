"""What a flow stands on: the ledger, the clock, the systems, people and other runs.

A flow receives the id of a launch and nothing live. The stage is built from Prefect blocks by default; a rehearsal sets
its own (virtual clock, ballots from a file) for the flows it calls in its own process. Same flows, same conductor.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from launch.ledger import Ledger
from launch.plan import Check, Gate, Plan
from launch.ports import Clock, Systems


class RunKind(StrEnum):
    """The deployments of a launch; values are the flows' names."""

    OPEN = "open-launch"
    HARDENING = "hardening"
    EVE = "eve"
    COUNTDOWN = "countdown"
    STABILIZATION = "stabilization"
    REVIEW = "review"
    ROLLBACK = "roll-back"
    CHECKPOINT = "checkpoint"
    BALLOT = "ballot"
    ATTEST = "attest"
    WAKE = "wake"
    RECOVER = "recover"
    OPEN_DRILL = "open-drill"
    DRILL = "drill"


class People(Protocol):
    """How persons are asked. Their answers are events of the ledger; nothing is returned here."""

    async def ask_for_ballots(
        self,
        launch: str,
        plan: Plan,
        gate: Gate,
        opening: int,
        deadline: datetime,
    ) -> Sequence[str]:
        """Gives every seat of an open gate its own form; returns the links. Asking twice makes no second form."""

    async def ask_for_attestations(self, launch: str, plan: Plan, checks: Sequence[Check]) -> Sequence[str]:
        """Gives the roles that may vouch a form for these checks; returns the links. Idempotent."""

    async def wait_for_gate(self, launch: str, gate: Gate, opening: int, until: datetime) -> None:
        """Waits until the gate is decided or `until`, or returns sooner; may not return but end this run's process."""

    async def put_forms_away(self, launch: str, gate: Gate, opening: int) -> None:
        """Takes away the ballot forms of a gate that has decided. Idempotent."""


class Runs(Protocol):
    """Other flow runs of a launch, scheduled by moment on the launch clock."""

    async def schedule(self, launch: str, kind: RunKind, at: datetime, *, key: str, subject: str = "") -> str:
        """Schedules a run (once per `key`); `subject` is a checkpoint id where the kind needs one. Returns its id."""

    async def wake(self, launch: str, kind: RunKind) -> None:
        """Lets the waiting run of a kind go on now: resumes it if suspended, brings it forward if scheduled."""

    async def cancel(self, launch: str, kinds: Sequence[RunKind]) -> None:
        """Cancels the runs of these kinds that have not begun."""

    async def alive(self, run: str) -> bool:
        """Whether a run is pending, running or waiting (not finished, failed, crashed or cancelled)."""

    def current(self) -> str:
        """Id of the flow run this code is in; "" outside."""


class SystemsOf(Protocol):
    """Loads a plan's systems in one environment, by block address. Raises `PlanError` naming a missing block."""

    def __call__(self, plan: Plan, environment: str) -> Systems: ...


class WallClock(Protocol):
    """The instant by the machine's own clock, aware UTC: only for time stamps that say when something was written."""

    def __call__(self) -> datetime: ...


@dataclass(frozen=True)
class Stage:
    """Everything a conductor needs from outside."""

    ledger: Ledger
    clock: Clock
    wall: WallClock
    systems: SystemsOf
    people: People
    runs: Runs
    patient: bool = True
    """Whether to wait between tries of a question; a rehearsal's clock stands still meanwhile, so it does not."""


_stage: ContextVar[Stage | None] = ContextVar("stage", default=None)


def staged() -> Stage | None:
    """The stage that a rehearsal or a test has set, if any."""
    return _stage.get()


@contextlib.contextmanager
def on_stage(stage: Stage) -> Iterator[Stage]:
    """Flows called inside use this stage."""
    token = _stage.set(stage)
    try:
        yield stage
    finally:
        _stage.reset(token)
