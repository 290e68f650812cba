"""Pods of workloads: scaled to zero and back, seen until they are there or gone, put back as they were."""

from collections.abc import Iterator
from typing import Any

import pytest

from blocks.platform.cluster import KubernetesCluster
from launch.effects.platform import ScaleWorkloads
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import Standing
from tests.fakes.routed_world import RoutedWorld

CANARIES = ("auth-service-canary", "api-gateway-canary")


@pytest.fixture
def world() -> Iterator[RoutedWorld]:
    with RoutedWorld().served() as world:
        yield world


@pytest.fixture
def block(world: RoutedWorld) -> Any:
    made = world.block("kubernetes-namespace/sandbox-mesh")
    assert isinstance(made, KubernetesCluster)
    return made


def scale(**replicas: int) -> ScaleWorkloads:
    named = {name.replace("_", "-"): count for name, count in replicas.items()}
    return ScaleWorkloads(do="scale-workloads", on="cluster", replicas=named)


def to(count: int) -> ScaleWorkloads:
    return ScaleWorkloads(do="scale-workloads", on="cluster", replicas=dict.fromkeys(CANARIES, count))


def test_what_has_the_size_already_holds(world, block):
    assert block.observe(to(1), world.occasion).standing is Standing.HOLDS


def test_workloads_are_scaled_to_zero_and_back(world, block):
    before = block.observe(to(0), world.occasion)
    assert (before.standing, before.state) == (Standing.ABSENT, dict.fromkeys(CANARIES, 1))
    block.apply(to(0), world.occasion)
    assert block.observe(to(0), world.occasion).standing is Standing.HOLDS
    assert block.observe_restored(to(0), before.state, world.occasion).standing is Standing.ABSENT
    block.restore(to(0), before.state, world.occasion)
    assert block.observe_restored(to(0), before.state, world.occasion).standing is Standing.HOLDS


def test_pods_that_never_get_ready_are_under_way(world, block):
    world.world.set("mesh.unready.auth-service-canary", True)
    block.apply(to(3), world.occasion)
    seen = block.observe(to(3), world.occasion)
    assert seen.standing is Standing.UNDER_WAY
    assert "auth-service-canary" in seen.detail


def test_a_workload_that_does_not_exist_fails(world, block):
    assert block.observe(scale(ghost=1), world.occasion).standing is Standing.FAILED
    with pytest.raises(PermanentFaultError, match="scale ghost"):
        block.apply(scale(ghost=1), world.occasion)


def test_an_api_server_out_of_order_is_worth_another_try(world, block):
    world.world.set("vendor.mesh", "500")
    with pytest.raises(TransientFaultError, match="HTTP 500"):
        block.apply(to(0), world.occasion)


def test_a_record_that_is_no_map_of_sizes_is_refused(world, block):
    with pytest.raises(PermanentFaultError, match="set the pods by hand"):
        block.restore(to(0), {"auth-service-canary": "many"}, world.occasion)
