""" "For D" means time: a hundred thousand random series against an oracle that looks at every single second.

The oracle shares nothing with the code: it writes a series down second by second, and tries every beginning.
"""

import math
import random
from functools import cache
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from launch.events import GuardState
from launch.plan.watch import Guard, SeriesKind
from launch.ports import Sample
from tests.fakes.examples import times
from tests.fakes.guarding import at, guard, reading, series

SERIES = 100_000
LIMIT = 4.9873
"""A figure that no mean of whole numbers hits, so that rounding decides nothing."""
NAN = math.nan
CLEAR, PENDING, FIRING, NO_DATA = GuardState.CLEAR, GuardState.PENDING, GuardState.FIRING, GuardState.NO_DATA
Point = tuple[int, float]

# --- the oracle -------------------------------------------------------------------------------------------------------


def oracle(watched: Guard, points: list[Point], now: int) -> GuardState:
    gap, sustained = seconds(watched.gap), seconds(watched.sustained)
    known = {second: value for second, value in points if second <= now}
    heard = {second: value for second, value in sorted(known.items()) if math.isfinite(value)}
    if not heard or max(heard) < now - gap:
        return NO_DATA
    judged = heard if watched.query.over is None else means(watched, heard)
    if not judged or max(judged) < now - gap:
        return NO_DATA
    newest = max(judged)
    if judged[newest] <= LIMIT:
        return CLEAR
    for first in judged:
        held = [second for second in judged if second >= first]
        unbroken = all(later - earlier <= gap for earlier, later in pairwise(held))
        if unbroken and newest - first >= sustained and all(judged[second] > LIMIT for second in held):
            return FIRING
    return PENDING


def means(watched: Guard, heard: dict[int, float]) -> dict[int, float]:
    """At each sample the mean of the known seconds of its window, where four fifths of them are known."""
    gap, over = seconds(watched.gap), seconds(watched.query.over)
    by_second: dict[int, float] = {}
    for earlier, later in pairwise(heard):
        if later - earlier <= gap:
            value = heard[later]
            if watched.query.kind is SeriesKind.COUNTER:
                rise = value - heard[earlier]
                value = (rise if rise >= 0 else value) / (later - earlier)
            by_second.update(dict.fromkeys(range(earlier + 1, later + 1), value))
    found = {}
    for second in heard:
        if second in by_second:
            window = [by_second[one] for one in range(second - over + 1, second + 1) if one in by_second]
            if 5 * len(window) >= 4 * over:
                found[second] = sum(window) / len(window)
    return found


def seconds(duration: Any) -> int:
    return int(duration.total_seconds())


# --- series -----------------------------------------------------------------------------------------------------------


def some_series(chance: random.Random, watched: Guard) -> list[Point]:
    """Samples of uneven distance: some missing, some NaN or infinite, some twice, in any order; counters start anew."""
    counting = watched.query.kind is SeriesKind.COUNTER
    gap, every = seconds(watched.gap), chance.randint(2, 9)
    bad = chance.choice((0.1, 0.7, 0.9, 0.97))
    second, total, points = 0, 0, []
    for _ in range(chance.randint(0, 24)):
        passed = max(1, every + chance.randint(-1, 1))
        if chance.random() < 0.04:
            passed += chance.randint(1, gap + 3)
        second += passed
        value: float = chance.choice((6, 9)) if chance.random() < bad else chance.choice((0, 1, 4))
        if counting:
            total = chance.randint(0, 40) if chance.random() < 0.05 else total + int(value) * passed
            value = total
        points.append((second, value))
        if chance.random() < 0.05:
            points.append((second, chance.choice((1, 9, NAN, value))))
        if chance.random() < 0.04:
            points[-1] = (second, chance.choice((NAN, math.inf, -math.inf)))
    if chance.random() < 0.3:
        # Only the last of equal instants counts, so among different ones any order is the same series.
        points = list(dict(points).items())
        chance.shuffle(points)
    return points


@cache
def a_guard(kind: str, over: int, sustained: int, gap: int) -> Guard:
    query = {"of": "metrics", "query": "q", "kind": kind, "step": "5s"} | ({"over": f"{over}s"} if over else {})
    return guard(value=LIMIT, unit="", sustained=f"{sustained}s", gap=f"{gap}s", query=query)


@cache
def sample(second: int, value: float) -> Sample:
    return Sample(at=at(second), value=value)


def test_for_a_time_is_what_the_oracle_says_of_a_hundred_thousand_series() -> None:
    chance = random.Random(20_261_207)
    seen = dict.fromkeys(GuardState, 0)
    for n in range(SERIES):
        kind, over = chance.choice((("gauge", 0), ("gauge", 0), ("gauge", 20), ("counter", 15), ("counter", 30)))
        watched = a_guard(kind, over, chance.choice((0, 10, 30, 60)), chance.choice((8, 15, 25)))
        points = some_series(chance, watched)
        now = max((second for second, _ in points), default=0) + chance.choice((0, 0, 1, 5, 10, 20, -7))
        expected = oracle(watched, points, now)
        samples = [sample(second, value) for second, value in points]
        assert reading(watched, samples, at(now)).state is expected, (n, watched, points, now)
        seen[expected] += 1
    assert min(seen.values()) > SERIES / 20, seen


@times(10)
@given(
    begins=st.integers(0, 600),
    sustained=st.integers(0, 300),
    every=st.integers(5, 40),
    jitter=st.integers(0, 10),
    chance=st.randoms(use_true_random=False),
)
def test_a_breach_fires_neither_early_nor_a_sampling_interval_late(
    begins: int,
    sustained: int,
    every: int,
    jitter: int,
    chance: random.Random,
) -> None:
    watched = guard(sustained=f"{sustained}s", gap="1m", query={"of": "metrics", "query": "q", "step": f"{every}s"})
    instants = sorted({max(0, tick + chance.randint(-jitter, jitter)) for tick in range(0, 1_200, every)})
    taken = series((instant, 9.0 if instant >= begins else 1.0) for instant in instants)
    interval = max(later - earlier for earlier, later in pairwise(instants))
    first = next(now for now in instants if reading(watched, taken, at(now)).state is FIRING)
    heard = next(instant for instant in instants if instant >= begins)
    assert begins + sustained <= first <= heard + sustained + interval
