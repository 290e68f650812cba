"""Evaluate guards on their series, and read the newest values for a status line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import anyio.to_thread

from launch.errors import SystemFaultError
from launch.events import GuardState
from launch.guards import GuardReading, evaluate, look_back
from launch.plan import Guard
from launch.ports import MetricSource, Sample, Systems
from tasks.retries import impatient, retryable

GUARDS_ASKED = "guards at"
"""How the names of these task runs begin: the watchdog finds by them when a run last asked its guards."""


@retryable(GUARDS_ASKED + " {now}")
async def watch_guards(guards: Sequence[Guard], systems: Systems, now: datetime) -> Mapping[str, GuardReading]:
    """Each guard's state at `now`. A source that does not answer is no data: exposure waits, nothing passes."""
    return {guard.id: await _evaluated(guard, systems, now) for guard in guards}


watch_guards_at_once = impatient(watch_guards)


@retryable("newest figures at {now}")
async def read_newest(guards: Sequence[Guard], systems: Systems, now: datetime) -> Mapping[str, float | None]:
    """The newest value of each guard's metric by metric name, None where there is no data."""
    readings = {guard.metric: await _evaluated(guard, systems, now) for guard in guards}
    return {metric: reading.value for metric, reading in readings.items()}


read_newest_at_once = impatient(read_newest)


async def _evaluated(guard: Guard, systems: Systems, now: datetime) -> GuardReading:
    try:
        return evaluate(guard, await _series(guard, systems, now), now)
    except SystemFaultError:
        return GuardReading(state=GuardState.NO_DATA)


async def _series(guard: Guard, systems: Systems, now: datetime) -> Sequence[Sample]:
    query = guard.query
    source = systems[query.of] if query is not None else None
    if query is None or not isinstance(source, MetricSource):
        return ()

    def fetch() -> Sequence[Sample]:
        step = query.step / timedelta(seconds=1)
        return source.series(query.query, start=now - look_back(guard), end=now, step_seconds=step)

    return await anyio.to_thread.run_sync(fetch)
