"""Guards over time: a condition is sustained when it held without a gap for a time, never for a number of samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from launch.events import GuardState
from launch.model import Model
from launch.plan.watch import Guard, GuardPolarity, NoData
from launch.ports import Sample
from launch.units import convert
from launch.verdicts import Verdict, holds


class GuardReading(Model):
    """A guard's state at one moment, the newest value in the guard's unit, and since when the breach has lasted."""

    state: GuardState
    value: float | None = None
    since: datetime | None = None


def look_back(guard: Guard) -> timedelta:
    """How far back the series must reach for `evaluate` to see a breach of full length."""
    step = guard.query.step if guard.query else timedelta(0)
    return (guard.sustained or timedelta(0)) + guard.gap + 2 * step


def evaluate(guard: Guard, samples: Sequence[Sample], now: datetime) -> GuardReading:
    """The guard's state from the samples up to `now`; order and duplicates do not matter, the last of equals counts.

    A breach fires when it held at every sample from `since` to the newest one, with no two samples further apart than
    `gap`, and that stretch is at least `sustained` long. NaN, a value that cannot be held against the figure, a series
    that ends more than `gap` before `now`, or no series at all is no data: never clear, and firing only where the guard
    says that silence is a breach.
    """
    if _judged_otherwise(guard):
        return GuardReading(state=GuardState.NO_DATA)
    series = sorted({sample.at: sample for sample in samples if sample.at <= now}.values(), key=lambda one: one.at)
    if not series or now - series[-1].at > guard.gap or _breached(guard, series[-1]) is None:
        return _silent(guard, series, now)
    newest = series[-1]
    value = _value(guard, newest)
    if not _breached(guard, newest):
        return GuardReading(state=GuardState.CLEAR, value=value)
    since = newest.at
    for sample in reversed(series[:-1]):
        if since - sample.at > guard.gap or not _breached(guard, sample):
            break
        since = sample.at
    fires = newest.at - since >= (guard.sustained or timedelta(0))
    return GuardReading(state=GuardState.FIRING if fires else GuardState.PENDING, value=value, since=since)


def _judged_otherwise(guard: Guard) -> bool:
    """Whether the plan asks for what is not evaluated yet: it is inconclusive, never held against the bare figure."""
    windowed = guard.query is not None and guard.query.over is not None
    return windowed or any(one is not None for one in (guard.baseline, guard.objective, guard.comparison))


def _silent(guard: Guard, series: Sequence[Sample], now: datetime) -> GuardReading:
    heard = [sample.at for sample in series if _breached(guard, sample) is not None]
    if guard.no_data is NoData.BREACH:
        silent_for = now - heard[-1] if heard else look_back(guard)
        if silent_for >= (guard.sustained or timedelta(0)):
            return GuardReading(state=GuardState.FIRING, since=heard[-1] if heard else None)
    return GuardReading(state=GuardState.NO_DATA, since=heard[-1] if heard else None)


def _value(guard: Guard, sample: Sample) -> float | None:
    unit = guard.query.unit if guard.query and guard.query.unit else guard.unit
    return convert(sample.value, unit, guard.unit)


def _breached(guard: Guard, sample: Sample) -> bool | None:
    """None where that cannot be told."""
    value = None if math.isnan(sample.value) else _value(guard, sample)
    verdict = Verdict.INCONCLUSIVE if value is None else holds(value, guard.comparator, guard.value)
    if verdict is Verdict.INCONCLUSIVE:
        return None
    return verdict is (Verdict.PASS if guard.polarity is GuardPolarity.BREACH else Verdict.FAIL)
