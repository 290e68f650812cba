"""Units: values convert within a dimension, and never across."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch.units import convert, dimension

TIME = ("ms", "s", "min", "h", "days", "weeks", "months", "years")
SHARE = ("ratio", "%")
SIZE = ("bytes", "KB", "MB", "GB")
RATE = ("req/s", "req/min")
KNOWN = (*TIME, *SHARE, *SIZE, *RATE)
NOUNS = ("tenants", "errors", "state", "version")

values = st.floats(-1e9, 1e9)


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (1500, "ms", "s", 1.5),
        (90, "min", "h", 1.5),
        (2, "weeks", "days", 14),
        (0.05, "ratio", "%", 5),
        (5, "%", "ratio", 0.05),
        (2, "GB", "MB", 2048),
        (1, "KB", "bytes", 1024),
        (120, "req/min", "req/s", 2),
        (3, "tenants", "tenants", 3),
        (3, "tenants", "customers", 3),
        (3, "", "tenants", 3),
        (3, "tenants", "", 3),
        (3, "", "s", 3),
        (3, "s", "", 3),
        (3, "", "", 3),
    ],
)
def test_a_value_keeps_its_meaning(value: float, source: str, target: str, expected: float) -> None:
    assert convert(value, source, target) == pytest.approx(expected)


@pytest.mark.parametrize(("unit", "what"), [("h", "time"), ("%", "share"), ("GB", "size"), ("req/s", "rate")])
def test_a_unit_has_a_dimension(unit: str, what: str) -> None:
    assert dimension(unit) == what


@pytest.mark.parametrize("unit", [*NOUNS, "", "S", "Ms", "percent"])
def test_a_noun_has_none(unit: str) -> None:
    assert dimension(unit) is None


@given(values, st.sampled_from(KNOWN), st.sampled_from([*KNOWN, *NOUNS]))
def test_what_measures_different_things_does_not_convert(value: float, source: str, target: str) -> None:
    if dimension(source) != dimension(target):
        assert convert(value, source, target) is None
        assert convert(value, target, source) is None


@given(values, st.sampled_from(KNOWN), st.sampled_from(KNOWN))
def test_there_and_back_is_the_same_value(value: float, source: str, target: str) -> None:
    there = convert(value, source, target)
    if there is not None:
        assert convert(there, target, source) == pytest.approx(value)


@given(values, values, st.sampled_from(KNOWN), st.sampled_from(KNOWN))
def test_conversion_keeps_the_order(one: float, other: float, source: str, target: str) -> None:
    first, second = convert(one, source, target), convert(other, source, target)
    if first is not None and second is not None and one < other:
        assert first <= second
