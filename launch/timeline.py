"""A plan in absolute time: every moment, how long it takes, how far it may slip, and what T0 hangs on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from graphlib import TopologicalSorter
from zoneinfo import ZoneInfo

from pydantic import Field

from launch.model import Model
from launch.moments import Duration, Offset, format_duration
from launch.plan import Action, ActionRole, Gate, Plan

_NOW = timedelta(0)


class Moment(Model):
    """One thing that happens. `ends` and `slack` are None where the plan gives no duration or nothing depends on it.

    `slack` is how much later it may end without moving T0 (before T0) or the end of its phase (from T0
    on); below zero the plan itself is too tight. Gates are counted with their whole window.
    """

    kind: str
    id: str
    what: str
    phase: str = ""
    offset: Offset
    at: datetime
    local: str = Field(description="The same instant in the plan's time zone.")
    duration: Duration | None = None
    ends: datetime | None = None
    slack: Duration | None = None
    critical: bool = False


class Timeline(Model):
    """Everything a plan does, in order of time."""

    t0: datetime
    timezone: str
    moments: tuple[Moment, ...]
    critical_path: tuple[str, ...] = Field(description="Ids of the actions and gates that T0 hangs on, in order.")
    remarks: tuple[str, ...] = ()


@dataclass
class _Work:
    """An action or a gate in the network: starts no earlier than planned, after everything it waits for."""

    id: str
    start: timedelta
    duration: timedelta
    limit: timedelta
    after: tuple[str, ...] = ()
    end: timedelta = _NOW
    latest_end: timedelta = _NOW
    critical: bool = False

    @property
    def slack(self) -> timedelta:
        return self.latest_end - self.end


def timeline(plan: Plan, t0: datetime) -> Timeline:
    """Every moment of the plan for this T0 (aware). Moments after T0 will count from the actual go-live."""
    work = _network(plan)
    path = _critical_path(work)
    zone = ZoneInfo(plan.launch_time.timezone)
    moments = [
        _placed(one, one.offset, t0, zone, work.get(one.id) if one.kind in {"action", "gate"} else None)
        for one in _moments(plan)
        if one.offset is not None
    ]
    moments.sort(key=lambda moment: moment.at)
    remarks = tuple(_remarks(plan, t0.astimezone(zone), work))
    return Timeline(t0=t0, timezone=str(zone), moments=tuple(moments), critical_path=tuple(path), remarks=remarks)


@dataclass(frozen=True)
class _Planned:
    kind: str
    id: str
    what: str
    phase: str
    offset: timedelta | None
    duration: timedelta | None = None


def _moments(plan: Plan) -> Iterator[_Planned]:
    for phase in plan.phases:
        long = phase.end - phase.start if phase.start is not None and phase.end is not None else None
        yield _Planned("phase", phase.id, phase.title, phase.id, phase.start, long)
    for entry in plan.timeline:
        yield _Planned("timeline", entry.id, entry.what, entry.phase, entry.offset, entry.duration)
    for check in plan.checks:
        yield _Planned("check", check.id, check.what, check.phase, check.offset)
    for action in plan.actions:
        if action.role is not ActionRole.ALTERNATIVE:
            yield _Planned("action", action.id, action.what, action.phase, action.offset, action.duration)
    for gate in plan.gates:
        yield _Planned("gate", gate.id, gate.name, gate.phase, gate.offset, gate.window)
    yield from _around(plan)


def _around(plan: Plan) -> Iterator[_Planned]:
    """What belongs to no phase."""
    for step in plan.rollout.steps:
        yield _Planned("rollout", f"step-{step.n}", step.target, "", step.offset, step.minimum_hold)
    for drill in plan.drills:
        yield _Planned("drill", drill.id, drill.what, "", drill.offset, drill.duration)
    for point in plan.checkpoints:
        yield _Planned("checkpoint", point.id, point.title, "", point.offset, point.duration)
    for report in plan.reports:
        yield _Planned("report", report.id, report.title, "", report.offset)
    for criterion in plan.success_criteria:
        yield _Planned("criterion", criterion.id, criterion.what, "", criterion.measured_at)


def _placed(planned: _Planned, offset: timedelta, t0: datetime, zone: ZoneInfo, node: _Work | None) -> Moment:
    at = t0 + offset
    return Moment(
        kind=planned.kind,
        id=planned.id,
        what=planned.what,
        phase=planned.phase,
        offset=offset,
        at=at,
        local=at.astimezone(zone).strftime("%a %Y-%m-%d %H:%M"),
        duration=planned.duration,
        ends=at + planned.duration if planned.duration is not None else None,
        slack=node.slack if node is not None else None,
        critical=node is not None and node.critical,
    )


def _network(plan: Plan) -> dict[str, _Work]:
    """Actions and gates of the forward run with what each waits for, and how late each may end."""
    ends = {phase.id: phase.end for phase in plan.phases}
    work: dict[str, _Work] = {}
    for item in _forward(plan):
        start = item.offset or _NOW
        duration = (item.window if isinstance(item, Gate) else item.duration) or _NOW
        limit = _NOW if start < _NOW else max(start + duration, ends.get(item.phase) or start)
        work[item.id] = _Work(item.id, start, duration, limit)
    for item in _forward(plan):
        work[item.id].after = tuple(_waits_for(item, plan, work))
    order = list(TopologicalSorter({key: node.after for key, node in work.items()}).static_order())
    for key in order:
        node = work[key]
        node.end = max([node.start, *(work[one].end for one in node.after)]) + node.duration
        node.latest_end = node.limit
    for key in reversed(order):
        node = work[key]
        for one in node.after:
            work[one].latest_end = min(work[one].latest_end, node.latest_end - node.duration)
    return work


def _forward(plan: Plan) -> list[Action | Gate]:
    skipped = {ActionRole.ALTERNATIVE, ActionRole.UNDOES}
    actions = [one for one in plan.actions if one.offset is not None and one.role not in skipped]
    return [*actions, *(gate for gate in plan.gates if gate.offset is not None)]


def _waits_for(item: Action | Gate, plan: Plan, work: Mapping[str, _Work]) -> Iterator[str]:
    """Named predecessors and the phase's gates: a gate waits for what comes before it, what comes after waits for it.

    A predecessor that is planned later than its successor is left out: that plan has no order, only a wait.
    """
    start = work[item.id].start
    if isinstance(item, Action):
        yield from (one for one in item.after if one in work and work[one].start <= start)
        yield from (
            gate.id
            for gate in plan.gates
            if gate.id in work and gate.phase == item.phase and work[gate.id].start < start
        )
    else:
        yield from (
            one.id for one in plan.actions if one.id in work and one.phase == item.phase and work[one.id].start <= start
        )


def _critical_path(work: Mapping[str, _Work]) -> list[str]:
    """From the work before T0 that can slip least, back along what it waits for."""
    before = [node for node in work.values() if node.start < _NOW]
    waited_for = {one for node in before for one in node.after}
    node = min((one for one in before if one.id not in waited_for), key=_tightest, default=None)
    path: list[str] = []
    while node is not None:
        node.critical = True
        path.append(node.id)
        node = min((work[one] for one in node.after), key=_tightest, default=None)
    return path[::-1]


def _tightest(node: _Work) -> tuple[timedelta, timedelta]:
    return node.slack, -node.end


def _remarks(plan: Plan, t0: datetime, work: Mapping[str, _Work]) -> Iterable[str]:
    usual = plan.launch_time
    if usual.weekday is not None and t0.weekday() != usual.weekday:
        days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
        yield f"T0 is a {days[t0.weekday()]}; the plan expects a {days[usual.weekday]}"
    if usual.time is not None and t0.strftime("%H:%M") != usual.time:
        yield f"T0 is at {t0:%H:%M} {usual.timezone}; the plan expects {usual.time}"
    late = [node for node in work.values() if node.start < _NOW and node.slack < _NOW]
    passed_on = {one for node in late for one in node.after}
    for node in late:
        if node.id not in passed_on:
            late_by = format_duration(-node.slack)
            yield f"if everything takes as long as planned, {node.id} ends {late_by} too late for T0"
