"""Guards: conditions watched over time, and what they set off."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from launch.model import Id, Model, Text
from launch.moments import Duration, Offset
from launch.plan.checks import Comparator
from launch.plan.items import Item
from launch.readings import Scalar


class GuardPolarity(StrEnum):
    """Whether the condition is the good state or the alarm."""

    MUST_HOLD = "must-hold"
    BREACH = "breach"


class NoData(StrEnum):
    """What missing data means for a guard; never that all is well."""

    INCONCLUSIVE = "inconclusive"
    BREACH = "breach"


class Watching(Model):
    """A stretch of the launch and how often the guard is evaluated in it."""

    start: Offset
    end: Offset
    every: Duration

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.end <= self.start or self.every <= timedelta(0):
            message = "`end` must come after `start`, and `every` must be longer than nothing"
            raise ValueError(message)
        return self


class Query(Model):
    """Where the value comes from: a metric system of the plan and the query put to it."""

    of: Id
    query: Text
    unit: str = Field(default="", description="Unit of the series; empty for the guard's own unit.")
    step: Duration = timedelta(seconds=15)


class Guard(Item):
    """`metric comparator value unit` held against a time series, sustained `for` a time.

    A guard without `query` is a figure that some check, report or person uses; one with `query` and `watched` is
    evaluated by the conductor. `sustained` is time, not a count of samples; gaps longer than `gap` break it.
    """

    metric: Text
    comparator: Comparator
    value: Scalar
    unit: str = ""
    window: str = Field(default="", description="As printed, e.g. `5m sustained` or `unstated`.")
    sustained: Duration | None = None
    polarity: GuardPolarity
    severity: str = ""
    response: str = Field(default="", description="What the runbook wants done.")
    query: Query | None = None
    watched: tuple[Watching, ...] = ()
    gap: Duration = timedelta(minutes=1)
    no_data: NoData = NoData.INCONCLUSIVE

    @model_validator(mode="after")
    def _watchable(self) -> Self:
        if self.watched and self.query is None:
            message = f"guard {self.id!r} is watched but has no `query`"
            raise ValueError(message)
        return self
