"""What was seen of the product, and what it set off."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from launch.events.base import Event
from launch.model import Id
from launch.plan.rollback import Tier
from launch.words import GuardState


class GuardChanged(Event):
    """A guard changed its state. `value` is the newest one, of instant `sampled_at`; `query` was answered with it.

    `against` is the baseline it was held against; `detail` says what else decided (windows, test, effect size).
    """

    volatile = frozenset({"since", "sampled_at", "against", "detail"})

    kind: Literal["guard-changed"] = "guard-changed"
    guard: Id
    state: GuardState
    value: float | None = None
    since: datetime | None = None
    sampled_at: datetime | None = None
    against: float | None = None
    detail: str = ""
    query: str = ""


class BaselineRecorded(Event):
    """What a guard's earlier window held; it is asked once, so that later values are held against the same figure."""

    volatile = frozenset({"value", "samples"})

    kind: Literal["baseline-recorded"] = "baseline-recorded"
    guard: Id
    value: float
    samples: int
    query: str = ""


class RangeUnanswered(Event):
    """A guard fires where its metric has no response in the plan: people are asked. Over when it stops firing."""

    kind: Literal["range-unanswered"] = "range-unanswered"
    range: str
    guard: Id
    value: float | None = None


class MetricsSeen(Event):
    """Values of guards at one moment, for status lines and the report."""

    kind: Literal["metrics-seen"] = "metrics-seen"
    values: dict[str, float | None]


class TriggerFired(Event):
    """A rollback trigger's condition holds: measured, or reported `by` a person."""

    kind: Literal["trigger-fired"] = "trigger-fired"
    trigger: Id
    because: str
    by: str = ""


class TriggerCleared(Event):
    """A trigger that was being evaluated is over: its condition does not hold any more, and nobody had decided."""

    kind: Literal["trigger-cleared"] = "trigger-cleared"
    trigger: Id
    because: str


class TriggerPromoted(Event):
    """An undecided trigger became one of a graver tier."""

    kind: Literal["trigger-promoted"] = "trigger-promoted"
    trigger: Id
    tier: Tier
    because: str
