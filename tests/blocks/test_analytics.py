"""PostHog: figures since the go-live, and the mean of nothing."""

from collections.abc import Iterator

import pytest

from blocks.analytics import PostHogAnalytics
from launch.probes.observability import ProductEvents
from sandbox.parts.analytics import Analytics
from tests.fakes.observed_world import Observed


@pytest.fixture
def world() -> Iterator[Observed]:
    with Observed(Analytics()).served() as world:
        yield world


def figure(kind: str, event: str = "user logged in", **fields: str) -> ProductEvents:
    base = {"ask": "product-events", "of": "analytics", "name": "value", "event": event, "figure": kind}
    return ProductEvents.model_validate({**base, **fields})


@pytest.mark.parametrize(("kind", "expected"), [("events", 4), ("users", 4), ("customers", 4)])
def test_logins_of_the_first_four_hours(world: Observed, kind: str, expected: int) -> None:
    reading = world.block(PostHogAnalytics).answer(figure(kind), world.at(hours=4).occasion())
    assert reading.values["value"].value == expected


def test_before_the_go_live_there_is_no_answer(world: Observed) -> None:
    assert world.block(PostHogAnalytics).answer(figure("users"), world.at(hours=-1).occasion()).values == {}


def test_zero_logins_is_an_answer_but_their_mean_is_none(world: Observed) -> None:
    block, early = world.block(PostHogAnalytics), world.at(minutes=5).occasion()
    assert block.answer(figure("customers"), early).values["value"].value == 0
    mean = figure("mean", "first metric shown", of_property="minutes_since_login", unit="min")
    assert block.answer(mean, early).values == {}
    later = block.answer(mean, world.at(hours=4).occasion()).values["value"]
    assert later.unit == "min"
    assert later.value == pytest.approx(6.75)


def test_a_mean_needs_its_property() -> None:
    with pytest.raises(ValueError, match="of_property"):
        figure("mean")
