"""The course of a launch as series over time: exposure and guards, with the moments that explain them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest

from launch import events
from launch.acts import plan_of
from launch.events import GuardState
from launch.ledger import Record
from launch.plan import Guard

_INTERVALS = 3
"""Samples of a step further apart than so many of its intervals have a hole between them."""


@dataclass(frozen=True)
class Point:
    """One value; None where there was no data or nobody looked, so that a line breaks there."""

    at: datetime
    value: float | None


@dataclass(frozen=True)
class GuardCourse:
    """A guard's values, the figure they are held against, and the stretches in which it fired."""

    id: str
    metric: str
    unit: str
    limit: float | None
    points: tuple[Point, ...]
    firing: tuple[tuple[datetime, datetime], ...]


@dataclass(frozen=True)
class Moment:
    """Something that explains a bend: gone live, a step advanced or held, a trigger, a rollback."""

    at: datetime
    what: str
    bad: bool = False


@dataclass(frozen=True)
class Course:
    """Everything that is drawn, oldest first. `exposure` is in % of users and empty where no step is a share."""

    launch: str
    product: str
    start: datetime
    end: datetime
    exposure: tuple[Point, ...]
    guards: tuple[GuardCourse, ...]
    moments: tuple[Moment, ...]

    @property
    def drawn(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self.exposure or self.guards)


def course_of(records: Sequence[Record]) -> Course:
    """The course so far, from the records alone. Raises `RefusedError` where they do not begin with an opening."""
    plan = plan_of(records)
    exposure = tuple(_exposure(records))
    longest = _INTERVALS * plan.rollout.every
    guards = tuple(one for guard in plan.thresholds if (one := _guard(guard, records, longest)).points)
    moments = tuple(_moments(records))
    seen = [point.at for line in (exposure, *(one.points for one in guards)) for point in line]
    seen += [moment.at for moment in moments]
    start, end = (min(seen), max(seen)) if seen else (records[0].at, records[-1].at)
    return Course(records[0].launch, plan.product.name, start, end, exposure, guards, moments)


def _exposure(records: Sequence[Record]) -> Iterator[Point]:
    for record in records:
        if isinstance(record.event, events.ExposureSeen) and record.event.percent is not None:
            yield Point(record.at, record.event.percent)


def _guard(guard: Guard, records: Sequence[Record], longest: timedelta) -> GuardCourse:
    points: list[Point] = []
    firing: list[tuple[datetime, datetime]] = []
    since: datetime | None = None
    for record in records:
        match record.event:
            case events.StepSampled(values=values) if guard.id in values:
                points.append(Point(record.at, values[guard.id]))
            case events.GuardChanged() as changed if changed.guard == guard.id:
                points.append(Point(changed.sampled_at or record.at, changed.value))
                if changed.state is GuardState.FIRING:
                    since = since or record.at
                elif since is not None:
                    firing.append((since, record.at))
                    since = None
            case _:
                pass
    if since is not None:
        firing.append((since, records[-1].at))
    limit = None if isinstance(guard.value, bool | str) else float(guard.value)
    ordered = tuple(_broken(sorted(points, key=lambda one: one.at), longest))
    return GuardCourse(guard.id, guard.metric, guard.unit, limit, ordered, tuple(firing))


def _broken(points: Sequence[Point], longest: timedelta) -> Iterator[Point]:
    """The points, with a hole wherever two are further apart than that: what was between, nobody knows."""
    for point, following in zip_longest(points, points[1:]):
        yield point
        if following is not None and following.at - point.at > longest:
            yield Point(point.at + (following.at - point.at) / 2, None)


def _moments(records: Sequence[Record]) -> Iterator[Moment]:
    for record in records:
        match record.event:
            case events.WentLive():
                yield Moment(record.at, "live")
            case events.StepAdvanced(step=step):
                yield Moment(record.at, f"step {step} advanced")
            case events.StepHeld(step=step):
                yield Moment(record.at, f"step {step} held", bad=True)
            case events.TriggerFired(trigger=trigger):
                yield Moment(record.at, trigger, bad=True)
            case events.RollbackClaimed():
                yield Moment(record.at, "rollback", bad=True)
            case events.ServiceRestored():
                yield Moment(record.at, "service restored")
            case _:
                pass
