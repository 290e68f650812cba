"""Ranges of a metric in which a guard is in breach and none that is has a response: somebody must be asked.

"Advance below 1 %, roll back above 5 %" says nothing of 3 %. The linter names such a range; at run time a step does not
advance in it, because a guard is not clear, and `unanswered` tells that no trigger will decide either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise

from launch.guards.judging import breached
from launch.model import Model
from launch.plan import Plan
from launch.plan.checks import Comparator
from launch.plan.watch import Guard, GuardPolarity
from launch.units import convert


class Range(Model):
    """Values of `metric` between `low` and `high` (None: without end, in `unit`) that no guard of `guards` answers.

    Its ends are figures of those guards; whether an end itself is answered, their comparators say.
    """

    metric: str
    low: float | None
    high: float | None
    unit: str
    guards: tuple[str, ...]

    def __str__(self) -> str:
        """`error_rate between 1 % and 5 % has no response`."""
        low, high = (None if end is None else f"{end:g} {self.unit}".rstrip() for end in (self.low, self.high))
        if low is not None and high is not None:
            return f"{self.metric} between {low} and {high} has no response"
        return f"{self.metric} {'below' if low is None else 'above'} {high if low is None else low} has no response"


def unanswered_ranges(plan: Plan) -> tuple[Range, ...]:
    """Every such range of the plan, by metric in the order of the guards.

    Guards belong together when they judge the same query in one way and units that convert. A guard has a response when
    a trigger or a promotion names it, or when it is an alarm that says what to do (`polarity: breach` with `response`;
    the text of a guard that must hold says what follows while it does). Guards that nothing evaluates, objectives and
    comparisons have no ranges; and where no guard responds at all there is no range between two.
    """
    return tuple(found for group in _groups(plan) for found in _ranges(plan, group))


def unanswered(plan: Plan, values: Mapping[str, float | None]) -> tuple[Range, ...]:
    """The ranges that the newest values of guards, by id and in each guard's own unit, lie in now."""
    return tuple(found for found in unanswered_ranges(plan) if _within(plan, found, values))


def _within(plan: Plan, found: Range, values: Mapping[str, float | None]) -> bool:
    guards = [guard for guard in plan.thresholds if guard.id in found.guards]
    for guard in guards:
        value = values.get(guard.id)
        number = None if value is None else convert(value, guard.unit, found.unit)
        if number is not None:
            inside = (found.low is None or number >= found.low) and (found.high is None or number <= found.high)
            # Of the ends themselves, one may be answered and the other may be no breach.
            return inside and _open(guards, _responding(plan), found.unit, number)
    return False


def _groups(plan: Plan) -> list[list[Guard]]:
    evaluated = _evaluated(plan)
    judged = [
        guard
        for guard in plan.thresholds
        if guard.id in evaluated and guard.query is not None and guard.objective is None and guard.comparison is None
    ]
    places = {guard.id: at for at, guard in enumerate(judged)}
    grouped = groupby(sorted(judged, key=_kind), key=_kind)
    groups = [sorted(group, key=lambda guard: places[guard.id]) for _, group in grouped]
    return sorted(groups, key=lambda group: places[group[0].id])


def _kind(guard: Guard) -> str:
    query = guard.query.model_dump_json(exclude={"step"}) if guard.query is not None else ""
    baseline = guard.baseline.model_dump_json() if guard.baseline is not None else ""
    return f"{guard.metric} {query} {baseline}"


def _ranges(plan: Plan, group: Sequence[Guard]) -> Iterator[Range]:
    unit, responding = group[0].unit, _responding(plan)
    guards = [guard for guard in group if convert(1.0, guard.unit, unit) is not None and _ends(guard, unit)]
    if not any(guard.id in responding for guard in guards):
        return
    ends = sorted({end for guard in guards for end in _ends(guard, unit)})
    cells = [(None, ends[0]), *pairwise(ends), (ends[-1], None)] if ends else []
    for is_open, run in groupby(cells, key=lambda cell: _open(guards, responding, unit, _inside(*cell))):
        if is_open:
            held = list(run)
            names = tuple(guard.id for guard in guards)
            yield Range(metric=group[0].metric, low=held[0][0], high=held[-1][1], unit=unit, guards=names)


def _open(guards: Sequence[Guard], responding: set[str], unit: str, number: float) -> bool:
    """Whether some guard is in breach at this number, and none that is has a response."""
    breaching = [guard.id for guard in guards if _breached(guard, unit, number)]
    return bool(breaching) and not responding & set(breaching)


def _breached(guard: Guard, unit: str, number: float) -> bool:
    value = convert(number, unit, guard.unit)
    return value is not None and bool(breached(guard, value))


def _inside(low: float | None, high: float | None) -> float:
    """A number between two neighbouring ends."""
    if low is None:
        return (high or 0.0) - 1
    return low + 1 if high is None else (low + high) / 2


def _ends(guard: Guard, unit: str) -> list[float]:
    """Where the guard's answer changes, in `unit`."""
    text = str(guard.value)
    match guard.comparator:
        case Comparator.IN:
            low, _, high = text.partition("..")
            figures = [low, high]
        case Comparator.AROUND:
            middle, _, span = text.partition("~")
            both = _numbers([middle, span])
            figures = [str(both[0] - both[1]), str(both[0] + both[1])] if len(both) == len((middle, span)) else []
        case _:
            figures = [] if isinstance(guard.value, bool) else [text]
    return [end for one in _numbers(figures) if (end := convert(one, guard.unit, unit)) is not None]


def _numbers(texts: Sequence[str]) -> list[float]:
    try:
        return [float(text) for text in texts]
    except ValueError:
        return []


def _evaluated(plan: Plan) -> set[str]:
    steps = {name for step in plan.rollout.steps for name in step.watch}
    while_clear = {name for action in plan.actions for name in action.while_clear}
    watched = {guard.id for guard in plan.thresholds if guard.watched}
    return watched | steps | while_clear | set(plan.rollout.watch) | _pulling(plan)


def _responding(plan: Plan) -> set[str]:
    told = {guard.id for guard in plan.thresholds if guard.polarity is GuardPolarity.BREACH and guard.response}
    return told | _pulling(plan)


def _pulling(plan: Plan) -> set[str]:
    promoting = {promotion.guard for promotion in plan.rollback.promotions if promotion.guard is not None}
    return promoting | {name for trigger in plan.rollback.triggers for name in trigger.guards}
