"""Rollback: what sets it off, who may decide it, and the procedure that takes the launch back."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from launch.model import Id, Model, Text
from launch.moments import Duration, Offset
from launch.plan.items import Item
from launch.probes import Probe


class Tier(StrEnum):
    """How a rollback is decided: at once, within a decision window, or after an evaluation."""

    IMMEDIATE = "immediate"
    URGENT = "urgent"
    CONDITIONAL = "conditional"


class Trigger(Item):
    """What sets off a rollback.

    It fires when one of `guards` fires, one of `checks` fails, or a person reports it. With `automatic`, a decision
    window of nothing, or an authority of its tier that counts nobody, a measured one starts the rollback (after its
    `evaluation`); otherwise a gate opens, `decided_at` or that of the authority, whose NO-GO is the rollback. A trigger
    with neither can only be pulled by a person who may decide its tier alone.
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
    evaluation: Duration | None = Field(
        default=None,
        description="How long a conditional trigger is watched before anybody decides; if it clears, it is over.",
    )
    procedure: Id | None = Field(default=None, description="Which procedure runs; None for the plan's first.")
    only_noted: bool = Field(
        default=False,
        description="The runbook says that this is no reason to go back: it is written down and decided by nobody.",
    )

    @model_validator(mode="after")
    def _decided(self) -> Self:
        if self.automatic and self.decided_at:
            message = f"trigger {self.id!r} is automatic, so no gate decides it; drop `decided_at` or `automatic`"
            raise ValueError(message)
        if self.only_noted and (self.automatic or self.decided_at):
            message = f"trigger {self.id!r} is only noted, so nothing decides it; drop `decided_at` and `automatic`"
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
    gate: Id | None = Field(default=None, description="Where triggers of this tier are decided that name no gate.")
    source: tuple[str, ...] = ()


class Promotion(Item):
    """When an undecided trigger of one tier becomes one of a graver tier: after a time, or while a guard fires."""

    of: Tier
    to: Tier
    after: Duration | None = None
    guard: Id | None = None

    @model_validator(mode="after")
    def _graver(self) -> Self:
        tiers = list(Tier)
        if tiers.index(self.to) >= tiers.index(self.of):
            message = f"promotion {self.id!r} must lead to a graver tier than {self.of.value!r}"
            raise ValueError(message)
        if (self.after is None) == (self.guard is None):
            message = f"promotion {self.id!r} needs `after` or `guard`, one of them"
            raise ValueError(message)
        return self


class ViabilityWindow(Model):
    """For how long a rollback stays possible, and with what care.

    A rollback claimed in this stretch first needs the GO of `approval` and the `checks` (backup age, schema) before
    anything but kill switches and words; without them it is refused, and what is applied stays, named as residue.
    """

    start: Offset
    end: Offset | None = None
    what: Text
    approval: Id | None = Field(default=None, description="Gate without offset, of a rollback phase.")
    checks: tuple[Id, ...] = ()
    source: tuple[str, ...] = ()


class RollbackStep(Model):
    """One step of a procedure: actions that undo, or (without actions) verification.

    What `requires` or `approval` does not let through is left as it is and named as residue; the other steps go on.
    """

    n: int = Field(ge=1)
    what: Text
    duration: Duration | None = None
    duration_note: str = ""
    actions: tuple[Id, ...] = ()
    kill_switch: bool = Field(default=False, description="Its actions come before everything and wait for nothing.")
    hold: Duration | None = Field(
        default=None,
        description="How long the steps before must have stood before its actions begin (a gradual way down).",
    )
    requires: tuple[Id, ...] = Field(default=(), description="Checks that must pass before its actions begin.")
    takes_back: tuple[Id, ...] = Field(
        default=(),
        description="Applied actions that its last action takes back here, whatever their own `undo` says.",
    )
    approval: Id | None = Field(
        default=None,
        description="Point of no return: gate without offset, of a rollback phase, that must say GO first.",
    )
    source: tuple[str, ...] = ()


class Order(StrEnum):
    """In which order effects are undone."""

    REVERSE_DEPENDENCY = "reverse-dependency"
    AS_PRINTED = "as-printed"


class ProcedureKind(StrEnum):
    """How much a procedure takes back."""

    FULL = "full"
    FLAGS_ONLY = "flags-only"
    """Kill switches alone: what else was applied stays on purpose."""


class Procedure(Item):
    """How a launch is taken back. Only what the ledger says was done is undone."""

    title: Text
    total_target: str = ""
    restore_within: Duration | None = Field(default=None, description="Budget until service is restored.")
    complete_within: Duration | None = Field(default=None, description="Budget until communication is complete.")
    lose_within: Duration | None = Field(default=None, description="How much of the newest data it may cost (RPO).")
    order: Order = Order.REVERSE_DEPENDENCY
    prerequisites: tuple[str, ...] = ()
    steps: tuple[RollbackStep, ...]
    verification: tuple[Id, ...] = ()
    kind: ProcedureKind = ProcedureKind.FULL
    healthier: tuple[Id, ...] = Field(
        default=(),
        description="Checks of the target that is gone back to; if one does not pass, `if_sicker` is asked first.",
    )
    if_sicker: Id | None = Field(default=None, description="Gate without offset, of a rollback phase.")


class Snapshot(Item):
    """Something recorded before the first change, besides what every changing action observes of its own target."""

    what: Text
    probe: Probe
    recovery_point: str = Field(
        default="",
        description="Metric of the probe that says how old the newest point is that data can be brought back to.",
    )


class Rollback(Model):
    """Triggers, authority, promotions, windows, procedures, and what is recorded before the first change."""

    triggers: tuple[Trigger, ...] = ()
    authority: tuple[Authority, ...] = ()
    promotions: tuple[Promotion, ...] = ()
    window: tuple[ViabilityWindow, ...] = ()
    procedures: tuple[Procedure, ...] = ()
    snapshot: tuple[Snapshot, ...] = ()
