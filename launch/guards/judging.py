"""One guard at one moment: what its source answered in, its state out. Absence is never clear."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from launch.events import BaselineRecorded
from launch.guards import baseline, objective
from launch.guards.asking import Inquiry, Question
from launch.guards.comparison import compared
from launch.guards.reading import GuardReading
from launch.guards.series import Point, buckets, cleaned, intervals, newest, points
from launch.guards.sustained import Judged, silent, sustained
from launch.plan.watch import BaselineKind, Comparison, Guard, GuardPolarity, Objective, Query
from launch.ports import Sample
from launch.units import convert
from launch.verdicts import Verdict, holds
from launch.words import GuardState

Answers = Mapping[Question, Sequence[Sample]]
"""What the sources answered; a question that one did not answer is missing."""


class Ruling(NamedTuple):
    """A guard's reading, and its baseline where this look recorded it: kept in the ledger, it is never asked again."""

    reading: GuardReading
    baseline: BaselineRecorded | None = None


def judge(inquiry: Inquiry, answers: Answers) -> Ruling:
    """The guard's state by the answers.

    Without a sample that is younger than `gap` (or an answer at all) there is silence, and `no_data` says what that
    means. Samples that cannot be judged (no baseline, too little of a window, another unit) are inconclusive.
    """
    guard, query = inquiry.guard, inquiry.guard.query
    if query is None:
        return Ruling(_inconclusive(None, "the guard has no query"))
    unanswered = [question.of for question in inquiry.own if question not in answers]
    if unanswered:
        since = inquiry.silent_since or inquiry.now
        return Ruling(silent(guard, inquiry.now, since, f"{unanswered[0]} did not answer"))
    record = _recorded(inquiry, answers)
    own = _asked(inquiry.own, answers)
    series = cleaned(own, inquiry.now)
    heard = newest(series, inquiry.now, guard.gap)
    if heard is None:
        return Ruling(_silence(inquiry, series), record)
    beside = _asked(inquiry.beside, answers)
    if guard.comparison is not None:
        return Ruling(_comparison(inquiry, guard.comparison, query, heard.at, sides=(own, beside)))
    if guard.objective is not None:
        return Ruling(_objective(inquiry, guard.objective, query, series))
    figure = inquiry.figure if record is None else record.value
    reading = sustained(guard, _judged(inquiry, query, own, beside, figure), inquiry.now)
    if reading is None:
        return Ruling(_inconclusive(heard.at, _why(guard, query)), record)
    return Ruling(reading.model_copy(update={"detail": _against(guard)}), record)


def newest_value(guard: Guard, samples: Sequence[Sample], now: datetime) -> float | None:
    """The newest value of a guard's metric itself, in the guard's unit; None where there is none within `gap`."""
    if guard.query is None:
        return None
    last = newest(points(guard.query, samples, gap=guard.gap, now=now), now, guard.gap)
    return None if last is None else _plain(guard, last.value)


def breached(guard: Guard, value: float) -> bool | None:
    """Whether a value in the guard's unit is a breach; None where that cannot be told."""
    verdict = holds(value, guard.comparator, guard.value)
    if verdict is Verdict.INCONCLUSIVE:
        return None
    return verdict is (Verdict.PASS if guard.polarity is GuardPolarity.BREACH else Verdict.FAIL)


def _judged(
    inquiry: Inquiry,
    query: Query,
    own: Sequence[Sample],
    beside: Sequence[Sample],
    figure: float | None,
) -> list[Judged]:
    """Every point that could be judged, oldest first; the others are gaps."""
    guard = inquiry.guard
    series = points(query, own, gap=guard.gap, now=inquiry.now)
    if guard.baseline is None:
        valued = [(one.at, _plain(guard, one.value), None) for one in series]
        return list(_known(guard, valued))
    normal = _normal(inquiry, query, [one.at for one in series], beside, figure)
    pairs = zip(series, normal, strict=True)
    return list(_known(guard, [(one.at, baseline.ratio(guard, one.value, against), against) for one, against in pairs]))


def _known(guard: Guard, valued: Iterable[tuple[datetime, float | None, float | None]]) -> Iterator[Judged]:
    for at, value, against in valued:
        answer = None if value is None else breached(guard, value)
        if value is not None and answer is not None:
            yield Judged(at, value, answer, against)


def _normal(
    inquiry: Inquiry,
    query: Query,
    moments: Sequence[datetime],
    beside: Sequence[Sample],
    figure: float | None,
) -> list[float | None]:
    """The baseline at each moment."""
    guard, now = inquiry.guard, inquiry.now
    if guard.baseline is not None and guard.baseline.kind is BaselineKind.SIDE_BY_SIDE:
        series = points(query, beside, gap=guard.gap, now=now)
        found = (newest(series, moment, guard.gap) for moment in moments)
        return [one.value if one is not None else None for one in found]
    if guard.baseline is not None and guard.baseline.kind is BaselineKind.STORED:
        last = newest(cleaned(beside, now), now, guard.gap)
        figure = last.value if last is not None else None
    return [figure for _ in moments]


def _recorded(inquiry: Inquiry, answers: Answers) -> BaselineRecorded | None:
    question = inquiry.earlier
    if question is None or question not in answers:
        return None
    return baseline.recorded(inquiry.guard, answers[question], question.start + inquiry.guard.gap, question.end)


def _comparison(
    inquiry: Inquiry,
    comparison: Comparison,
    query: Query,
    heard: datetime,
    *,
    sides: tuple[Sequence[Sample], Sequence[Sample]],
) -> GuardReading:
    guard, look = inquiry.guard, inquiry.look
    if look is None:
        return _inconclusive(heard, "too early for the first look of the comparison")
    own, beside = (buckets(query, side, gap=guard.gap, start=look.start, end=look.end) for side in sides)
    found = compared(comparison, look, own, beside)
    if isinstance(found, str):
        return _inconclusive(heard, found)
    value = baseline.ratio(guard, found.own, found.against)
    fires = found.worse and (value is None or breached(guard, value) is not False)
    return GuardReading(
        state=GuardState.FIRING if fires else GuardState.CLEAR,
        value=value,
        since=look.end if fires else None,
        sampled_at=look.end,
        against=found.against,
        detail=f"{found.detail}, {_against(guard)}",
    )


def _objective(inquiry: Inquiry, wanted: Objective, query: Query, series: Sequence[Point]) -> GuardReading:
    guard = inquiry.guard
    spoken = intervals(series, kind=query.kind, gap=guard.gap)
    reading = sustained(guard, list(objective.judged(guard, wanted, spoken)), inquiry.now)
    newest_burn = objective.burn(guard, wanted, spoken, spoken[-1].end) if spoken else None
    detail = str(newest_burn.pair) if newest_burn is not None else "no windows of a share of requests"
    if reading is None:
        return _inconclusive(series[-1].at, detail)
    return reading.model_copy(update={"detail": detail})


def _inconclusive(at: datetime | None, why: str) -> GuardReading:
    """There are samples, and they do not suffice: that is no silence, so never a breach."""
    return GuardReading(state=GuardState.NO_DATA, sampled_at=at, detail=why)


def _silence(inquiry: Inquiry, series: Sequence[Point]) -> GuardReading:
    if series:
        last = series[-1].at
        return silent(inquiry.guard, inquiry.now, last, f"no sample since {last:%H:%M:%S} UTC")
    asked_from = min(question.start for question in inquiry.own)
    since = min(inquiry.silent_since or asked_from, asked_from)
    return silent(inquiry.guard, inquiry.now, since, "no sample")


def _why(guard: Guard, query: Query) -> str:
    if guard.baseline is not None:
        return "no baseline to hold it against"
    if query.over is not None:
        return "too few samples in the window, or of a unit that does not fit the figure"
    return "the samples do not fit the guard's figure or unit"


def _against(guard: Guard) -> str:
    return f"against {guard.baseline.query}" if guard.baseline is not None and guard.baseline.query else ""


def _plain(guard: Guard, value: float) -> float | None:
    unit = guard.query.unit if guard.query is not None and guard.query.unit else guard.unit
    return convert(value, unit, guard.unit)


def _asked(questions: Sequence[Question], answers: Answers) -> list[Sample]:
    return [sample for question in questions for sample in answers.get(question, ())]
