"""A rehearsal starts the parts behind its plan's blocks, with those they stand on, and no others."""

from datetime import UTC, datetime

import pytest

from launch.errors import PlanError
from sandbox.faults import parse_fault
from sandbox.town import Town
from sandbox.town_parts import PARTS
from sandbox.world import World

T0 = datetime(2026, 12, 7, 7, tzinfo=UTC)


def names(needs: tuple[str, ...] | None) -> list[str]:
    town = Town(World(now=lambda: T0, t0=T0), needs=needs)
    town.stop()
    return [part.name for part in town.parts]


@pytest.mark.parametrize(
    ("needs", "parts"),
    [
        ((), []),
        (("http-weights/sandbox-weights", "prometheus/sandbox-metrics"), ["prometheus", "weights"]),
        (("aws-load-balancer-weights/sandbox-load-balancer",), ["aws", "load-balancer"]),
        (("shell-scripts/sandbox-shell", "kubernetes-namespace/sandbox-cluster"), ["cluster", "shell"]),
        (("prometheus/sandbox-metrcs",), ["prometheus"]),
    ],
)
def test_only_the_parts_that_are_needed_start(needs, parts):
    assert names(needs) == parts


def test_without_a_plan_every_part_starts_once():
    assert sorted(names(None)) == sorted(PARTS)


def test_a_town_offers_the_blocks_that_the_table_says():
    town = Town(World(now=lambda: T0, t0=T0))
    try:
        town.start()
        offered = {part.name: set(part.blocks(town.server.base_url(part))) for part in town.parts}
    finally:
        town.stop()
    assert offered == {name: set(behind.blocks) for name, behind in PARTS.items()}


@pytest.mark.parametrize("text", ["knob:dns.ttl@T0=1", "metric:no selector@T0=1"])
def test_a_fault_of_a_part_that_is_not_there_is_refused(text):
    town = Town(World(now=lambda: T0, t0=T0), needs=("prometheus/sandbox-metrics",))
    try:
        with pytest.raises(PlanError, match="which the sandbox does not have"):
            town.inject(parse_fault(text))
    finally:
        town.stop()
