"""Guards: conditions watched over time, and what they set off."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Literal, Self

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


class SeriesKind(StrEnum):
    """What samples are: values of their own, or a count that only grows, and begins anew at a restart."""

    GAUGE = "gauge"
    COUNTER = "counter"


class Query(Model):
    """Where the value comes from: a metric system of the plan and the query put to it.

    A counter is turned into its increase per second over `over`, across resets.
    """

    of: Id
    query: Text
    unit: str = Field(default="", description="Unit of the series; empty for the guard's own unit.")
    step: Duration = timedelta(seconds=15)
    kind: SeriesKind = SeriesKind.GAUGE
    over: Duration | None = Field(
        default=None,
        description="Judge the time-weighted mean over this window (for a counter: its rate) instead of each sample.",
    )

    @model_validator(mode="after")
    def _rated(self) -> Self:
        if self.kind is SeriesKind.COUNTER and self.over is None:
            message = "a counter needs `over`, the window in which its increase is taken"
            raise ValueError(message)
        return self


class BaselineKind(StrEnum):
    """What a value is compared with: another series at the same time, the same one before, or a stored figure."""

    SIDE_BY_SIDE = "side-by-side"
    EARLIER = "earlier"
    STORED = "stored"


class Baseline(Model):
    """What "normal" is, so that a guard's `value` is held against the ratio of the two.

    With a baseline the guard's unit says how the ratio is written: `x` (2 is twice the baseline) or `%` (120 is
    20 % over it; with `deviation` 20 is). `side-by-side` asks `query` over the same window (stable beside the canary);
    `earlier` asks the guard's own query in the stretch `start`..`end`, once, and keeps what it saw in the ledger;
    `stored` asks `query` for a figure of history (an average peak). No baseline, or one of zero, is no data.
    """

    kind: BaselineKind
    query: str = Field(default="", description="Empty for the guard's own query (`earlier` only).")
    of: Id | None = Field(default=None, description="System asked; None for the guard's own.")
    start: Offset | None = Field(default=None, description="Begin of the recorded window (`earlier`).")
    end: Offset | None = None
    deviation: bool = Field(default=False, description="Judge how far it is from the baseline, not the ratio itself.")

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if (self.kind is BaselineKind.EARLIER) != (self.start is not None and self.end is not None):
            message = "a baseline of kind `earlier` needs `start` and `end`, and only that kind has them"
            raise ValueError(message)
        if self.start is not None and self.end is not None and self.end <= self.start:
            message = "`end` of a baseline must come after its `start`"
            raise ValueError(message)
        if self.kind is not BaselineKind.EARLIER and not self.query:
            message = f"a baseline of kind `{self.kind.value}` needs `query`"
            raise ValueError(message)
        return self


class BurnWindow(Model):
    """The error budget burns more than `burn` times as fast as it may, over `long` and still over `short`.

    Source: https://sre.google/workbook/alerting-on-slos/ (multiwindow, multi-burn-rate alerts).
    """

    long: Duration
    short: Duration
    burn: float = Field(gt=0)

    @model_validator(mode="after")
    def _shorter(self) -> Self:
        if self.short >= self.long:
            message = "the short window must be shorter than the long one"
            raise ValueError(message)
        return self


class Objective(Model):
    """A service level objective: this share of requests is good over `period`. Any of `windows` is a breach.

    The guard's query then answers the share of bad requests, in the query's unit.
    """

    target: float = Field(gt=0, lt=100, description="In %, for instance 99.9.")
    period: Duration = timedelta(days=30)
    windows: tuple[BurnWindow, ...] = Field(min_length=1)


class Comparison(Model):
    """The canary's samples against the baseline's by a Mann-Whitney U test, kept honest over many looks.

    It breaches when the canary is worse with an effect of at least `effect` (Vargha and Delaney's A, 0.5 is none), the
    error spent at this look allows it, and the ratio of the means breaches the guard's own figure. `false_alarms` is
    the chance of a false breach over the whole rollout. It is shared out over `looks`, one whenever `samples` more have
    come; when all are spent it is inconclusive, as with fewer than `samples` on either side. It tests the samples since
    the step was entered, at most `sustained` back. Needs a side-by-side baseline.
    """

    worse: Literal["higher", "lower"] = "higher"
    false_alarms: float = Field(default=0.01, gt=0, lt=0.5)
    looks: int = Field(default=20, ge=1, le=1000)
    samples: int = Field(default=20, ge=5, le=10_000)
    effect: float = Field(default=0.64, gt=0.5, lt=1)


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
    gap: Duration = Field(default=timedelta(minutes=1), description="Samples further apart break a stretch.")
    no_data: NoData = NoData.INCONCLUSIVE
    baseline: Baseline | None = None
    objective: Objective | None = None
    comparison: Comparison | None = None

    @model_validator(mode="after")
    def _watchable(self) -> Self:
        if self.watched and self.query is None:
            message = f"guard {self.id!r} is watched but has no `query`"
            raise ValueError(message)
        ways = sum(one is not None for one in (self.objective, self.comparison))
        if ways > 1 or (self.objective is not None and self.baseline is not None):
            message = f"guard {self.id!r} is judged in two ways; give it an `objective`, a `comparison` or neither"
            raise ValueError(message)
        if (ways or self.baseline is not None) and self.query is None:
            message = f"guard {self.id!r} compares, so it needs a `query`"
            raise ValueError(message)
        beside = self.baseline is not None and self.baseline.kind is BaselineKind.SIDE_BY_SIDE
        if self.comparison is not None and not beside:
            message = f"guard {self.id!r}: a `comparison` needs a `baseline` of kind `side-by-side`"
            raise ValueError(message)
        return self
