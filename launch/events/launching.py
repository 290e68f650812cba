"""The life of a launch: opened, its clock and T0, holds, phases, checkpoints, its end."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from launch.events.base import Event
from launch.model import Id
from launch.plan.schedule import FlowPhase
from launch.release import Release
from launch.verdicts import Verdict
from launch.words import Decision, Outcome


class LaunchOpened(Event):
    """The first event: plan and its hash, release, T0, environment."""

    volatile = frozenset({"t0", "plan_text", "opened_by"})

    kind: Literal["launch-opened"] = "launch-opened"
    product: Id
    plan_hash: str
    plan_path: str = ""
    plan_text: str
    release: Release
    t0: datetime
    environment: Id
    opened_by: str


class ClockSet(Event):
    """A compressed clock was anchored: at wall time `wall` the launch clock shows `at` and runs `speed` times fast."""

    volatile = frozenset({"wall", "at", "speed"})

    kind: Literal["clock-set"] = "clock-set"
    wall: datetime
    at: datetime
    speed: float = Field(gt=0)


class T0Slipped(Event):
    """T0 moved; every offset before go-live counts from the new one."""

    volatile = frozenset({"t0"})

    kind: Literal["t0-slipped"] = "t0-slipped"
    t0: datetime
    by: str
    reason: str


class HoldPlaced(Event):
    """The launch is held: no effect begins and no gate opens until it is lifted. Checks and guards go on."""

    kind: Literal["hold-placed"] = "hold-placed"
    by: str
    reason: str


class HoldLifted(Event):
    """The hold is over."""

    kind: Literal["hold-lifted"] = "hold-lifted"
    by: str
    reason: str = ""


class PhaseStarted(Event):
    """A phase began, or a new run took it up (`attempt` above 1)."""

    volatile = frozenset({"run"})

    kind: Literal["phase-started"] = "phase-started"
    phase: FlowPhase
    run: str = ""


class PhaseEnded(Event):
    """A phase ended. GO lets the next one start (STOP rule)."""

    kind: Literal["phase-ended"] = "phase-ended"
    phase: FlowPhase
    decision: Decision
    reason: str = ""


class RunTakenUp(Event):
    """A new run went on where an earlier run of the same phase stopped."""

    volatile = frozenset({"run"})

    kind: Literal["run-taken-up"] = "run-taken-up"
    phase: FlowPhase
    run: str = ""


class WentLive(Event):
    """The product is live for its users; offsets after T0 count from here."""

    kind: Literal["went-live"] = "went-live"


class CheckpointEnded(Event):
    """A checkpoint was held; `missed` names criteria that did not pass."""

    kind: Literal["checkpoint-ended"] = "checkpoint-ended"
    checkpoint: Id
    missed: tuple[Id, ...] = ()


class CriterionMeasured(Event):
    """A success criterion was measured."""

    volatile = frozenset({"sentence"})

    kind: Literal["criterion-measured"] = "criterion-measured"
    criterion: Id
    verdict: Verdict
    sentence: str


class AlarmRaised(Event):
    """The launch was found standing still: a dead run, an overdue moment. Whom it reached are messages of their own."""

    volatile = frozenset({"detail"})

    kind: Literal["alarm-raised"] = "alarm-raised"
    what: str
    detail: str


class LaunchClosed(Event):
    """The last event."""

    kind: Literal["launch-closed"] = "launch-closed"
    outcome: Outcome
    reason: str = ""
