"""Entries of a rollback's agenda, and what its parts look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from launch.agenda import Due, Memory
from launch.events import Outcome
from launch.plan import Plan, Procedure
from launch.state import LaunchState
from launch.views import RollbackState


@dataclass(frozen=True)
class SkipUndo:
    """Write down that an applied action, or a step, is left as it is: on purpose, impossible, or not let through."""

    action: str
    why: str
    residue: bool


@dataclass(frozen=True)
class Restored:
    """Verification is through; `failed` names checks that did not pass."""

    failed: tuple[str, ...]


@dataclass(frozen=True)
class EndRollback:
    """The rollback is over."""

    outcome: Outcome
    residue: tuple[str, ...]


RollbackDue = Due | SkipUndo | Restored | EndRollback


@dataclass(frozen=True)
class RollbackAgenda:
    """As `Agenda`, for a rollback. `waiting`: somebody is asked, whose answer may come before the next moment."""

    due: tuple[RollbackDue, ...]
    next: datetime | None = None
    waiting: bool = False


@dataclass(frozen=True)
class RollbackLook:
    """One look at a rollback that was claimed and has not ended. Later moments that anything meets go to `future`."""

    plan: Plan
    state: LaunchState
    rollback: RollbackState
    procedure: Procedure
    now: datetime
    memory: Memory
    future: list[datetime] = field(default_factory=list)
