"""Rules on time: nothing ends before it starts, and every item lies in its phase."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from launch.findings import PlanFinding
from launch.moments import format_offset
from launch.plan import Plan
from launch.plan_walk import walk

_STRETCHES = ("phases[]", "monitoring[]", "rollback.window[]", "comms.cadences[]", "recurring_tasks[]")
_PLACED = ("checks[]", "actions[]", "gates[]", "timeline[]")


def broken_moments(plan: Plan) -> Iterator[PlanFinding]:
    """P201, P202 and P203."""
    for pattern in _STRETCHES:
        yield from _backwards(plan, pattern)
    phases = {phase.id: phase for phase in plan.phases}
    for pattern in _PLACED:
        for path, item in walk(plan, pattern):
            phase = phases.get(_text(item, "phase"))
            offset = _offset(item, "offset")
            if phase is None or offset is None:
                continue
            if (phase.start is not None and offset < phase.start) or (phase.end is not None and offset > phase.end):
                stretch = f"{_show(phase.start)} to {_show(phase.end)}"
                problem = f"{format_offset(offset)} lies outside phase {phase.id!r}, which runs from {stretch}"
                yield PlanFinding(code="P202", path=f"{path}.offset", problem=problem)
    yield from _impossible(plan)


def _backwards(plan: Plan, pattern: str) -> Iterator[PlanFinding]:
    for path, item in walk(plan, pattern):
        start, end = _offset(item, "start"), _offset(item, "end")
        if start is not None and end is not None and end < start:
            problem = f"it ends at {format_offset(end)}, before it starts at {format_offset(start)}"
            yield PlanFinding(code="P201", path=f"{path}.end", problem=problem)


def _impossible(plan: Plan) -> Iterator[PlanFinding]:
    for at, check in enumerate(plan.checks):
        if check.due is not None and check.offset is not None and check.due < check.offset:
            problem = f"due at {format_offset(check.due)}, before it is asked at {format_offset(check.offset)}"
            yield PlanFinding(code="P203", path=f"checks[{at}].due", problem=problem)
    for at, point in enumerate(plan.checkpoints):
        if point.offset <= timedelta(0):
            problem = f"{format_offset(point.offset)} is not after go-live, from which checkpoints count"
            yield PlanFinding(
                code="P203",
                path=f"checkpoints[{at}].offset",
                problem=problem,
                right="write T+ something",
            )
    for at, step in enumerate(plan.rollout.steps):
        if step.minimum_hold is not None and step.maximum_hold is not None and step.maximum_hold < step.minimum_hold:
            problem = "the longest hold is shorter than the shortest"
            yield PlanFinding(code="P203", path=f"rollout.steps[{at}].maximum_hold", problem=problem)


def _offset(item: object, name: str) -> timedelta | None:
    value = getattr(item, name)
    return value if isinstance(value, timedelta) else None


def _text(item: object, name: str) -> str:
    return str(getattr(item, name))


def _show(offset: timedelta | None) -> str:
    return "whenever" if offset is None else format_offset(offset)
