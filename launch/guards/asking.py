"""Which series a guard needs at one moment, how far back and how fine, and what the ledger knows for it already."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from launch.calendar import moment_of
from launch.guards.comparison import Look, look_at
from launch.model import Model
from launch.plan.watch import Baseline, BaselineKind, Guard, Query
from launch.state import LaunchState
from launch.words import GuardState

_MANY = 2_000
"""Points of one question above which it is asked more coarsely, but never more coarsely than a guard's `gap`."""


class Question(Model):
    """One query put to one system between two instants."""

    of: str
    query: str
    start: datetime
    end: datetime
    step: timedelta


@dataclass(frozen=True)
class Inquiry:
    """Everything `judge` needs for one guard but the answers.

    `own` is asked of the guard's series and `beside` of the baseline's; `earlier` is asked once, to be recorded;
    `figure` is what was recorded. `silent_since` is when the guard, by the ledger, was last known to have no data.
    """

    guard: Guard
    now: datetime
    own: tuple[Question, ...] = ()
    beside: tuple[Question, ...] = ()
    earlier: Question | None = None
    figure: float | None = None
    look: Look | None = None
    silent_since: datetime | None = None

    @property
    def questions(self) -> tuple[Question, ...]:
        """All that is to be asked."""
        return (*self.own, *self.beside, *((self.earlier,) if self.earlier is not None else ()))


def look_back(guard: Guard) -> timedelta:
    """How far back the guard's series must reach for a breach of full length to be seen.

    The newest sample may be `gap` old, and the first of the breach up to `gap` older than `sustained`. At each of them
    the longest window is judged, whose first interval may begin `gap` before it.
    """
    reach = (guard.sustained or timedelta(0)) + 2 * guard.gap
    window = guard.query.over if guard.query is not None else None
    if guard.objective is not None:
        window = max(one.long for one in guard.objective.windows)
    return reach + (window + guard.gap if window is not None else timedelta(0))


def inquiry(guard: Guard, state: LaunchState, now: datetime) -> Inquiry:
    """What to ask for a guard at `now`; a guard without `query` asks nothing."""
    query, silent_since = guard.query, _silent_since(state, guard)
    if query is None:
        return Inquiry(guard, now, silent_since=silent_since)
    if guard.comparison is not None and guard.baseline is not None:
        return _comparing(guard, query, guard.baseline, state, now)
    start = now - look_back(guard)
    own = [_question(guard, query.of, query.query, start, now)]
    if guard.objective is not None and own[0].step > query.step:
        # Years of samples may be coarse; the short windows are not.
        short = max(one.short for one in guard.objective.windows)
        recent = now - short - (guard.sustained or timedelta(0)) - 3 * guard.gap
        own.append(_question(guard, query.of, query.query, recent, now))
    found = state.baselines.get(guard.id)
    return Inquiry(
        guard,
        now,
        own=tuple(own),
        beside=_beside(guard, query, start, now),
        earlier=_earlier(guard, query, state, now) if found is None else None,
        figure=found.value if found is not None else None,
        silent_since=silent_since,
    )


def figure_question(guard: Guard, now: datetime) -> Question | None:
    """What to ask for the newest value of a guard's metric alone."""
    query = guard.query
    if query is None:
        return None
    return _question(guard, query.of, query.query, now - 2 * guard.gap - (query.over or timedelta(0)), now)


def _comparing(guard: Guard, query: Query, baseline: Baseline, state: LaunchState, now: datetime) -> Inquiry:
    silent_since = _silent_since(state, guard)
    entered = [one.entered_at for one in state.steps.values() if one.entered_at is not None]
    watched = [moment_of(state, one.start) for one in guard.watched] if state.t0 is not None else []
    begins = [moment for moment in (*entered, *watched) if moment <= now]
    look = None
    if begins and guard.comparison is not None:
        began = min(begins)
        since = max((one for one in entered if one <= now), default=began)
        look = look_at(guard.comparison, query, began=began, since=since, longest=guard.sustained, now=now)
    start = (look.start if look is not None else now) - guard.gap - (query.over or timedelta(0))
    own = _question(guard, query.of, query.query, start, now)
    beside = _question(guard, baseline.of or query.of, baseline.query, start, now)
    exact = [one.model_copy(update={"step": query.step}) for one in (own, beside)]
    return Inquiry(guard, now, own=(exact[0],), beside=(exact[1],), look=look, silent_since=silent_since)


def _beside(guard: Guard, query: Query, start: datetime, now: datetime) -> tuple[Question, ...]:
    baseline = guard.baseline
    if baseline is None or baseline.kind is BaselineKind.EARLIER:
        return ()
    if baseline.kind is BaselineKind.STORED:
        start = now - guard.gap
    return (_question(guard, baseline.of or query.of, baseline.query, start, now),)


def _earlier(guard: Guard, query: Query, state: LaunchState, now: datetime) -> Question | None:
    baseline = guard.baseline
    if baseline is None or baseline.start is None or baseline.end is None:
        return None
    start, end = moment_of(state, baseline.start), moment_of(state, baseline.end)
    if end > now:
        return None
    return _question(guard, baseline.of or query.of, baseline.query or query.query, start - guard.gap, end)


def _question(guard: Guard, of: str, text: str, start: datetime, end: datetime) -> Question:
    step = guard.query.step if guard.query is not None else timedelta(seconds=15)
    coarse = max(step, min(guard.gap, (end - start) / _MANY))
    # Whole seconds: some sources take no others, and a step that drifts would ask for other instants each time.
    rounded = timedelta(seconds=int(coarse.total_seconds())) if coarse > step else step
    return Question(of=of, query=text, start=start, end=end, step=max(rounded, step))


def _silent_since(state: LaunchState, guard: Guard) -> datetime | None:
    known = state.guards.get(guard.id)
    if known is None or known.value is not None or known.state not in {GuardState.NO_DATA, GuardState.FIRING}:
        return None
    return known.since
