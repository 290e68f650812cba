"""A rollback, from its claim to its end."""

from __future__ import annotations

from typing import Literal

from launch.events.base import Event
from launch.model import Id
from launch.words import Outcome


class RollbackClaimed(Event):
    """A run took the rollback upon itself."""

    volatile = frozenset({"run"})

    kind: Literal["rollback-claimed"] = "rollback-claimed"
    trigger: str
    tier: str
    by: str
    procedure: str = ""
    reason: str = ""
    run: str = ""


class UndoSkipped(Event):
    """Nothing was undone for this action, and why (kept on purpose, impossible, never applied)."""

    kind: Literal["undo-skipped"] = "undo-skipped"
    action: Id
    why: str
    residue: bool


class ServiceRestored(Event):
    """The rollback's verification is through: service is what it was before, or `failed` names what is not."""

    kind: Literal["service-restored"] = "service-restored"
    failed: tuple[Id, ...] = ()


class RollbackEnded(Event):
    """The rollback is over, with exactly what could not be undone."""

    kind: Literal["rollback-ended"] = "rollback-ended"
    outcome: Outcome
    residue: tuple[str, ...] = ()
