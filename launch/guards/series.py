"""Samples as a source sends them turned into points that can be judged: order, gaps, resets, means over time."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from launch.plan.watch import Query, SeriesKind
from launch.ports import Sample

COVERED = 0.8
"""The share of a window that samples must cover for its mean to say something."""


class Point(NamedTuple):
    """One value at one instant."""

    at: datetime
    value: float


class Interval(NamedTuple):
    """A value and the time it speaks for: from the sample before it, which is not counted, to its own."""

    start: datetime
    end: datetime
    value: float


class Mean(NamedTuple):
    """The mean over the covered part of a window, and how large a share of the window that part is."""

    value: float
    covered: float

    @property
    def says(self) -> bool:
        """Whether enough of the window is covered for the mean to stand for all of it."""
        return self.covered >= COVERED and math.isfinite(self.value)

    @property
    def at_least(self) -> float:
        """The mean if every missing part were 0: a lower bound for a series that is never negative."""
        return self.value * self.covered


def cleaned(samples: Iterable[Sample], now: datetime) -> list[Point]:
    """Every instant up to `now` once, oldest first; of equal ones the last counts.

    NaN and infinite values say nothing, so they are dropped: the hole they leave is a gap like any other.
    """
    last = {sample.at: sample.value for sample in samples if sample.at <= now}
    return [Point(at, last[at]) for at in sorted(last) if math.isfinite(last[at])]


def points(query: Query, samples: Iterable[Sample], *, gap: timedelta, now: datetime) -> list[Point]:
    """The values that a guard judges: the samples themselves, or at each sample the mean over the window up to it.

    A point whose window is covered by less than `COVERED` is left out. A counter's mean is its increase per second.
    """
    series = cleaned(samples, now)
    if query.over is None:
        return series
    spoken = intervals(series, kind=query.kind, gap=gap)
    found = ((one.end, mean(spoken, one.end - query.over, one.end)) for one in spoken)
    return [Point(at, one.value) for at, one in found if one.says]


def buckets(
    query: Query,
    samples: Iterable[Sample],
    *,
    gap: timedelta,
    start: datetime,
    end: datetime,
) -> list[float]:
    """Values after `start` up to `end` that share no time: the samples, or the means of windows that do not overlap."""
    series = cleaned(samples, end)
    if query.over is None:
        return [one.value for one in series if one.at > start]
    spoken = intervals(series, kind=query.kind, gap=gap)
    count = (end - start) // query.over
    windows = (mean(spoken, start + query.over * n, start + query.over * (n + 1)) for n in range(count))
    return [one.value for one in windows if one.says]


def intervals(series: Sequence[Point], *, kind: SeriesKind, gap: timedelta) -> list[Interval]:
    """What each sample says of the time since the one before; nothing where that was longer than `gap` ago.

    For a counter that is its increase per second. It counts from nothing after a reset, so what it shows then is what
    was added since: https://prometheus.io/docs/prometheus/latest/querying/functions/#rate (without extrapolation).
    """
    spoken = []
    for earlier, later in pairwise(series):
        took = later.at - earlier.at
        if took > gap:
            continue
        value = later.value
        if kind is SeriesKind.COUNTER:
            added = value - earlier.value if value >= earlier.value else value
            value = added / took.total_seconds()
        spoken.append(Interval(earlier.at, later.at, value))
    return spoken


def mean(spoken: Sequence[Interval], start: datetime, end: datetime) -> Mean:
    """The time-weighted mean between two instants. Of an interval that reaches out of the window, the inner part."""
    first = bisect_right(spoken, start, key=_end)
    last = bisect_left(spoken, end, lo=first, key=_start)
    seconds = [(min(one.end, end) - max(one.start, start)).total_seconds() for one in spoken[first:last]]
    covered = sum(seconds)
    if not covered:
        return Mean(0.0, 0.0)
    total = sum(one.value * lasted for one, lasted in zip(spoken[first:last], seconds, strict=True))
    return Mean(total / covered, covered / (end - start).total_seconds())


def newest(series: Sequence[Point], moment: datetime, gap: timedelta) -> Point | None:
    """The last point at or before a moment; None where it is longer than `gap` before."""
    at = bisect_right(series, moment, key=_at)
    return series[at - 1] if at and moment - series[at - 1].at <= gap else None


def _at(one: Point) -> datetime:
    return one.at


def _start(one: Interval) -> datetime:
    return one.start


def _end(one: Interval) -> datetime:
    return one.end
