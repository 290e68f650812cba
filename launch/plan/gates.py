"""Gates: criteria and seats, and what each outcome leads to."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from launch.model import Id, Model, Text
from launch.moments import Duration, Offset
from launch.plan.items import Item


class GateStyle(StrEnum):
    """Who decides: people, metrics alone, or people once the metrics agree."""

    APPROVAL = "approval"
    AUTOMATIC = "automatic"
    MIXED = "mixed"


class DeadlineOutcome(StrEnum):
    """What an undecided gate becomes at its deadline. GO is not among them."""

    NO_GO = "no-go"
    HOLD = "hold"
    EXTEND = "extend"


class OnNoGo(StrEnum):
    """What a NO-GO leads to."""

    STOP = "stop"
    HOLD = "hold"
    ROLLBACK = "rollback"


class Seat(Model):
    """A place at a gate for a role. `signs` marks the seat whose GO is indispensable and may override a NO-GO."""

    role: Id
    count: int = Field(default=1, ge=1)
    signs: bool = False
    overrides: bool = Field(default=False, description="This seat's later GO with a reason overrides others' NO-GO.")


class Criterion(Model):
    """What must hold: in words, and by ids of the checks that show it (`all_before`: every blocking check so far)."""

    what: Text
    checks: tuple[Id, ...] = ()
    all_before: bool = False
    actions: tuple[Id, ...] = ()


class Gate(Item):
    """A go/no-go decision. `offset` None opens on a trigger. `window` runs from opening to the deadline."""

    name: Text
    phase: Id
    offset: Offset | None = None
    printed: str = ""
    window: Duration = Field(default=timedelta(minutes=15), description="From opening to the deadline.")
    window_note: str = ""
    style: GateStyle
    attendees: tuple[Id, ...] = ()
    seats: tuple[Seat, ...] = ()
    quorum: str = Field(default="", description="The rule in the runbook's words.")
    criteria: tuple[Criterion, ...] = ()
    on_no_go: OnNoGo
    on_no_go_note: str = ""
    at_deadline: DeadlineOutcome
    extend_by: Duration | None = None
    extensions: int = Field(default=0, ge=0, le=10)

    @model_validator(mode="after")
    def _decidable(self) -> Self:
        if self.style is not GateStyle.AUTOMATIC and not self.seats:
            message = f"gate {self.id!r} asks people but has no seat"
            raise ValueError(message)
        if (self.at_deadline is DeadlineOutcome.EXTEND) != (self.extend_by is not None and self.extensions > 0):
            message = (
                f"gate {self.id!r}: `at_deadline: extend` goes with `extend_by` and `extensions`, and only with them"
            )
            raise ValueError(message)
        return self
