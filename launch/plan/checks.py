"""Checks: questions with a verdict, measured by a probe, attested by a person, or both."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from launch.model import Id, Model, Text
from launch.moments import Duration, Offset
from launch.plan.items import Integration, Item
from launch.probes import Probe
from launch.readings import Scalar


class Mode(StrEnum):
    """Who decides a check."""

    AUTOMATED = "automated"
    ATTESTED = "attested"
    BOTH = "both"


class Comparator(StrEnum):
    """How a measured value is held against the figure. `in` and `around` take `low..high` and `value~tolerance`."""

    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    EQUAL = "=="
    UNEQUAL = "!="
    IN = "in"
    AROUND = "around"


class Threshold(Model):
    """`metric comparator value unit`, with the figure exactly as the runbook prints it."""

    metric: Text
    comparator: Comparator
    value: Scalar
    unit: str = ""
    window: Duration | None = Field(default=None, description="The condition must hold over this window.")
    service: Id | None = Field(
        default=None,
        description="The figure is this service's version; the version of the release takes its place.",
    )
    not_judged: str = Field(default="", description="Why a printed figure is shown but does not decide the verdict.")

    def __str__(self) -> str:
        window = f" for {self.window}" if self.window else ""
        return f"{self.metric} {self.comparator.value} {self.value} {self.unit}".rstrip() + window


class Check(Item):
    """A question with a verdict.

    An automated check needs probes and at least one threshold (printed or implied); an attested check needs the roles
    that may vouch. `offset` is the moment it is asked; `printed` the label in the runbook where it differs.
    """

    phase: Id
    offset: Offset | None = Field(default=None, description="When it is asked; None in a rollback (on trigger).")
    printed: str = ""
    due: Offset | None = Field(default=None, description="Latest moment by which it must have passed, if later.")
    group: str = ""
    what: Text
    mode: Mode
    integration: tuple[Integration, ...] = Field(min_length=1)
    thresholds: tuple[Threshold, ...] = Field(default=(), description="Figures that the runbook prints.")
    implied: tuple[Threshold, ...] = Field(default=(), description="Limits that follow from the wording.")
    probes: tuple[Probe, ...] = Field(default=(), description="Questions whose readings together are judged.")
    attested_by: tuple[Id, ...] = Field(default=(), description="Roles that may vouch for it.")
    command: str = Field(default="", description="The probe command that the runbook gives.")
    action: Id | None = Field(default=None, description="The action whose outcome it verifies; asked after it.")
    gate: Id | None = Field(default=None, description="The gate it feeds, where the runbook names one.")
    blocking: bool = True
    fresh_for: Duration | None = Field(
        default=None,
        description="A verdict older than this is asked again at the gate.",
    )

    @model_validator(mode="after")
    def _decidable(self) -> Self:
        automated = self.mode in {Mode.AUTOMATED, Mode.BOTH}
        if automated and not self.probes:
            message = f"check {self.id!r} is {self.mode.value} but has no probe; add `probes` or make it attested"
            raise ValueError(message)
        if automated and not (self.thresholds or self.implied):
            message = f"check {self.id!r} has no threshold, so nothing could make it fail; add one under `implied`"
            raise ValueError(message)
        if self.mode in {Mode.ATTESTED, Mode.BOTH} and not self.attested_by:
            message = f"check {self.id!r} is {self.mode.value} but names nobody who may vouch; add `attested_by`"
            raise ValueError(message)
        if self.mode is Mode.ATTESTED and self.probes:
            message = f"check {self.id!r} is attested but has probes; its mode would be `both`"
            raise ValueError(message)
        return self

    @property
    def limits(self) -> tuple[Threshold, ...]:
        """Every threshold that decides the verdict, printed ones first."""
        return tuple(limit for limit in (*self.thresholds, *self.implied) if not limit.not_judged)
