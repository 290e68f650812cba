"""Actions: effects on the outside world, when they happen, what they wait for and how they are undone."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from launch.effects import Effect
from launch.model import Id, Model, Text
from launch.moments import Duration, Offset
from launch.plan.items import Integration, Item

_WORDS = frozenset(
    {
        Integration.CONFERENCE,
        Integration.DOCS,
        Integration.EMAIL,
        Integration.PAGERDUTY,
        Integration.PEOPLE,
        Integration.SLACK,
        Integration.SOCIAL,
        Integration.STATUSPAGE,
        Integration.TICKETING,
    },
)


class ActionRole(StrEnum):
    """What an action is to the launch. Only `changes` make a NO-GO or a failure call for a rollback."""

    PREPARES = "prepares"
    CHANGES = "changes"
    ANNOUNCES = "announces"
    UNDOES = "undoes"
    ALTERNATIVE = "alternative"


class UndoKind(StrEnum):
    """How an applied action is treated by a rollback."""

    BY_ACTION = "by-action"
    RESTORE = "restore"
    KEEP = "keep"
    IMPOSSIBLE = "impossible"


class Undo(Model):
    """How this action is taken back.

    `by-action` names the action that does it; `restore` puts the recorded state back; `keep` leaves it on purpose
    (a backup); `impossible` is residue, named with `because` and what to do instead.
    """

    how: UndoKind
    action: Id | None = None
    because: str = ""
    on_no_go: bool = Field(default=False, description="Also taken back when a gate ends NO-GO (a queued mail).")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.how is UndoKind.BY_ACTION) != (self.action is not None):
            message = "`undo.action` goes with `how: by-action`, and only with it"
            raise ValueError(message)
        if self.how in {UndoKind.KEEP, UndoKind.IMPOSSIBLE} and not self.because:
            message = f"`undo.how: {self.how.value}` needs `because`"
            raise ValueError(message)
        return self


class Action(Item):
    """An effect stated as a desired state: observed, applied, verified, undone.

    `after` lists actions that must have succeeded before this one begins; a rollback undoes in the reverse of that
    order. `attempts` bounds how often a failed apply is tried; `within` bounds the wait for its completion.
    """

    phase: Id
    offset: Offset | None = Field(default=None, description="When it begins; None on a trigger.")
    printed: str = ""
    what: Text
    command: str = Field(default="", description="The command that the runbook gives.")
    integration: tuple[Integration, ...] = Field(min_length=1)
    role: ActionRole
    effect: Effect
    after: tuple[Id, ...] = ()
    duration: Duration | None = None
    duration_note: str = Field(default="", description="How the runbook prints the duration, where it is not a figure.")
    within: Duration = Field(default=timedelta(minutes=10), description="Longest wait for completion, then it failed.")
    poll: Duration = Field(default=timedelta(seconds=10), description="How often completion is looked at.")
    attempts: int = Field(default=2, ge=1, le=10)
    undo: Undo
    service: Id | None = Field(
        default=None,
        description="The service it changes: it then waits for the changes of the services and groups before that one.",
    )
    approval: Id | None = Field(
        default=None,
        description="Gate without offset that opens when all else is ready; it begins only after its GO.",
    )
    while_clear: tuple[Id, ...] = Field(
        default=(),
        description="Guards that must be clear when it begins (a clean-up that takes away the way back).",
    )
    alternative_to: tuple[Id, ...] = Field(
        default=(),
        description="Actions that this one could replace; not run itself.",
    )

    @property
    def speaks(self) -> bool:
        """Whether it only tells people something: then nothing else waits for it."""
        return all(integration in _WORDS for integration in self.integration)

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if (self.role is ActionRole.ALTERNATIVE) != bool(self.alternative_to):
            message = f"action {self.id!r}: `alternative_to` goes with `role: alternative`, and only with it"
            raise ValueError(message)
        return self
