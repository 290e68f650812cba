"""Service level objectives: how many times faster than allowed the error budget burns, over several windows.

Multiwindow, multi-burn-rate alerts: https://sre.google/workbook/alerting-on-slos/. A pair of windows is a breach when
both its long window and its short one burn faster than `burn`: the long one says that it matters, the short one that it
still goes on. Any pair of the objective is enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from launch.guards.series import COVERED, Interval, Mean, mean
from launch.guards.sustained import Judged
from launch.moments import format_duration
from launch.plan.checks import Comparator
from launch.plan.watch import BurnWindow, Guard, Objective
from launch.units import convert
from launch.verdicts import Verdict, holds


class Pair(NamedTuple):
    """What one pair of windows says: burn rates (of the part that was seen), and whether that is a breach."""

    window: BurnWindow
    long: float
    short: float
    breached: bool | None

    @property
    def nearness(self) -> float:
        """How near it is to its limit; 1 is at it."""
        return min(self.long, self.short) / self.window.burn

    def __str__(self) -> str:
        """`burns 20x over 1h and 25x over 5m, limit 14.4x`."""
        long, short = format_duration(self.window.long), format_duration(self.window.short)
        text = f"burns {self.long:.3g}x over {long} and {self.short:.3g}x over {short}, limit {self.window.burn:g}x"
        return f"{text}; less than {COVERED:.0%} of a window was seen" if self.breached is None else text


class Burn(NamedTuple):
    """The pair of windows that decides at one instant, and what all pairs together say; None if that cannot be told."""

    breached: bool | None
    pair: Pair


def burn(guard: Guard, objective: Objective, spoken: Sequence[Interval], at: datetime) -> Burn | None:
    """The objective at one instant. None where the query's unit is none for a share.

    Time without samples counts as time without errors when a window is held above its limit, so what is missing never
    makes a breach; but below its limit a window says so only where `COVERED` of it was seen.
    """
    unit = guard.query.unit if guard.query is not None and guard.query.unit else guard.unit
    one_percent = convert(1.0, "%", unit)
    if one_percent is None:
        return None
    budget = (100 - objective.target) * one_percent
    pairs = [_pair(window, budget, spoken, at) for window in objective.windows]
    answers = {pair.breached for pair in pairs}
    breached = True if True in answers else None if None in answers else False
    deciding = [pair for pair in pairs if pair.breached is breached]
    return Burn(breached, max(deciding, key=lambda pair: pair.nearness))


def judged(guard: Guard, objective: Objective, spoken: Sequence[Interval]) -> Iterator[Judged]:
    """The objective at each sample that `sustained` needs, oldest first, where it can be told.

    The value is the share of bad requests over the deciding long window; its burn rate where the guard's unit is `x`.
    """
    for one in _needed(guard, spoken):
        found = burn(guard, objective, spoken, one.end)
        if found is None or found.breached is None:
            continue
        share = convert(found.pair.long * (100 - objective.target), "%", guard.unit)
        value = found.pair.long if guard.unit == "x" or share is None else share
        yield Judged(one.end, value, found.breached)


def _needed(guard: Guard, spoken: Sequence[Interval]) -> Sequence[Interval]:
    if not spoken:
        return spoken
    first = spoken[-1].end - (guard.sustained or timedelta(0)) - guard.gap
    return [one for one in spoken if one.end >= first] if guard.sustained else spoken[-1:]


def _pair(window: BurnWindow, budget: float, spoken: Sequence[Interval], at: datetime) -> Pair:
    long, short = (mean(spoken, at - length, at) for length in (window.long, window.short))
    limit = window.burn * budget
    answers = {_above(long, limit), _above(short, limit)}
    breached = False if False in answers else None if None in answers else True
    return Pair(window, long.value / budget, short.value / budget, breached)


def _above(seen: Mean, limit: float) -> bool | None:
    if _more(seen.at_least, limit):
        return True
    return _more(seen.value, limit) if seen.says else None


def _more(value: float, limit: float) -> bool:
    return holds(value, Comparator.MORE, limit) is Verdict.PASS
