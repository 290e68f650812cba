"""What every store of time series has in common: what is fresh, what is no answer, and how samples become one value.

A new store is one class that says how to fetch lines of samples.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import fmean
from typing import ClassVar, assert_never

from launch.errors import PermanentFaultError
from launch.ports import Occasion, Sample
from launch.probes.base import Probe
from launch.probes.observability import InputDelay, MetricChange, MetricValue, Reduce
from launch.readings import Quantity, Reading, quantities

_REDUCE: Mapping[Reduce, Callable[[Sequence[float]], float]] = {
    "last": lambda values: values[-1],
    "max": max,
    "min": min,
    "mean": fmean,
}
_ACROSS: Mapping[str, Callable[[Sequence[float]], float]] = {"only": max, "max": max, "min": min, "sum": math.fsum}
# A sample is trusted as "now" for this many steps: a scrape or a rule evaluation may be one behind.
_FRESH_STEPS = 2


class MetricStore(ABC):
    """Answers questions about series, and is a source for guards."""

    answers: ClassVar[tuple[type[Probe], ...]] = (MetricValue, MetricChange, InputDelay)

    @property
    @abstractmethod
    def system(self) -> str:
        """What faults and readings call the store."""

    @abstractmethod
    def lines(self, query: str, *, start: datetime, end: datetime, step: timedelta) -> Sequence[Sequence[Sample]]:
        """Every series that the query selects, each oldest first, with a sample for every step there is one.

        Nothing where nothing is known: an unknown series is no line, a missing sample is not zero. Raises
        `SystemFaultError`.
        """

    def series(self, query: str, *, start: datetime, end: datetime, step_seconds: float) -> Sequence[Sample]:
        """The samples of the one series that `query` selects, oldest first; none for an unknown or empty one.

        Raises `PermanentFaultError` when the query selects several series: none of them is the answer.
        """
        found = self.lines(query, start=start, end=end, step=timedelta(seconds=step_seconds))
        if len(found) > 1:
            raise PermanentFaultError(
                system=self.system,
                question=f"the query {query!r}",
                answer=f"{len(found)} series",
                next_step="narrow the query to one series, or aggregate it",
            )
        return found[0] if found else []

    def answer(self, probe: MetricValue | MetricChange | InputDelay, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        match probe:
            case MetricValue():
                return self._value(probe, occasion)
            case MetricChange():
                return self._change(probe, occasion)
            case InputDelay():
                return self._input_delay(probe, occasion)
            case _:
                assert_never(probe)

    def _value(self, probe: MetricValue, occasion: Occasion) -> Reading:
        lines = self.lines(probe.query, start=occasion.now - probe.window, end=occasion.now, step=probe.step)
        if probe.across == "only" and len(lines) > 1:
            evidence = f"{probe.query} selects {len(lines)} series, not one"
            return Reading(values={}, where=self._where(probe.query), at=occasion.now, evidence=evidence[:256])
        values = [_reduced(line, probe.reduce, now=occasion.now, step=probe.step) for line in lines]
        known = [value for value in values if value is not None]
        # One endpoint without data among several hides how that endpoint fares: no answer.
        complete = len(known) == len(values) and len(known) >= probe.series_at_least
        worst = _ACROSS[probe.across](known) if complete else None
        evidence = f"{probe.reduce} over {len(known)} of {len(values)} series with fresh data"
        return Reading(
            values=quantities(probe.unit, **{probe.name: worst}),
            where=self._where(probe.query),
            at=occasion.now,
            evidence=evidence,
        )

    def _change(self, probe: MetricChange, occasion: Occasion) -> Reading:
        recent = self.series(
            probe.query,
            start=occasion.now - probe.window,
            end=occasion.now,
            step_seconds=probe.step.total_seconds(),
        )
        start, end = occasion.t0 + probe.baseline_start, occasion.t0 + probe.baseline_end
        earlier = self.series(probe.query, start=start, end=end, step_seconds=probe.step.total_seconds())
        now = _reduced(recent, probe.reduce, now=occasion.now, step=probe.step)
        before = _reduced(earlier, "mean", now=end, step=probe.step)
        change = _change(now, before, held=probe.held)
        unit = "ratio" if probe.held == "ratio" else probe.unit
        return Reading(
            values={} if change is None else {probe.name: Quantity(value=change, unit=unit)},
            where=self._where(probe.query),
            at=occasion.now,
            evidence=f"now {_show(now)}, baseline {_show(before)} {probe.unit}".rstrip(),
        )

    def _input_delay(self, probe: InputDelay, occasion: Occasion) -> Reading:
        def worst(query: str) -> float | None:
            lines = self.lines(query, start=occasion.now - probe.window, end=occasion.now, step=probe.step)
            values = [_reduced(line, "max", now=occasion.now, step=probe.step) for line in lines]
            known = [value for value in values if value is not None]
            return max(known) if known and len(known) == len(values) else None

        fid, inp = worst(probe.fid), worst(probe.inp)
        used = None
        if fid is not None:
            used = 100 * fid / probe.fid_budget_ms
        elif inp is not None:
            used = 100 * inp / probe.inp_budget_ms
        return Reading(
            values=quantities("ms", fid=fid, inp=inp) | quantities("%", input_delay_used=used),
            where=self._where(probe.fid if fid is not None else probe.inp),
            at=occasion.now,
            evidence=f"worst route: FID {_show(fid)} ms, INP {_show(inp)} ms",
        )

    def _where(self, query: str) -> str:
        return f"{query} in {self.system}"


def _reduced(samples: Sequence[Sample], reduce: Reduce, *, now: datetime, step: timedelta) -> float | None:
    """None where the newest sample is stale or missing, or where a sample that counts is not a number."""
    if not samples or now - samples[-1].at > _FRESH_STEPS * step:
        return None
    counted = [samples[-1].value] if reduce == "last" else [sample.value for sample in samples]
    if any(math.isnan(value) for value in counted):
        return None
    return _REDUCE[reduce](counted)


def _change(now: float | None, before: float | None, *, held: str) -> float | None:
    if now is None or before is None:
        return None
    if held == "difference":
        return now - before
    return now / before if before else None


def _show(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"
