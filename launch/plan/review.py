"""After T0 and around it: checkpoints, monitoring, reports, success criteria, drills, recurring tasks."""

from __future__ import annotations

from pydantic import Field

from launch.model import Id, Text
from launch.moments import Duration, Offset
from launch.plan.checks import Mode, Threshold
from launch.plan.items import Integration, Item
from launch.probes import Probe


class Checkpoint(Item):
    """A review that runs by itself, counted from the actual go-live."""

    offset: Offset
    title: Text
    duration: Duration | None = None
    focus: str = ""
    participants: tuple[Id, ...] = ()
    criteria: tuple[Id, ...] = Field(default=(), description="Checks asked at this checkpoint.")
    outputs: tuple[str, ...] = ()
    actions: tuple[Id, ...] = Field(default=(), description="Actions that begin at this checkpoint.")


class Monitoring(Item):
    """How often somebody or something looks, over which stretch. None for an unstated interval."""

    start: Offset | None = None
    end: Offset | None = None
    every: Duration | None = None
    every_note: str = ""
    what: Text


class Report(Item):
    """A document built from the ledger."""

    title: Text
    offset: Offset
    printed: str = ""
    audience: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    sample: str = ""


class SuccessCriterion(Item):
    """What the launch is measured by afterwards."""

    what: Text
    thresholds: tuple[Threshold, ...] = ()
    implied: tuple[Threshold, ...] = ()
    measured_at: Offset
    mode: Mode
    integration: tuple[Integration, ...] = ()
    probes: tuple[Probe, ...] = ()


class Drill(Item):
    """A rehearsal on staging and the checks that show it passed."""

    offset: Offset
    what: Text
    passes: str = ""
    checks: tuple[Id, ...] = ()
    duration: Duration | None = None


class RecurringTask(Item):
    """Work that repeats after the launch."""

    what: Text
    every: Duration
    start: Offset
    end: Offset | None = None
    owner: Id
