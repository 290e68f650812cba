"""The judge: one table for each comparator, and absence never means fine."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from launch.plan.checks import Comparator, Threshold
from launch.readings import Quantity, Reading, Scalar
from launch.release import Release
from launch.verdicts import Judgement, Verdict, judge
from tests.fakes.examples import times

NOW = datetime(2026, 12, 7, 7, tzinfo=UTC)
PASS, FAIL, UNCLEAR = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
NAN = math.nan

units = st.sampled_from(["ms", "s", "h", "%", "ratio", "MB", "req/s", "tenants", "errors", "state"])
scalars = st.one_of(
    st.floats(),
    st.integers(-100, 100),
    st.booleans(),
    st.sampled_from(["ok", "nan", "1..5", "3~1", "v1"]),
)


def limit(comparator: str, value: Scalar, unit: str = "", **more: Any) -> Threshold:
    return Threshold.model_validate({"metric": "m", "comparator": comparator, "value": value, "unit": unit} | more)


def reading(value: Scalar | None, unit: str = "", where: str = "here") -> Reading:
    return Reading(values={} if value is None else {"m": Quantity(value=value, unit=unit)}, where=where, at=NOW)


def verdict(comparator: str, figure: Scalar, measured: Scalar, units: tuple[str, str] = ("", "")) -> Verdict:
    return judge([limit(comparator, figure, units[0])], [reading(measured, units[1])]).verdict


@pytest.mark.parametrize(
    ("comparator", "figure", "measured", "expected"),
    [
        ("<", 5, 4.9, PASS),
        ("<", 5, 5, FAIL),
        ("<", 5, math.inf, FAIL),
        ("<=", 5, 5, PASS),
        ("<=", 5, 5.1, FAIL),
        (">", 5, 5, FAIL),
        (">", 5, 5.1, PASS),
        (">=", 5, 5, PASS),
        (">=", 5, 4.9, FAIL),
        ("==", 5, 5.0, PASS),
        ("==", 5, 5.1, FAIL),
        ("==", 0.3, 0.1 + 0.2, PASS),
        ("<", 0.3, 0.1 + 0.2, FAIL),
        ("!=", 5, 5.1, PASS),
        ("!=", 5, 5, FAIL),
        ("in", "0.3..3", 0.3, PASS),
        ("in", "0.3..3", 3, PASS),
        ("in", "0.3..3", 3.1, FAIL),
        ("in", "-2..2", -1, PASS),
        ("around", "10~2", 8, PASS),
        ("around", "10~2", 12.1, FAIL),
        ("==", "v2.5.0", "v2.5.0", PASS),
        ("==", "allkeys-lru", "ALLKEYS-LRU", PASS),
        ("==", "v2.5.0", "v2.4.9", FAIL),
        ("!=", "degraded", "operational", PASS),
        ("!=", "degraded", "degraded", FAIL),
        ("==", "16", "16", PASS),
        ("==", "16", "15", FAIL),
        ("==", True, True, PASS),
        ("==", True, False, FAIL),
        ("==", True, "true", PASS),
        ("==", True, 1, PASS),
        ("!=", True, 1.0, FAIL),
        ("!=", False, 1.0, PASS),
    ],
)
def test_a_value_is_held_against_the_figure(comparator: str, figure: Scalar, measured: Scalar, expected) -> None:
    assert verdict(comparator, figure, measured) is expected


@pytest.mark.parametrize(
    ("comparator", "figure", "measured"),
    [
        ("<", 5, NAN),
        ("==", 5, NAN),
        ("!=", 5, NAN),
        ("!=", "degraded", NAN),
        ("in", "1..5", NAN),
        ("around", "3~1", NAN),
        ("<", 5, "ok"),
        (">=", 1, True),
        ("<", 5, "4"),
        ("!=", 5, "unknown"),
        ("!=", "degraded", 5),
        ("<", NAN, 5),
        ("!=", NAN, 5),
        ("<", "5..6", 5),
        ("in", "5", 5),
        ("in", "nan..nan", 5),
        ("in", "1..", 5),
        ("around", "5", 5),
        ("around", "5~inf", 5),
    ],
)
def test_what_cannot_be_compared_is_no_clear_answer(comparator: str, figure: Scalar, measured: Scalar) -> None:
    assert verdict(comparator, figure, measured) is UNCLEAR


@pytest.mark.parametrize(
    ("units", "measured", "expected"),
    [
        (("s", "ms"), 4_900, PASS),
        (("s", "ms"), 5_100, FAIL),
        (("%", "ratio"), 0.049, PASS),
        (("%", "ratio"), 0.051, FAIL),
        (("s", "%"), 1, UNCLEAR),
        (("s", "tenants"), 1, UNCLEAR),
        (("tenants", "s"), 1, UNCLEAR),
        (("s", ""), 1, PASS),
    ],
)
def test_units_are_converted_or_refused(units: tuple[str, str], measured: float, expected) -> None:
    assert verdict("<", 5, measured, units) is expected


@given(limits=st.lists(st.tuples(st.sampled_from(list(Comparator)), scalars, units), max_size=3))
def test_no_data_never_passes(limits) -> None:
    thresholds = [limit(comparator.value, figure, unit) for comparator, figure, unit in limits]
    assert judge(thresholds, []).verdict is UNCLEAR
    assert judge(thresholds, [reading(None)]).verdict is UNCLEAR


@times(5)
@given(st.sampled_from(list(Comparator)), scalars, units, units)
def test_nan_never_passes_and_never_fails(comparator: Comparator, figure: Scalar, unit: str, other: str) -> None:
    assert verdict(comparator.value, figure, NAN, (unit, other)) is UNCLEAR


@times(5)
@given(st.sampled_from(list(Comparator)), scalars, st.floats(-100, 100), units, units)
def test_another_dimension_never_passes(comparator: Comparator, figure: Scalar, measured: float, unit, other) -> None:
    nouns = {"tenants", "errors", "state"}
    shares = [{"ms", "s", "h"}, {"%", "ratio"}, nouns]
    assume(unit != other and not any({unit, other} <= one for one in shares))
    assert verdict(comparator.value, figure, measured, (unit, other)) is not PASS


@given(st.lists(st.sampled_from([1, 9, NAN, None]), min_size=1, max_size=5))
def test_every_reading_must_satisfy_and_the_worst_decides(measured) -> None:
    found = judge([limit("<", 5)], [reading(value) for value in measured]).verdict
    told = [value for value in measured if value is not None]
    assert (found is FAIL) == (9 in told)
    assert (found is PASS) == (bool(told) and all(value == 1 for value in told))


def test_no_limit_is_no_clear_answer() -> None:
    assert judge([], [reading(1)]).verdict is UNCLEAR


def test_one_limit_without_a_value_spoils_the_rest() -> None:
    other = Threshold(metric="other", comparator=Comparator.LESS, value=5)
    assert judge([limit("<", 5), other], [reading(1)]).verdict is UNCLEAR


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        (Release(version="v9", services={"api": "v2"}), PASS),
        (Release(version="v9", services={"api": "v3"}), FAIL),
        (Release(version="v9"), FAIL),
        (None, FAIL),
    ],
)
def test_a_services_figure_is_the_release_being_launched(release: Release | None, expected: Verdict) -> None:
    assert judge([limit("==", "v1", service="api")], [reading("v2")], release).verdict is expected


def sentence(*readings: Reading) -> Judgement:
    return judge([limit("<=", 5, "%")], readings)


def test_a_failure_says_what_was_measured_expected_and_where() -> None:
    assert sentence(reading(8.25, "%", "edge"), reading(1, "%", "core")).sentence == (
        "m is 8.25% at edge, expected <= 5%"
    )


def test_an_unclear_answer_says_so() -> None:
    assert sentence().sentence == "m is no data at nowhere, expected <= 5%: no clear answer"
    assert sentence(reading(None)).sentence == "m is no data at here, expected <= 5%: no clear answer"
    assert sentence(reading(1, "s")).sentence == "m is 1 s at here, expected <= 5%: no clear answer"
