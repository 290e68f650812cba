"""Put a check's probes to its systems and judge the readings."""

from __future__ import annotations

import anyio.to_thread

from launch.plan import Check, Snapshot, Threshold
from launch.ports import Answers, Occasion, Systems
from launch.probes.base import Probe
from launch.readings import Reading
from launch.verdicts import Judgement, judge
from tasks.retries import impatient, retryable


@retryable("{check.id}")
async def ask_check(check: Check, systems: Systems, occasion: Occasion) -> Judgement:
    """The check's verdict. Raises `SystemFaultError` when a system could not be asked."""
    return await judged(check.probes, check.limits, systems, occasion)


ask_check_at_once = impatient(ask_check)


@retryable("record {item.id}")
async def record(item: Snapshot, systems: Systems, occasion: Occasion) -> Reading:
    """What is recorded before the first change. Raises `SystemFaultError` when the system could not be asked."""
    return await _answer(item.probe, systems, occasion)


record_at_once = impatient(record)


async def judged(
    probes: tuple[Probe, ...],
    limits: tuple[Threshold, ...],
    systems: Systems,
    occasion: Occasion,
) -> Judgement:
    """Readings of all probes, in order, held against all limits."""
    readings = [await _answer(probe, systems, occasion) for probe in probes]
    return judge(limits, readings, occasion.release)


async def _answer(probe: Probe, systems: Systems, occasion: Occasion) -> Reading:
    system = systems[probe.of]
    if not isinstance(system, Answers):
        message = f"system {probe.of!r} cannot be asked"
        raise TypeError(message)
    return await anyio.to_thread.run_sync(system.answer, probe, occasion)
