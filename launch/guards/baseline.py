"""What is normal: the figure a value is held against, and the ratio of the two in the guard's unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from launch.events import BaselineRecorded
from launch.guards.series import cleaned, intervals, mean
from launch.plan.watch import Guard
from launch.ports import Sample

_WRITTEN = {"x": 1.0, "%": 100.0}


def ratio(guard: Guard, value: float, against: float | None) -> float | None:
    """How many times the baseline a value is, or with `deviation` how far over it (negative: below), in `x` or `%`.

    None without a baseline, with one of zero or below, of which nothing is a multiple, and in any other unit.
    """
    factor = _WRITTEN.get(guard.unit)
    if factor is None or against is None or against <= 0:
        return None
    times = value / against
    written = factor * (times - 1 if guard.baseline is not None and guard.baseline.deviation else times)
    return written if math.isfinite(written) else None


def recorded(guard: Guard, samples: Sequence[Sample], start: datetime, end: datetime) -> BaselineRecorded | None:
    """The time-weighted mean of the earlier window, to be kept for ever; None where too little of it was seen."""
    if guard.query is None or guard.baseline is None:
        return None
    series = cleaned(samples, end)
    seen = mean(intervals(series, kind=guard.query.kind, gap=guard.gap), start, end)
    if not seen.says:
        return None
    return BaselineRecorded(
        guard=guard.id,
        value=seen.value,
        samples=sum(one.at >= start for one in series),
        query=guard.baseline.query or guard.query.query,
    )
