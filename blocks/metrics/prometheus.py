"""Prometheus (and what speaks its API: Mimir, Thanos, VictoriaMetrics) as a source of series and of single values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import ClassVar, assert_never

from prefect.blocks.core import Block
from pydantic import Field, PrivateAttr, SecretStr

from blocks.endpoint import Endpoint
from blocks.payloads import Payload
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
# The server refuses a range of more than 11,000 points ("exceeded maximum resolution").
_MOST_POINTS = 10_000


class _Line(Payload):
    metric: dict[str, str]
    values: list[tuple[float, str]]


class _Matrix(Payload):
    resultType: str  # noqa: N815 - Prometheus' spelling
    result: list[_Line]


class _Answer(Payload):
    status: str
    data: _Matrix


class _Build(Payload):
    version: str


class _BuildAnswer(Payload):
    data: _Build


class PrometheusMetrics(Block):
    """A Prometheus server."""

    _block_type_name = "Prometheus Metrics"
    _block_type_slug = "prometheus"
    _description = "Time series by PromQL: https://prometheus.io/docs/prometheus/latest/querying/api/"

    answers: ClassVar[tuple[type[Probe], ...]] = (MetricValue, MetricChange, InputDelay)

    url: str = Field(description="Address of the server, without `/api/v1`.")
    token: SecretStr | None = Field(default=None, description="Bearer token, where a proxy in front asks for one.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")
    _endpoint: Endpoint | None = PrivateAttr(default=None)

    def check(self) -> str:
        """Proves that the server answers and takes the token. Raises `SystemFaultError`."""
        build = self._api.ask(_BuildAnswer, "GET", "/api/v1/status/buildinfo", question="which version it is")
        return f"Prometheus {build.data.version} answers at {self.url}"

    def series(self, query: str, *, start: datetime, end: datetime, step_seconds: float) -> Sequence[Sample]:
        """The samples of the one series that `query` selects, oldest first; none for an unknown or empty one.

        A range of more points than the server gives at once is asked for in parts. Raises `PermanentFaultError` when
        the query selects several series: none of them is the answer.
        """
        step, samples = timedelta(seconds=step_seconds), list[Sample]()
        while start <= end:
            until = min(end, start + step * (_MOST_POINTS - 1))
            samples += self._line(query, start=start, end=until, step=step)
            start = until + step
        return samples

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
        lines = self._range(probe.query, start=occasion.now - probe.window, end=occasion.now, step=probe.step)
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
            lines = self._range(query, start=occasion.now - probe.window, end=occasion.now, step=probe.step)
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

    def _line(self, query: str, *, start: datetime, end: datetime, step: timedelta) -> Sequence[Sample]:
        lines = self._range(query, start=start, end=end, step=step)
        if len(lines) > 1:
            raise PermanentFaultError(
                system=self._api.system,
                question=f"the query {query!r}",
                answer=f"{len(lines)} series",
                next_step="narrow the query to one series, or aggregate it",
            )
        return lines[0] if lines else []

    def _range(self, query: str, *, start: datetime, end: datetime, step: timedelta) -> list[list[Sample]]:
        answer = self._api.ask(
            _Answer,
            "POST",
            "/api/v1/query_range",
            question=f"the query {query!r}",
            data={
                "query": query,
                "start": f"{start.timestamp():.3f}",
                "end": f"{end.timestamp():.3f}",
                "step": f"{step.total_seconds():g}",
            },
        )
        return [
            [Sample(at=datetime.fromtimestamp(at, UTC), value=float(value)) for at, value in line.values]
            for line in answer.data.result
        ]

    def _where(self, query: str) -> str:
        return f"{query} in {self._api.system}"

    @property
    def _api(self) -> Endpoint:
        if self._endpoint is None:
            headers = {"Authorization": f"Bearer {self.token.get_secret_value()}"} if self.token else {}
            self._endpoint = Endpoint("Prometheus", self.url, headers=headers, timeout_seconds=self.timeout_seconds)
        return self._endpoint


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
