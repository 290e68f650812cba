"""What is normal: beside it, before it, or stored; without a baseline there is no data."""

import math
from datetime import timedelta

import pytest

from launch.events import BaselineRecorded, GuardState
from launch.guards import inquiry
from launch.plan.watch import Guard
from launch.state import LaunchState
from tests.fakes.guarding import START, at, guard, reading, ruling, series, steady

CLEAR, PENDING, FIRING, NO_DATA = GuardState.CLEAR, GuardState.PENDING, GuardState.FIRING, GuardState.NO_DATA


def launched() -> LaunchState:
    """A launch whose T0 is the start of the series."""
    state = LaunchState()
    state.t0 = START
    return state


def latency(kind: str, *, value: float, unit: str, **changes) -> Guard:
    """p95 in ms against what is normal."""
    where = {"start": "T-30m", "end": "T-10m"} if kind == "earlier" else {"query": "normal"}
    baseline = {"kind": kind, **where, "deviation": changes.pop("deviation", False)}
    query = {"of": "metrics", "query": "p95", "unit": "ms"} | changes.pop("query", {})
    return guard(value=value, unit=unit, baseline=baseline, query=query, **({"sustained": "1m"} | changes))


@pytest.mark.parametrize(
    ("unit", "deviation", "limit", "expected"),
    [("x", False, 2, 2.2), ("%", False, 200, 220), ("x", True, 1, 1.2), ("%", True, 100, 120)],
)
def test_the_ratio_is_written_in_the_guards_unit(unit: str, deviation, limit: float, expected: float) -> None:
    watched = latency("side-by-side", value=limit, unit=unit, deviation=deviation)
    found = reading(watched, steady(220, 0, 120), at(120), beside=steady(100, 0, 120))
    assert found.state is FIRING
    assert found.value == pytest.approx(expected)
    assert (found.against, found.detail) == (100, "against normal")


def test_within_ten_percent_of_stable_may_be_below_it() -> None:
    watched = latency("side-by-side", value=10, unit="%", deviation=True, comparator="<=", polarity="must-hold")
    for canary, expected in ((80, CLEAR), (100, CLEAR), (110, CLEAR), (111, FIRING)):
        found = reading(watched, steady(canary, 0, 120), at(120), beside=steady(100, 0, 120))
        assert found.state is expected, canary


def test_side_by_side_is_held_against_the_same_time() -> None:
    """Both get slower together: no breach, whatever the figures were before."""
    watched = latency("side-by-side", value=2, unit="x")
    canary = steady(100, 0, 300) + steady(900, 330, 600)
    assert reading(watched, canary, at(600), beside=steady(90, 0, 300) + steady(800, 330, 600)).state is CLEAR
    assert reading(watched, canary, at(600), beside=steady(90, 0, 600)).state is FIRING
    # Its samples come seven seconds before the canary's.
    earlier = series((second - 7, 90 if second <= 300 else 800) for second in range(0, 601, 30))
    assert reading(watched, canary, at(600), beside=earlier).state is CLEAR


@pytest.mark.parametrize(
    "beside",
    [(), steady(0, 0, 300), steady(-5, 0, 300), steady(math.nan, 0, 300), steady(100, 0, 100)],
    ids=["none", "zero", "negative", "nan", "stale"],
)
@pytest.mark.parametrize("kind", ["side-by-side", "stored"])
@pytest.mark.parametrize("no_data", ["inconclusive", "breach"])
def test_without_a_baseline_there_is_no_data_and_no_breach(kind: str, beside, no_data: str) -> None:
    watched = latency(kind, value=2, unit="x", no_data=no_data)
    found = reading(watched, steady(900, 0, 300), at(300), beside=beside)
    assert (found.state, found.value) == (NO_DATA, None)
    assert found.detail == "no baseline to hold it against"


def test_a_baseline_that_was_away_for_a_moment_breaks_nothing_within_the_gap() -> None:
    watched = latency("side-by-side", value=2, unit="x", sustained="5m")
    beside = steady(100, 0, 120) + steady(100, 180, 300)
    assert reading(watched, steady(250, 0, 300), at(300), beside=beside).state is FIRING
    beside = steady(100, 0, 60) + steady(100, 210, 300)
    assert reading(watched, steady(250, 0, 300), at(300), beside=beside).state is PENDING


def test_a_unit_that_writes_no_ratio_is_no_data() -> None:
    found = reading(latency("stored", value=2, unit="ms"), steady(900, 0, 300), at(300), beside=steady(1, 0, 300))
    assert found.state is NO_DATA


def test_twenty_percent_over_a_stored_average_peak() -> None:
    watched = latency("stored", value=120, unit="%")
    assert reading(watched, steady(121, 0, 120), at(120), beside=series([(100, 100)])).state is FIRING
    assert reading(watched, steady(119, 0, 120), at(120), beside=series([(100, 100)])).state is CLEAR


def test_two_counters_are_compared_by_their_rates() -> None:
    watched = latency("side-by-side", value=2, unit="x", query={"kind": "counter", "over": "1m"})
    # The canary was restarted, so it counts anew.
    canary = series((second, 5 * (second if second < 270 else second - 255)) for second in range(0, 301, 15))
    stable = series((second, 2 * second) for second in range(0, 301, 15))
    assert reading(watched, canary, at(300), beside=stable).value == pytest.approx(2.5)


# --- recorded once ----------------------------------------------------------------------------------------------------


def test_an_earlier_window_is_recorded_once_and_used_for_ever() -> None:
    watched, state = latency("earlier", value=2, unit="x"), launched()
    before = steady(100, -1_800, -1_200) + steady(200, -1_170, -600)
    first = ruling(watched, steady(350, 0, 120), at(120), earlier=before, state=state)
    weighed = (600 * 100 + 600 * 200) / 1_200
    assert first.baseline == BaselineRecorded(guard=watched.id, value=weighed, samples=41, query="p95")
    assert (first.reading.state, first.reading.against) == (FIRING, weighed)
    state._take(first.baseline, at(120))
    later = inquiry(watched, state, at(150))
    assert (later.earlier, later.figure) == (None, weighed)
    again = ruling(watched, steady(350, 0, 150), at(150), earlier=steady(1, -1_800, -600), state=state)
    assert (again.baseline, again.reading.against) == (None, weighed)


@pytest.mark.parametrize(
    "before",
    [(), steady(100, -1_800, -1_000), steady(math.nan, -1_800, -600), steady(100, -1_800, -600, every=90)],
    ids=["none", "two thirds", "nan", "gaps"],
)
def test_a_window_of_which_too_little_was_seen_is_asked_again_and_not_recorded(before) -> None:
    watched, state = latency("earlier", value=2, unit="x"), launched()
    found = ruling(watched, steady(350, 0, 120), at(120), earlier=before, state=state)
    assert (found.baseline, found.reading.state) == (None, NO_DATA)
    assert inquiry(watched, state, at(150)).earlier is not None


def test_a_window_that_is_not_over_is_not_asked_for() -> None:
    watched, state = latency("earlier", value=2, unit="x", no_data="breach"), launched()
    assert inquiry(watched, state, at(-601)).earlier is None
    assert ruling(watched, steady(350, -1_800, -600), at(-601), state=state).reading.state is NO_DATA
    question = inquiry(watched, state, at(-600)).earlier
    assert question is not None
    assert (question.start, question.end) == (at(-1_800) - watched.gap, at(-600))


def test_a_window_of_weeks_is_asked_no_finer_than_the_gap_allows() -> None:
    baseline = {"kind": "earlier", "start": "T-14d", "end": "T-7d"}
    watched = guard(unit="x", baseline=baseline)
    question = inquiry(watched, launched(), at(0)).earlier
    assert question is not None
    assert question.step == timedelta(minutes=1)
