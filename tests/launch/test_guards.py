"""Guards: a condition is sustained when it held without a gap for a time, whatever the series looks like."""

import math
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch.events import GuardState
from launch.guards import evaluate, look_back
from launch.plan.watch import Guard
from launch.ports import Sample
from tests.fakes import plans
from tests.fakes.examples import times

START = datetime(2026, 12, 7, 7, tzinfo=UTC)
NAN = math.nan
GOOD, BAD = 1.0, 9.0
CLEAR, PENDING, FIRING, NO_DATA = GuardState.CLEAR, GuardState.PENDING, GuardState.FIRING, GuardState.NO_DATA


def guard(**changes: Any) -> Guard:
    """Above 5 % for 5 minutes, with samples at most a minute apart."""
    return Guard.model_validate(plans.guard("errors-high", **changes))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def series(points: Iterable[tuple[float, float]]) -> list[Sample]:
    return [Sample(at=at(seconds), value=value) for seconds, value in points]


def steady(value: float, start: int, end: int, every: int = 30) -> list[Sample]:
    return series((seconds, value) for seconds in range(start, end + 1, every))


# --- an oracle: say what "sustained" means, and try every beginning ---------------------------------------------------

points = st.lists(
    st.tuples(st.integers(0, 120), st.sampled_from([GOOD, BAD, BAD, BAD, BAD, BAD, BAD, NAN])),
    max_size=40,
)


def oracle(points: Sequence[tuple[int, float]], now: int, sustained: int, gap: int) -> GuardState:
    known = {second: value for second, value in points if second <= now}
    seconds = sorted(known)
    if not seconds or seconds[-1] < now - gap or math.isnan(known[seconds[-1]]):
        return NO_DATA
    if known[seconds[-1]] <= 5:
        return CLEAR
    for first in seconds:
        held = [second for second in seconds if second >= first]
        unbroken = all(later - earlier <= gap for earlier, later in pairwise(held))
        if all(known[second] > 5 for second in held) and unbroken and held[-1] - first >= sustained:
            return FIRING
    return PENDING


@times(30)
@given(points, st.integers(0, 130), st.integers(0, 60), st.integers(1, 30), st.randoms(use_true_random=False))
def test_sustained_is_what_the_oracle_says(points, now: int, sustained: int, gap: int, chance: random.Random) -> None:
    # Only the last of equal instants counts, so the order of the rest is free.
    last = list({second: (second, value) for second, value in points}.values())
    chance.shuffle(last)
    watched = guard(sustained=f"{sustained}s", gap=f"{gap}s")
    expected = oracle(points, now, sustained, gap)
    assert evaluate(watched, series(points), at(now)).state is expected
    assert evaluate(watched, series(last), at(now)).state is expected


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
    taken = [(instant, BAD if instant >= begins else GOOD) for instant in instants]
    interval = max(later - earlier for earlier, later in pairwise(instants))
    first = next(now for now in instants if evaluate(watched, series(taken), at(now)).state is FIRING)
    assert begins + sustained <= first <= begins + sustained + 2 * interval
    heard = next(instant for instant in instants if instant >= begins)
    assert first <= heard + sustained + interval


@times(10)
@given(
    st.lists(st.tuples(st.integers(5, 15), st.sampled_from([GOOD, BAD, BAD, BAD, BAD, NAN])), min_size=1, max_size=80),
    st.integers(0, 300),
    st.integers(0, 70),
)
def test_looking_back_as_far_as_the_guard_says_is_far_enough(steps, sustained: int, wait: int) -> None:
    watched = guard(sustained=f"{sustained}s", query={"of": "metrics", "query": "q", "step": "15s"})
    second, points = 0, []
    for step, value in steps:
        second += step
        points.append((second, value))
    now = at(second + wait)
    whole = series(points)
    recent = [sample for sample in whole if sample.at >= now - look_back(watched)]
    assert evaluate(watched, recent, now).state is evaluate(watched, whole, now).state


# --- a table ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "now", "expected"),
    [
        (steady(BAD, 0, 300), 300, FIRING),
        (steady(BAD, 0, 300), 330, FIRING),
        (steady(BAD, 0, 270), 299, PENDING),
        (steady(BAD, 0, 300), 361, NO_DATA),
        (steady(GOOD, 0, 300), 300, CLEAR),
        (steady(BAD, 0, 600) + steady(GOOD, 630, 630), 630, CLEAR),
        (steady(BAD, 0, 120) + steady(GOOD, 150, 150) + steady(BAD, 180, 420), 420, PENDING),
        (steady(BAD, 0, 120) + steady(NAN, 150, 150) + steady(BAD, 180, 420), 420, PENDING),
        (steady(BAD, 0, 120) + steady(BAD, 181, 421), 421, PENDING),
        (steady(BAD, 0, 120) + steady(BAD, 180, 420), 420, FIRING),
        (steady(BAD, 0, 310, every=61), 310, PENDING),
        (series([(300, BAD)]), 300, PENDING),
        (steady(BAD, 0, 300) + steady(NAN, 310, 310), 310, NO_DATA),
        ([], 300, NO_DATA),
        (steady(NAN, 0, 300), 300, NO_DATA),
        (steady(BAD, 330, 900), 300, NO_DATA),
        (steady(5, 0, 300), 300, CLEAR),
        (steady(math.inf, 0, 300), 300, FIRING),
    ],
)
def test_a_breach_is_measured_in_time(samples: list[Sample], now: int, expected: GuardState) -> None:
    assert evaluate(guard(), samples, at(now)).state is expected


def test_thousands_of_samples_in_a_minute_are_still_a_minute() -> None:
    assert evaluate(guard(), steady(BAD, 0, 60, every=1) * 50, at(60)).state is PENDING


def test_the_reading_says_the_value_in_the_guards_unit_and_since_when() -> None:
    watched = guard(query={"of": "metrics", "query": "q", "unit": "ratio"})
    reading = evaluate(watched, steady(0.09, 60, 400), at(400))
    assert (reading.state, reading.since) == (FIRING, at(60))
    assert reading.value == pytest.approx(9)


def test_the_last_of_two_samples_at_one_instant_counts() -> None:
    assert evaluate(guard(), [*steady(BAD, 0, 300), *series([(300, GOOD)])], at(300)).state is CLEAR


@pytest.mark.parametrize(
    ("changes", "value", "expected"),
    [
        ({"comparator": ">", "polarity": "breach"}, BAD, FIRING),
        ({"comparator": ">", "polarity": "breach"}, GOOD, CLEAR),
        ({"comparator": "<", "polarity": "must-hold"}, BAD, FIRING),
        ({"comparator": "<", "polarity": "must-hold"}, GOOD, CLEAR),
        ({"comparator": "in", "value": "4..6", "polarity": "must-hold"}, BAD, FIRING),
        ({"comparator": "==", "value": True, "polarity": "must-hold", "unit": ""}, 1.0, CLEAR),
        ({"comparator": "==", "value": True, "polarity": "must-hold", "unit": ""}, 0.0, FIRING),
    ],
)
def test_polarity_says_whether_the_condition_is_good_or_bad(changes, value: float, expected: GuardState) -> None:
    assert evaluate(guard(**changes), steady(value, 0, 300), at(300)).state is expected


@pytest.mark.parametrize(
    "changes",
    [
        {"query": {"of": "metrics", "query": "q", "unit": "s"}},
        {"comparator": "in", "value": "wide"},
        {"value": "high"},
    ],
)
@pytest.mark.parametrize("polarity", ["breach", "must-hold"])
def test_a_series_that_cannot_be_judged_is_no_data_and_never_clear(changes, polarity: str) -> None:
    assert evaluate(guard(polarity=polarity, **changes), steady(GOOD, 0, 300), at(300)).state is NO_DATA


@pytest.mark.parametrize(
    ("samples", "now", "expected"),
    [
        ([], 0, FIRING),
        (steady(GOOD, 0, 300), 300, CLEAR),
        (steady(GOOD, 0, 300), 599, NO_DATA),
        (steady(GOOD, 0, 300), 600, FIRING),
        (steady(GOOD, 0, 300) + steady(NAN, 330, 570), 599, NO_DATA),
        (steady(GOOD, 0, 300) + steady(NAN, 330, 600), 600, FIRING),
    ],
)
def test_silence_is_a_breach_only_where_the_guard_says_so(samples, now: int, expected: GuardState) -> None:
    assert evaluate(guard(no_data="breach"), samples, at(now)).state is expected
    if expected is FIRING:
        assert evaluate(guard(), samples, at(now)).state is NO_DATA


@given(points, st.integers(0, 130))
def test_without_a_newest_value_a_guard_is_never_clear(points, now: int) -> None:
    silent = [(second, value) for second, value in points if second <= now]
    newest = max((second for second, _ in silent), default=0)
    points = [*silent, (newest, NAN)]
    assert evaluate(guard(), series(points), at(now)).state is NO_DATA


@pytest.mark.parametrize(
    "asked",
    [
        {"baseline": {"kind": "side-by-side", "query": "stable"}},
        {"objective": {"target": 99.9, "windows": [{"long": "1h", "short": "5m", "burn": 14.4}]}},
        {"query": {"of": "metrics", "query": "errors", "kind": "counter", "over": "5m"}},
    ],
    ids=["baseline", "objective", "counter"],
)
def test_what_is_not_evaluated_yet_is_never_clear_and_never_fires(asked: dict[str, Any]) -> None:
    for value in (GOOD, BAD):
        assert evaluate(guard(**asked), steady(value, 0, 600), at(600)).state is NO_DATA
