"""Guards evaluated in a test: a source that answers just what is asked for, and series written down by seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from launch.guards import GuardReading, Question, Ruling, inquiry, judge
from launch.plan.watch import Guard
from launch.ports import Sample
from launch.state import LaunchState
from tests.fakes import plans

START = datetime(2026, 12, 7, 7, tzinfo=UTC)
Points = Iterable[tuple[float, float]]


def guard(**changes: Any) -> Guard:
    """Above 5 % for 5 minutes, with samples at most a minute apart."""
    return Guard.model_validate(plans.guard("errors-high", **changes))


def at(seconds: float) -> datetime:
    """So many seconds after the start."""
    return START + timedelta(seconds=seconds)


def series(points: Points) -> list[Sample]:
    """Samples by seconds after the start and value."""
    return [Sample(at=at(seconds), value=value) for seconds, value in points]


def steady(value: float, start: int, end: int, every: int = 30) -> list[Sample]:
    """One value all the time."""
    return series((seconds, value) for seconds in range(start, end + 1, every))


def ruling(
    watched: Guard,
    own: Sequence[Sample],
    now: datetime,
    *,
    beside: Sequence[Sample] = (),
    earlier: Sequence[Sample] = (),
    state: LaunchState | None = None,
) -> Ruling:
    """The ruling by a source that holds these samples and gives only those that a question reaches."""
    asked = inquiry(watched, state or LaunchState(), now)
    answers = {question: answer(question, own) for question in asked.own}
    answers |= {question: answer(question, beside) for question in asked.beside}
    if asked.earlier is not None:
        answers[asked.earlier] = answer(asked.earlier, earlier)
    return judge(asked, answers)


def answer(question: Question, samples: Sequence[Sample]) -> list[Sample]:
    """The samples that a question reaches."""
    return [sample for sample in samples if question.start <= sample.at <= question.end]


def reading(watched: Guard, own: Sequence[Sample], now: datetime, **more: Any) -> GuardReading:
    """The reading of that ruling."""
    return ruling(watched, own, now, **more).reading
