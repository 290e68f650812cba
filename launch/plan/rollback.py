"""Rollback: what sets it off, who may decide it, and the procedure that takes the launch back."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from launch.model import Id, Model, Text
from launch.moments import Duration, Offset
from launch.plan.items import Item


class Tier(StrEnum):
    """How a rollback is decided: at once, within a decision window, or after an evaluation."""

    IMMEDIATE = "immediate"
    URGENT = "urgent"
    CONDITIONAL = "conditional"


class Trigger(Item):
    """What sets off a rollback.

    With `automatic` the rollback starts when one of `guards` fires or one of `checks` fails; otherwise `decided_at`
    names the gate that opens, whose NO-GO is the rollback. A trigger with neither can only be pulled by a person.
    """

    tier: Tier
    printed_tier: str = ""
    condition: Text
    decision_window: Duration | None = None
    window_note: str = ""
    guards: tuple[Id, ...] = ()
    checks: tuple[Id, ...] = ()
    automatic: bool = False
    decided_at: Id | None = None
    procedure: Id | None = Field(default=None, description="Which procedure runs; None for the plan's first.")

    @model_validator(mode="after")
    def _decided(self) -> Self:
        if self.automatic and self.decided_at:
            message = f"trigger {self.id!r} is automatic, so no gate decides it; drop `decided_at` or `automatic`"
            raise ValueError(message)
        return self


class Authority(Model):
    """Who may decide a rollback of a tier, who carries it out and who verifies it."""

    tier: Text = Field(description="A tier, or `all`.")
    who: tuple[Id, ...]
    quorum: str = ""
    count: int = Field(default=1, ge=0, description="How many of `who` must agree; 0 for an automatic decision.")
    executor: tuple[Id, ...] = ()
    verifier: tuple[Id, ...] = ()
    source: tuple[str, ...] = ()


class ViabilityWindow(Model):
    """For how long a rollback stays possible, and with what care."""

    start: Offset
    end: Offset | None = None
    what: Text
    source: tuple[str, ...] = ()


class RollbackStep(Model):
    """One step of a procedure: actions that undo, or (without actions) verification."""

    n: int = Field(ge=1)
    what: Text
    duration: Duration | None = None
    duration_note: str = ""
    actions: tuple[Id, ...] = ()
    source: tuple[str, ...] = ()


class Order(StrEnum):
    """In which order effects are undone."""

    REVERSE_DEPENDENCY = "reverse-dependency"
    AS_PRINTED = "as-printed"


class Procedure(Item):
    """How a launch is taken back. Only what the ledger says was done is undone."""

    title: Text
    total_target: str = ""
    restore_within: Duration | None = Field(default=None, description="Budget until service is restored.")
    complete_within: Duration | None = Field(default=None, description="Budget until communication is complete.")
    order: Order = Order.REVERSE_DEPENDENCY
    prerequisites: tuple[str, ...] = ()
    steps: tuple[RollbackStep, ...]
    verification: tuple[Id, ...] = ()


class Rollback(Model):
    """Triggers, authority, windows and procedures."""

    triggers: tuple[Trigger, ...] = ()
    authority: tuple[Authority, ...] = ()
    window: tuple[ViabilityWindow, ...] = ()
    procedures: tuple[Procedure, ...] = ()
