"""A table of what a guard says: units, polarity, gaps, silence. Absence is never clear."""

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch.events import GuardChanged, GuardState
from launch.guards import inquiry, judge, look_back, newest_value
from launch.ports import Sample
from launch.state import LaunchState
from tests.fakes.guarding import at, guard, reading, series, steady

NAN = math.nan
GOOD, BAD = 1.0, 9.0
CLEAR, PENDING, FIRING, NO_DATA = GuardState.CLEAR, GuardState.PENDING, GuardState.FIRING, GuardState.NO_DATA


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
        (steady(BAD, 0, 120) + steady(NAN, 150, 150) + steady(BAD, 180, 420), 420, FIRING),
        (steady(BAD, 0, 120) + steady(NAN, 150, 180) + steady(BAD, 210, 420), 420, PENDING),
        (steady(BAD, 0, 120) + steady(BAD, 181, 421), 421, PENDING),
        (steady(BAD, 0, 120) + steady(BAD, 180, 420), 420, FIRING),
        (steady(BAD, 0, 310, every=61), 310, PENDING),
        (series([(300, BAD)]), 300, PENDING),
        (steady(BAD, 0, 300) + steady(NAN, 310, 350, every=10), 350, FIRING),
        (steady(BAD, 0, 300) + steady(NAN, 310, 370, every=10), 370, NO_DATA),
        ([], 300, NO_DATA),
        (steady(NAN, 0, 300), 300, NO_DATA),
        (steady(math.inf, 0, 300), 300, NO_DATA),
        (steady(BAD, 330, 900), 300, NO_DATA),
        (steady(5, 0, 300), 300, CLEAR),
    ],
)
def test_a_breach_is_measured_in_time(samples: list[Sample], now: int, expected: GuardState) -> None:
    assert reading(guard(), samples, at(now)).state is expected


def test_thousands_of_samples_in_a_minute_are_still_a_minute() -> None:
    assert reading(guard(), steady(BAD, 0, 60, every=1) * 50, at(60)).state is PENDING


def test_the_last_of_two_samples_at_one_instant_counts() -> None:
    assert reading(guard(), [*steady(BAD, 0, 300), *series([(300, GOOD)])], at(300)).state is CLEAR


def test_the_reading_says_value_instant_and_since_when_in_the_guards_unit() -> None:
    watched = guard(query={"of": "metrics", "query": "q", "unit": "ratio"})
    found = reading(watched, steady(0.09, 60, 400), at(405))
    assert (found.state, found.since, found.sampled_at) == (FIRING, at(60), at(390))
    assert found.value == pytest.approx(9)


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
    assert reading(guard(**changes), steady(value, 0, 300), at(300)).state is expected


@pytest.mark.parametrize(
    "changes",
    [
        {"query": {"of": "metrics", "query": "q", "unit": "s"}},
        {"comparator": "in", "value": "wide"},
        {"value": "high"},
    ],
)
@pytest.mark.parametrize("no_data", ["inconclusive", "breach"])
@pytest.mark.parametrize("polarity", ["breach", "must-hold"])
def test_what_cannot_be_judged_is_neither_clear_nor_silence(changes, polarity: str, no_data: str) -> None:
    watched = guard(polarity=polarity, no_data=no_data, **changes)
    assert reading(watched, steady(GOOD, 0, 300), at(300)).state is NO_DATA


# --- rates and means --------------------------------------------------------------------------------------------------


def counter(**changes) -> dict[str, object]:
    return {"query": {"of": "metrics", "query": "q", "kind": "counter", "over": "1m", "step": "15s"} | changes}


@pytest.mark.parametrize(
    ("points", "rate"),
    [
        ([(0, 100), (15, 130), (30, 160), (45, 190), (60, 220)], 2.0),
        ([(0, 100), (15, 130), (30, 15), (45, 45), (60, 75)], 1.75),
        ([(0, 100), (14, 128), (31, 162), (44, 188), (60, 220)], 2.0),
        ([(0, 100), (15, 130), (60, 220)], 2.0),
        ([(0, 100), (15, 130), (30, NAN), (45, 190), (60, 220)], 2.0),
        ([(-15, 0), (15, 60), (30, 60), (45, 60), (60, 60)], 0.5),
        ([(30, 100), (45, 130), (60, 160)], None),
        ([(60, 160)], None),
    ],
    ids=["even", "reset", "jitter", "missing", "nan", "part of the first interval", "half a window", "one sample"],
)
def test_a_counter_is_its_increase_per_second_over_the_window(points, rate: float | None) -> None:
    assert reading(guard(unit="req/s", **counter()), series(points), at(60)).value == rate


def test_a_hole_longer_than_the_gap_is_no_part_of_a_rate() -> None:
    watched = guard(unit="req/s", gap="30s", **counter(over="5m"))
    held = [(second, second * 2) for second in range(0, 120, 15)] + [(second, second) for second in range(150, 316, 15)]
    found = reading(watched, series(held), at(315))
    assert found.value == pytest.approx((2 * (105 - 15) + 165) / (90 + 165))


def test_a_mean_weighs_each_sample_by_the_time_it_speaks_for() -> None:
    watched = guard(sustained="0s", query={"of": "metrics", "query": "q", "over": "1m"})
    assert reading(watched, series([(0, 0), (10, 6), (60, 12)]), at(60)).value == (10 * 6 + 50 * 12) / 60
    burst = series([(second, 30 if second == 30 else 1) for second in range(0, 61, 5)])
    assert reading(watched, burst, at(60)).state is CLEAR


# --- silence ----------------------------------------------------------------------------------------------------------


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
    assert reading(guard(no_data="breach"), samples, at(now)).state is expected
    if expected is FIRING:
        assert reading(guard(), samples, at(now)).state is NO_DATA


def test_one_late_sample_is_no_silence_even_where_nothing_need_last() -> None:
    watched = guard(no_data="breach", sustained="0s")
    assert reading(watched, steady(GOOD, 0, 300), at(360)).state is CLEAR
    assert reading(watched, steady(GOOD, 0, 300), at(361)).state is FIRING


def test_a_source_that_does_not_answer_is_silent_since_it_first_did_not() -> None:
    watched, state = guard(no_data="breach", sustained="2m"), LaunchState()
    said = []
    for second in range(0, 181, 30):
        found = judge(inquiry(watched, state, at(second)), {}).reading
        said.append(found.state)
        event = GuardChanged(guard=watched.id, **dict(found))
        # Only changes are written down.
        if watched.id not in state.guards or state.guards[watched.id].state is not found.state:
            state._take(event, at(second))
    assert said == [NO_DATA] * 4 + [FIRING] * 3
    assert judge(inquiry(guard(), state, at(900)), {}).reading.detail == "metrics did not answer"


@given(st.lists(st.tuples(st.integers(0, 120), st.sampled_from([GOOD, BAD, NAN]))), st.integers(0, 130))
def test_a_guard_whose_newest_value_is_older_than_the_gap_is_never_clear(points, now: int) -> None:
    stale = [(second, value) for second, value in points if second < now - 60]
    assert reading(guard(), series(stale), at(now)).state is NO_DATA
    assert newest_value(guard(), series(stale), at(now)) is None


def test_the_newest_value_is_that_of_the_metric_whatever_it_is_compared_with() -> None:
    baseline = {"kind": "stored", "query": "peak"}
    watched = guard(unit="x", baseline=baseline, query={"of": "metrics", "query": "q", "unit": "x"})
    assert newest_value(watched, steady(BAD, 0, 60), at(60)) == BAD


def test_it_looks_back_as_far_as_the_longest_breach_may_reach() -> None:
    minute = timedelta(minutes=1)
    assert look_back(guard()) == 7 * minute
    assert look_back(guard(**counter(over="10m"))) == 18 * minute
