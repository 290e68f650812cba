"""Grafana: panels with and without data, and marked periods."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from blocks.dashboards import GrafanaDashboards
from launch.effects.observability import MarkPeriod
from launch.ports import Acts, Answers, Standing
from launch.probes.observability import Dashboards, WatchPeriod
from sandbox.parts.grafana import Grafana
from tests.fakes.observed_world import Observed

SHOWN = Dashboards(ask="dashboards", of="dashboards", tag="teei", titles=("Latency", "Cache"))
WATCH = WatchPeriod(ask="watch-period", of="dashboards", tag="sprint")
MARK = MarkPeriod(do="mark-period", on="dashboards", tag="sprint", text="watching", lasts=timedelta(hours=1))


@pytest.fixture
def world() -> Iterator[Observed]:
    with Observed(Grafana()).served() as world:
        yield world


def test_the_block_answers_and_acts(world: Observed) -> None:
    block = world.block(GrafanaDashboards)
    assert isinstance(block, Answers)
    assert isinstance(block, Acts)


def test_an_empty_panel_and_a_missing_dashboard_are_named(world: Observed) -> None:
    block = world.block(GrafanaDashboards)
    values = block.answer(SHOWN, world.occasion()).values
    assert {name: quantity.value for name, quantity in values.items()} == {
        "dashboards_missing": 0,
        "panels_without_data": 0,
    }
    world.world.set("grafana.empty-panels", ["P99"])
    reading = block.answer(SHOWN.model_copy(update={"titles": ("Costs",)}), world.occasion())
    assert reading.values["dashboards_missing"].value == 1
    assert "Latency/P99" in reading.evidence


def test_series_that_fell_silent_empty_every_panel(world: Observed) -> None:
    world.at(hours=-1)
    world.world.set("product.no-data", True)
    values = world.block(GrafanaDashboards).answer(SHOWN, world.at().occasion()).values
    assert values["panels_without_data"].value == 9


def test_no_panel_at_all_is_no_answer(world: Observed) -> None:
    nothing = SHOWN.model_copy(update={"tag": "other"})
    values = world.block(GrafanaDashboards).answer(nothing, world.occasion()).values
    assert "panels_without_data" not in values


def test_a_period_is_marked_once_seen_and_ended(world: Observed) -> None:
    block = world.block(GrafanaDashboards)
    assert block.observe(MARK, world.occasion()).standing is Standing.ABSENT
    block.apply(MARK, world.occasion())
    before = block.observe(MARK, world.occasion())
    assert before.standing is Standing.HOLDS
    values = block.answer(WATCH, world.at(minutes=1).occasion()).values
    assert (values["sprint_duration"].value, values["sprint_running"].value) == (1, True)
    assert block.observe_restored(MARK, before.state, world.occasion()).standing is Standing.ABSENT
    block.restore(MARK, before.state, world.occasion())
    assert block.observe_restored(MARK, before.state, world.occasion()).standing is Standing.HOLDS
    assert block.answer(WATCH, world.at(minutes=2).occasion()).values["sprint_running"].value is False


def test_a_period_that_is_over_does_not_run(world: Observed) -> None:
    block = world.block(GrafanaDashboards)
    block.apply(MARK, world.occasion())
    values = block.answer(WATCH, world.at(hours=2).occasion()).values
    assert values["sprint_running"].value is False
    assert "sprint_duration" not in values
    assert block.observe(MARK, world.occasion()).standing is Standing.HOLDS
