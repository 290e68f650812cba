"""A comparison is honest over many looks: simulated rollouts with a fixed seed, and a table of what it says when.

What is promised: at most one whole rollout in a hundred stopped for nothing, though its looks share samples; and nine in
ten rollouts with three times the errors found at the first look, with 20 samples of 200 requests on each side.
"""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from launch.events import ExposureSeen, GuardState
from launch.guards.comparison import compared, look_at, u_test
from launch.plan.watch import Comparison, Guard, Query
from launch.state import LaunchState
from tests.fakes.guarding import START, at, guard, reading, series

CLEAR, PENDING, FIRING, NO_DATA = GuardState.CLEAR, GuardState.PENDING, GuardState.FIRING, GuardState.NO_DATA
ROLLOUTS, LOOKS, SAMPLES = 2_000, 20, 20
SEED = 20_261_207
ALLOWED = 0.01
Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
STOPS = Comparison(false_alarms=ALLOWED, looks=LOOKS, samples=SAMPLES)


def share_of_errors(rate: float, requests: int) -> Draw:
    """Errors among so many requests for each sample."""
    return lambda chance, size: chance.binomial(requests, rate, size=size) / requests


def stopped(canary: Draw, stable: Draw, *, window: int | None = None, rollouts: int = ROLLOUTS) -> float:
    """The share of rollouts that any of their looks stops. A look tests all samples so far, or the last `window`."""
    chance = np.random.default_rng(SEED)
    size = (rollouts, LOOKS * SAMPLES)
    own, beside = canary(chance, size), stable(chance, size)
    breached = np.zeros(rollouts, dtype=bool)
    for number in range(1, LOOKS + 1):
        taken = slice(max(0, number * SAMPLES - (window or size[1])), number * SAMPLES)
        p_values, effects = u_test(own[:, taken], beside[:, taken], "higher")
        breached |= (np.asarray(p_values) <= ALLOWED / LOOKS) & (np.asarray(effects) >= STOPS.effect)
    return float(breached.mean())


SAME = {
    "latency": lambda chance, size: chance.lognormal(size=size),
    "shares of errors": share_of_errors(0.01, 200),
    "mostly zero": share_of_errors(0.01, 20),
}


@pytest.mark.parametrize("draw", SAME.values(), ids=SAME)
def test_the_same_against_the_same_stops_at_most_one_rollout_in_a_hundred(draw: Draw) -> None:
    assert stopped(draw, draw) <= ALLOWED / 4


@pytest.mark.parametrize("window", [SAMPLES, 3 * SAMPLES], ids=["apart", "overlapping"])
@pytest.mark.parametrize("draw", SAME.values(), ids=SAME)
def test_looks_that_share_less_keep_the_promise_too(draw: Draw, window: int) -> None:
    """Nearer to the limit (0.7 % in the long run), so more rollouts are needed to tell."""
    assert stopped(draw, draw, window=window, rollouts=8_000) <= ALLOWED


def test_neighbours_that_are_alike_by_a_tenth_do_not_break_the_promise() -> None:
    def alike(chance: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
        drawn = chance.normal(size=size)
        for n in range(1, size[1]):
            drawn[:, n] += 0.1 * drawn[:, n - 1]
        return drawn

    assert stopped(alike, alike) <= ALLOWED


def test_three_times_the_errors_are_found_at_the_first_look_in_nine_of_ten_rollouts() -> None:
    chance = np.random.default_rng(SEED)
    draws = [share_of_errors(rate, 200)(chance, (ROLLOUTS, SAMPLES)) for rate in (0.03, 0.01)]
    look = look_at(STOPS, QUERY, began=START, since=START, longest=None, now=at(SAMPLES * 15))
    assert look is not None
    found = [compared(STOPS, look, list(own), list(beside)) for own, beside in zip(*draws, strict=True)]
    assert sum(one.worse for one in found if not isinstance(one, str)) >= 0.9 * ROLLOUTS


def test_three_times_the_errors_of_few_requests_are_found_in_the_course_of_a_rollout() -> None:
    assert stopped(share_of_errors(0.03, 50), share_of_errors(0.01, 50)) >= 0.9


# --- looks ------------------------------------------------------------------------------------------------------------

QUERY = Query(of="metrics", query="canary", step="15s")
LOOK_TAKES = 15 * SAMPLES


@pytest.mark.parametrize(
    ("second", "since", "longest", "expected"),
    [
        (LOOK_TAKES - 1, 0, None, None),
        (LOOK_TAKES, 0, None, (1, 0, LOOK_TAKES)),
        (2 * LOOK_TAKES - 1, 0, None, (1, 0, LOOK_TAKES)),
        (5 * LOOK_TAKES, 0, None, (5, 0, 5 * LOOK_TAKES)),
        (5 * LOOK_TAKES, 900, None, (5, 900, 5 * LOOK_TAKES)),
        (5 * LOOK_TAKES, 0, 600, (5, 5 * LOOK_TAKES - 600, 5 * LOOK_TAKES)),
        (5 * LOOK_TAKES, 1_200, 600, (5, 1_200, 5 * LOOK_TAKES)),
        (200 * LOOK_TAKES, 0, None, (200, 200 * LOOK_TAKES - 30_000, 200 * LOOK_TAKES)),
    ],
)
def test_looks_are_counted_by_time_from_the_begin_of_the_rollout(second, since, longest, expected) -> None:
    reach = None if longest is None else timedelta(seconds=longest)
    look = look_at(STOPS, QUERY, began=START, since=at(since), longest=reach, now=at(second))
    if expected is None:
        assert look is None
    else:
        number, start, end = expected
        assert look == (number, at(start), at(end))


def canary_guard(**changes) -> Guard:
    """The canary's errors against those of the stable version beside it, compared from T0 on."""
    baseline = {"kind": "side-by-side", "query": "stable"}
    query = {"of": "metrics", "query": "canary", "step": "15s"} | changes.pop("query", {})
    baseline = changes.pop("baseline", baseline)
    figure = {"value": 1.5, "unit": "x", "sustained": None, "comparison": {}}
    return guard(query=query, baseline=baseline, **(figure | changes))


def launched(*steps: int) -> LaunchState:
    """A launch whose T0 is the start; steps of the rollout were entered at these seconds."""
    state = LaunchState()
    state.t0 = START
    for n, second in enumerate(steps, start=1):
        state._take(ExposureSeen(step=n, holds=True), at(second))
    return state


def noisy(level: float, until: int, every: int = 15):
    """Values spread around a level, evenly and always alike."""
    return series((second, level * (0.8 + 0.05 * (second // every % 9))) for second in range(0, until + 1, every))


@pytest.mark.parametrize(
    ("level", "until", "expected", "why"),
    [
        (3, 285, NO_DATA, "too early for the first look"),
        (3, 300, FIRING, "look 1 of 20: p = "),
        (3, 585, FIRING, "look 1 of 20"),
        (3, 600, FIRING, "look 2 of 20"),
        (1, 600, CLEAR, "A = 0.5"),
        (0.3, 600, CLEAR, "A = 0.00"),
        (3, 6_300, NO_DATA, "all 20 looks of the comparison are spent"),
    ],
)
def test_a_comparison_says_what_its_newest_look_found(level: float, until: int, expected: GuardState, why: str) -> None:
    found = reading(canary_guard(), noisy(level, until), at(until), beside=noisy(1, until), state=launched())
    assert found.state is expected, found
    assert why in found.detail
    if expected is not NO_DATA:
        assert found.value == pytest.approx(level)
        assert found.against == pytest.approx(1, abs=0.05)


def test_lower_may_be_worse() -> None:
    watched = canary_guard(comparison={"worse": "lower"}, comparator="<", value=0.8)
    assert reading(watched, noisy(0.3, 600), at(600), beside=noisy(1, 600), state=launched()).state is FIRING
    assert reading(watched, noisy(3, 600), at(600), beside=noisy(1, 600), state=launched()).state is CLEAR


def test_a_step_that_begins_is_not_excused_by_the_samples_of_the_one_before_it() -> None:
    until = 2_400
    healthy_then_not = [*noisy(1, 1_800), *[one for one in noisy(3, until) if one.at > at(1_800)]]
    old, new = launched(0), launched(0, 1_800)
    beside = noisy(1, until)
    assert "160 and 160" in reading(canary_guard(), healthy_then_not, at(until), beside=beside, state=old).detail
    found = reading(canary_guard(), healthy_then_not, at(until), beside=beside, state=new)
    assert (found.state, found.detail[:12]) == (FIRING, "look 8 of 20")
    assert "40 and 40 samples" in found.detail


def test_a_certain_difference_below_the_guards_figure_is_no_breach() -> None:
    half_more = reading(canary_guard(), noisy(1.4, 600), at(600), beside=noisy(1, 600), state=launched())
    assert (half_more.state, half_more.value) == (CLEAR, pytest.approx(1.4))
    stricter = canary_guard(value=30, unit="%", baseline={"kind": "side-by-side", "query": "stable", "deviation": True})
    assert reading(stricter, noisy(1.4, 600), at(600), beside=noisy(1, 600), state=launched()).state is FIRING


def test_errors_where_the_stable_version_has_none_are_a_breach() -> None:
    none = series((second, 0) for second in range(0, 601, 15))
    found = reading(canary_guard(), noisy(1, 600), at(600), beside=none, state=launched())
    assert (found.state, found.value, found.against) == (FIRING, None, 0)


def test_too_few_samples_on_either_side_are_inconclusive() -> None:
    sparse = noisy(1, 600, every=60)
    found = reading(canary_guard(), noisy(9, 600), at(600), beside=sparse, state=launched())
    assert (found.state, found.detail) == (NO_DATA, "10 of 20 samples to compare")
    found = reading(canary_guard(), noisy(9, 600), at(600), beside=(), state=launched())
    assert (found.state, found.detail) == (NO_DATA, "0 of 20 samples to compare")


def test_a_canary_that_fell_silent_is_no_data_whatever_the_last_look_found() -> None:
    assert reading(canary_guard(), noisy(9, 600), at(700), beside=noisy(1, 700), state=launched()).state is NO_DATA


def test_samples_that_are_all_alike_are_no_difference() -> None:
    alike = series((second, 0) for second in range(0, 601, 15))
    found = reading(canary_guard(), alike, at(600), beside=alike, state=launched())
    assert (found.state, found.value) == (CLEAR, None)
    assert "A = 0.50" in found.detail


def test_windows_of_a_rate_that_overlap_are_not_counted_twice() -> None:
    watched = canary_guard(query={"kind": "counter", "over": "1m"})
    canary = series((second, 3 * second) for second in range(0, 1_201, 15))
    stable = series((second, second) for second in range(0, 1_201, 15))
    found = reading(watched, canary, at(1_200), beside=stable, state=launched())
    assert found.state is FIRING
    assert "20 and 20 samples" in found.detail
    assert found.value == pytest.approx(3)


def test_a_difference_that_nobody_would_notice_is_no_breach_however_sure_it_is() -> None:
    many = 1_900
    own = [n % 100 + 8 for n in range(many)]
    beside = [n % 100 for n in range(many)]
    look = look_at(STOPS, QUERY, began=START, since=START, longest=None, now=at(300))
    assert look is not None
    found = compared(STOPS, look, own, beside)
    assert not isinstance(found, str)
    p_value, effect = u_test(own, beside, "higher")
    assert p_value < 1e-9
    assert 0.5 < effect < STOPS.effect
    assert not found.worse
