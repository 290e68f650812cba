"""What users are exposed to: the state before the first change, the steps of the rollout, their holds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from launch.events.base import Event
from launch.model import Id
from launch.ports import State


class SnapshotTaken(Event):
    """What was there before the first change: by action what its target was, by snapshot item what its probe read.

    Every undo that restores takes its target from here. `missing` names what could not be seen, and why: no change
    begins whose own target is missing.
    """

    volatile = frozenset({"states", "readings", "missing"})

    kind: Literal["snapshot-taken"] = "snapshot-taken"
    states: dict[Id, State] = Field(default_factory=dict)
    readings: dict[Id, dict[str, JsonValue]] = Field(default_factory=dict)
    missing: dict[Id, str] = Field(default_factory=dict)


class ExposureSeen(Event):
    """What really runs, read back from the router, flag service or platform. A step is entered when it first holds."""

    volatile = frozenset({"detail"})

    kind: Literal["exposure-seen"] = "exposure-seen"
    step: int
    percent: float | None = None
    holds: bool
    detail: str = ""


class StepSampled(Event):
    """The guards of the step that is held, at one moment. `clean` if every one was clear; else `why` not."""

    volatile = frozenset({"values", "why"})

    kind: Literal["step-sampled"] = "step-sampled"
    step: int
    clean: bool
    values: dict[Id, float | None] = Field(default_factory=dict)
    why: str = ""


class StepHeld(Event):
    """A step that might have advanced stays at its exposure, and why."""

    kind: Literal["step-held"] = "step-held"
    step: int
    reason: str


class StepAdvanced(Event):
    """A step was left upward: actions of the next one may begin. `by` is a gate, or the conductor."""

    kind: Literal["step-advanced"] = "step-advanced"
    step: int
    by: str
    reason: str


class ExposureHeld(Event):
    """The exposure is held, by a person, the conductor or the watchdog: no step advances, all other work goes on."""

    kind: Literal["exposure-held"] = "exposure-held"
    by: str
    reason: str


class ExposureReleased(Event):
    """The rollout goes on from the exposure it was held at; only a person lets it."""

    kind: Literal["exposure-released"] = "exposure-released"
    by: str
    reason: str = ""
