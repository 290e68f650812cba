"""What was seen of the product, and what it set off."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from launch.events.base import Event
from launch.model import Id
from launch.words import GuardState


class GuardChanged(Event):
    """A guard changed its state; the newest sample and the query moved it."""

    kind: Literal["guard-changed"] = "guard-changed"
    guard: Id
    state: GuardState
    value: float | None = None
    since: datetime | None = None
    query: str = ""

    volatile = frozenset({"since"})


class MetricsSeen(Event):
    """Values of guards at one moment, for status lines and the report."""

    kind: Literal["metrics-seen"] = "metrics-seen"
    values: dict[str, float | None]


class TriggerFired(Event):
    """A rollback trigger's condition holds."""

    kind: Literal["trigger-fired"] = "trigger-fired"
    trigger: Id
    because: str
