"""A condition is sustained when it held without a gap for a time, never for a number of samples."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from launch.events import GuardState
from launch.guards.reading import GuardReading
from launch.plan.watch import Guard, NoData


class Judged(NamedTuple):
    """A point with its value in the guard's unit, whether it is a breach, and what it was held against."""

    at: datetime
    value: float
    breached: bool
    against: float | None = None


def sustained(guard: Guard, judged: Sequence[Judged], now: datetime) -> GuardReading | None:
    """The state by points that could be judged, oldest first; None where the newest is longer than `gap` ago.

    A breach fires when it held at every point from `since` to the newest one, no two of them further apart than `gap`,
    and that stretch is at least `sustained` long. The time after the newest point does not count: so it never fires
    early, and with samples in time at most one interval after the breach is as old as it must be.
    """
    if not judged or now - judged[-1].at > guard.gap:
        return None
    last = judged[-1]
    since = last.at
    for one in reversed(judged):
        if not one.breached or since - one.at > guard.gap:
            break
        since = one.at
    return GuardReading(
        state=_state(guard, last, since),
        value=last.value,
        since=since if last.breached else None,
        sampled_at=last.at,
        against=last.against,
    )


def silent(guard: Guard, now: datetime, since: datetime, detail: str = "") -> GuardReading:
    """The state of a guard that nothing has been heard for since then: no data; a breach where the guard says so.

    Even then only after `sustained`, and never before `gap`: one sample that is late is no silence.
    """
    lasted = now - since
    fires = guard.no_data is NoData.BREACH and lasted >= max(guard.gap, guard.sustained or timedelta(0))
    return GuardReading(state=GuardState.FIRING if fires else GuardState.NO_DATA, since=since, detail=detail)


def _state(guard: Guard, last: Judged, since: datetime) -> GuardState:
    if not last.breached:
        return GuardState.CLEAR
    return GuardState.FIRING if last.at - since >= (guard.sustained or timedelta(0)) else GuardState.PENDING
