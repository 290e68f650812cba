"""Remarks on guards: what can never be judged, and ranges of a metric in which nobody is told anything."""

from __future__ import annotations

from collections.abc import Iterator

from launch.findings import PlanFinding
from launch.guards.comparison import spacing
from launch.guards.ranges import unanswered_ranges
from launch.moments import format_duration, format_offset
from launch.plan import Guard, Plan
from launch.plan.watch import Query
from launch.units import convert


def remarks_on_guards(plan: Plan) -> Iterator[PlanFinding]:
    """P243 and P270."""
    places = {guard.id: f"thresholds[{at}]" for at, guard in enumerate(plan.thresholds)}
    for guard in plan.thresholds:
        if guard.query is not None:
            yield from _never_judged(places[guard.id], guard, guard.query)
    for found in unanswered_ranges(plan):
        right = "let a trigger name a guard that fires there, or write an alert with its `response`"
        yield PlanFinding(code="P270", path=places[found.guards[0]], problem=str(found), right=right)


def _never_judged(path: str, guard: Guard, query: Query) -> Iterator[PlanFinding]:
    for field, problem, right in _obstacles(guard, query):
        yield PlanFinding(code="P243", path=f"{path}.{field}", problem=problem, right=right)


def _obstacles(guard: Guard, query: Query) -> Iterator[tuple[str, str, str]]:
    if query.step > guard.gap:
        problem = f"samples every {format_duration(query.step)} are further apart than `gap`, so nothing can last"
        yield "gap", problem, f"write a `gap` of at least {format_duration(query.step)}"
    baseline, comparison = guard.baseline, guard.comparison
    if baseline is not None and guard.unit not in {"x", "%"}:
        yield "unit", f"a ratio to the baseline is not written in {guard.unit!r}", "write x or %"
    begins = min((one.start for one in guard.watched), default=None)
    if baseline is not None and baseline.end is not None and begins is not None and begins < baseline.end:
        problem = f"the guard is watched from {format_offset(begins)} on, before its baseline is over"
        yield "baseline.end", problem, "let the baseline end earlier, or watch later"
    if comparison is not None and guard.sustained is not None:
        needed = spacing(query) * comparison.samples
        if guard.sustained < needed:
            problem = (
                f"{format_duration(guard.sustained)} cannot hold the {comparison.samples} samples of the comparison"
            )
            yield "sustained", problem, f"write at least {format_duration(needed)}, or leave it out"
    if comparison is not None and guard.watched:
        lasts = max(one.end for one in guard.watched) - min(one.start for one in guard.watched)
        between = spacing(query) * comparison.samples
        if lasts > between * comparison.looks:
            spent = format_duration(between * comparison.looks)
            problem = f"the looks are spent after {spent}, and the guard is watched for {format_duration(lasts)}"
            yield "comparison.looks", problem, f"write at least {-(-lasts // between)}"
    unit = query.unit or guard.unit
    if guard.objective is not None and convert(1.0, "%", unit) is None:
        yield "query.unit", f"an objective judges a share of requests, and {unit!r} is none", "write % or ratio"
