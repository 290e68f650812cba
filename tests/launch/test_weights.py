"""Weights that give a share: exact, whole, and fair to the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch.weights import WHOLE, share_of, with_share

NAMES = st.sampled_from(["stable", "canary", "shadow", "old"])
WEIGHTS = st.dictionaries(NAMES, st.integers(0, 1000), min_size=2).filter(lambda held: "canary" in held)


@given(WEIGHTS, st.integers(0, 100))
def test_the_target_gets_exactly_its_share_or_it_is_unclear_who_gets_the_rest(weights, percent):
    others = [weight for name, weight in weights.items() if name != "canary"]
    if len(others) > 1 and not sum(others) and percent < WHOLE:
        with pytest.raises(ValueError, match="several others"):
            with_share(weights, "canary", percent)
        return
    given_ = with_share(weights, "canary", percent)
    assert given_.keys() == weights.keys()
    assert sum(given_.values()) == WHOLE
    assert share_of(given_, "canary") == percent
    total = sum(others)
    for name, weight in weights.items():
        if name != "canary" and total:
            assert abs(given_[name] - (WHOLE - percent) * weight / total) < 1
            assert given_[name] >= 0


@given(WEIGHTS, st.integers(0, 100))
def test_giving_it_again_changes_nothing(weights, percent):
    others = sum(weight for name, weight in weights.items() if name != "canary")
    if others and percent < WHOLE:
        once = with_share(weights, "canary", percent)
        assert with_share(once, "canary", percent) == once


def test_a_target_alone_has_everything_and_nobody_to_give_to():
    assert with_share({"canary": 1}, "canary", 100) == {"canary": 100}
    with pytest.raises(ValueError, match="no other target"):
        with_share({"canary": 1}, "canary", 50)


def test_where_nobody_is_served_nobody_has_the_release():
    assert share_of({"stable": 0, "canary": 0}, "canary") == 0
