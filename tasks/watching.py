"""Evaluate guards on their series, and read the newest values for a status line."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import anyio.to_thread

from launch.errors import SystemFaultError
from launch.guards import Answers, Inquiry, Question, Ruling, figure_question, judge, newest_value
from launch.plan import Guard
from launch.ports import MetricSource, Sample, Systems
from tasks.retries import impatient, retryable

GUARDS_ASKED = "guards at"
"""How the names of these task runs begin: the watchdog finds by them when a run last asked its guards."""


@retryable(GUARDS_ASKED + " {now}")
async def watch_guards(
    inquiries: Sequence[Inquiry],
    systems: Systems,
    now: datetime,  # noqa: ARG001  the run's name tells it
) -> Mapping[str, Ruling]:
    """Each guard's state at `now`. A source that does not answer is no data: exposure waits, nothing passes.

    Every question is asked once, all of them side by side: a source that hangs costs one wait, however many guards ask.
    """
    answers = await _answers((question for one in inquiries for question in one.questions), systems)
    return await anyio.to_thread.run_sync(lambda: {one.guard.id: judge(one, answers) for one in inquiries})


watch_guards_at_once = impatient(watch_guards)


@retryable("newest figures at {now}")
async def read_newest(guards: Sequence[Guard], systems: Systems, now: datetime) -> Mapping[str, float | None]:
    """The newest value of each guard's metric by metric name, None where there is no data."""
    asked = {guard.metric: (guard, figure_question(guard, now)) for guard in guards}
    answers = await _answers((question for _, question in asked.values() if question is not None), systems)
    return {
        metric: newest_value(guard, answers.get(question, ()) if question is not None else (), now)
        for metric, (guard, question) in asked.items()
    }


read_newest_at_once = impatient(read_newest)


async def _answers(questions: Iterable[Question], systems: Systems) -> Answers:
    """What the sources answered; a question that one of them did not answer is missing."""
    distinct = list(dict.fromkeys(questions))
    found = await asyncio.gather(*(_ask(question, systems) for question in distinct))
    return {question: samples for question, samples in zip(distinct, found, strict=True) if samples is not None}


async def _ask(question: Question, systems: Systems) -> Sequence[Sample] | None:
    source = systems[question.of]
    if not isinstance(source, MetricSource):
        return None

    def fetch() -> Sequence[Sample]:
        step = question.step / timedelta(seconds=1)
        return source.series(question.query, start=question.start, end=question.end, step_seconds=step)

    try:
        return await anyio.to_thread.run_sync(fetch)
    except SystemFaultError:
        return None
