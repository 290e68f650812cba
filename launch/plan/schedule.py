"""When: T0, the phases and the printed timeline."""

from __future__ import annotations

from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from launch.model import Id, Model, Text
from launch.moments import Duration, Offset
from launch.plan.items import Item


class FlowPhase(StrEnum):
    """The phases of every launch; a runbook's own stages map onto these."""

    HARDENING = "hardening"
    EVE = "eve"
    COUNTDOWN = "countdown"
    STABILIZATION = "stabilization"
    REVIEW = "review"
    ROLLBACK = "rollback"


class Anchor(Model):
    """A printed label and the moment it means."""

    label: Text
    clock: str = ""
    offset: Offset | None = None
    source: tuple[str, ...] = ()


class LaunchTime(Model):
    """What T0 means for this product. Instants are stored in UTC and shown in `timezone`."""

    t0: Text = Field(description="In words: what happens at T0, and when it is by the runbook.")
    timezone: str = "UTC"
    weekday: int | None = Field(default=None, ge=0, le=6, description="Usual weekday of T0, Monday is 0.")
    time: str | None = Field(default=None, pattern=r"^[0-2]\d:[0-5]\d$", description="Usual time of day of T0.")
    window: str = ""
    anchors: tuple[Anchor, ...] = ()
    targets: tuple[str, ...] = ()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            message = f"{name!r} is not a time zone; write for instance UTC or Europe/Berlin"
            raise ValueError(message) from None
        return name


class Phase(Item):
    """A stage of the runbook, carried by one of the flows. `start` and `end` are None for what runs on a trigger."""

    title: Text
    flow_phase: FlowPhase
    start: Offset | None = None
    end: Offset | None = None
    printed: str = Field(default="", description="Offsets as the runbook prints them, where they differ.")
    objective: str = ""


class TimelineEntry(Item):
    """One line of the run-of-show as printed, with the items it stands for."""

    phase: Id
    offset: Offset
    clock: str = ""
    duration: Duration | None = None
    kind: Text
    what: Text
    refs: tuple[Id, ...] = ()
