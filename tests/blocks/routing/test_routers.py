"""Every router against its wire: what it gives is read back, changed only over what was read, and put back exactly."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from blocks.routing.gateway_api import GatewayRoutes
from blocks.routing.http_weights import HttpWeights
from blocks.routing.istio import IstioRoutes
from blocks.routing.load_balancer import LoadBalancerWeights
from launch.effects.exposure import SetWeights
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import Standing
from sandbox.parts.cluster_seed import SERVICES as VIRTUAL_SERVICES
from sandbox.parts.mesh_seed import HTTP_ROUTES
from tests.fakes.routed_world import RoutedWorld


@dataclass(frozen=True)
class Router:
    """One router: its block, the routes meant, the release's target, and the knobs of its part."""

    address: str
    routes: tuple[str, ...]
    target: str
    vendor: str
    interferes: str = ""
    by_hand: str = ""

    def effect(self, weight: int) -> SetWeights:
        return SetWeights(do="set-weights", on="router", routes=self.routes, target=self.target, weight=weight)


ISTIO = Router(
    "istio-routes/sandbox-mesh", ("auth-service", "api-gateway"), "canary", "vendor.mesh", "mesh.interferes",
    "mesh.canary.auth-service",
)  # fmt: skip
GATEWAY = Router(
    "gateway-routes/sandbox-mesh", ("auth-service", "api-gateway"), "canary", "vendor.mesh", "mesh.interferes"
)
HTTP = Router(
    "http-weights/sandbox-weights", ("product",), "release", "vendor.weights", "weights.interferes", "weights.release"
)
ALB = Router(
    "aws-load-balancer-weights/sandbox-load-balancer", ("80", "80/10"), "green", "vendor.aws", "", "load-balancer.green"
)
ROUTERS = pytest.mark.parametrize("router", [ISTIO, GATEWAY, HTTP, ALB], ids=["istio", "gateway", "http", "alb"])
GUARDED = pytest.mark.parametrize("router", [ISTIO, GATEWAY, HTTP], ids=["istio", "gateway", "http"])


@pytest.fixture(scope="module")
def running() -> Iterator[RoutedWorld]:
    with RoutedWorld(aws=True).served() as world:
        yield world


@pytest.fixture
def world(running: RoutedWorld) -> Iterator[RoutedWorld]:
    """The world, whose weights and knobs are put back after the test."""
    before = [
        (
            running.block(router.address),
            router.effect(0),
            running.block(router.address).observe(router.effect(0), running.occasion),
        )
        for router in (ISTIO, GATEWAY, HTTP, ALB)
    ]
    yield running
    running.restore()
    for block, effect, seen in before:
        block.restore(effect, seen.state, running.occasion)


def block_of(world: RoutedWorld, router: Router, **changes: Any) -> Any:
    return world.block(router.address, **changes)


@ROUTERS
def test_a_share_is_given_and_read_back(world, router):
    block = block_of(world, router)
    seen = block.observe(router.effect(25), world.occasion)
    assert (seen.standing, seen.exposure) == (Standing.ABSENT, 0)
    block.apply(router.effect(25), world.occasion)
    seen = block_of(world, router).observe(router.effect(25), world.occasion)
    assert (seen.standing, seen.exposure) == (Standing.HOLDS, 25)
    for route in router.routes:
        assert f"{route} 25 %" in seen.detail


@ROUTERS
def test_applying_twice_is_applying_once(world, router):
    block = block_of(world, router)
    block.apply(router.effect(50), world.occasion)
    once = block.observe(router.effect(50), world.occasion)
    block.apply(router.effect(50), world.occasion)
    assert block.observe(router.effect(50), world.occasion) == once


@ROUTERS
def test_what_was_there_comes_back_exactly(world, router):
    block = block_of(world, router)
    before = block.observe(router.effect(100), world.occasion)
    block.apply(router.effect(100), world.occasion)
    assert block.observe_restored(router.effect(100), before.state, world.occasion).standing is Standing.ABSENT
    block.restore(router.effect(100), before.state, world.occasion)
    seen = block.observe_restored(router.effect(100), before.state, world.occasion)
    assert (seen.standing, seen.exposure, seen.state) == (Standing.HOLDS, 0, before.state)


@pytest.mark.parametrize("router", [ISTIO, HTTP, ALB], ids=["istio", "http", "alb"])
def test_a_share_moved_by_hand_shows_as_what_it_is(world, router):
    block = block_of(world, router)
    block.apply(router.effect(25), world.occasion)
    world.world.set(router.by_hand, 40)
    seen = block.observe(router.effect(25), world.occasion)
    assert (seen.standing, seen.exposure) == (Standing.ABSENT, 40)


@GUARDED
def test_a_conflict_is_read_again_and_the_other_change_stays(world, router):
    world.world.set(router.interferes, 1)
    block = block_of(world, router)
    block.apply(router.effect(10), world.occasion)
    assert block.observe(router.effect(10), world.occasion).exposure == 10
    if router is HTTP:
        assert "shadow" in block.observe(router.effect(10), world.occasion).state["product"]["weights"]
    else:
        kind = VIRTUAL_SERVICES if router is ISTIO else HTTP_ROUTES
        assert world.mesh.body(kind, "auth-service")["metadata"]["annotations"]["somebody-else"]


@GUARDED
def test_somebody_who_changes_it_all_the_time_is_named(world, router):
    world.world.set(router.interferes, 1000)
    with pytest.raises(TransientFaultError, match="conflict 4 times in a row"):
        block_of(world, router).apply(router.effect(10), world.occasion)


@ROUTERS
@pytest.mark.parametrize("verb", ["observe", "apply"])
def test_a_router_out_of_order_is_worth_another_try(world, router, verb):
    world.world.set(router.vendor, "500")
    with pytest.raises(TransientFaultError, match=r"50[03]"):
        getattr(block_of(world, router), verb)(router.effect(10), world.occasion)


@pytest.mark.parametrize("router", [ISTIO, GATEWAY, HTTP], ids=["istio", "gateway", "http"])
def test_a_router_that_hangs_is_a_time_out(world, router):
    world.world.set(router.vendor, "hang")
    with pytest.raises(TransientFaultError, match="no answer in time"):
        block_of(world, router, timeout_seconds=0.2).apply(router.effect(10), world.occasion)


@ROUTERS
def test_a_target_that_is_not_there_fails_and_moves_nothing(world, router):
    block, effect = block_of(world, router), router.effect(10).model_copy(update={"target": "ghost"})
    seen = block.observe(effect, world.occasion)
    assert seen.standing is Standing.FAILED
    assert "ghost" in seen.detail
    with pytest.raises(PermanentFaultError, match="no such target"):
        block.apply(effect, world.occasion)
    assert block.observe(router.effect(0), world.occasion).standing is Standing.HOLDS


@ROUTERS
def test_a_route_that_is_not_there_is_one_sentence(world, router):
    effect = router.effect(10).model_copy(update={"routes": ("4711",)})
    with pytest.raises(PermanentFaultError, match="4711"):
        block_of(world, router).apply(effect, world.occasion)


@ROUTERS
@pytest.mark.parametrize("record", [{}, {"x": 3}])
def test_a_record_without_the_weights_is_refused(world, router, record):
    with pytest.raises(PermanentFaultError, match="set the weights by hand"):
        block_of(world, router).restore(router.effect(10), record, world.occasion)


@ROUTERS
def test_a_target_that_went_away_since_is_named(world, router):
    block = block_of(world, router)
    before = block.observe(router.effect(0), world.occasion).state
    record = {
        route: {place: {**weights, "gone": 0} for place, weights in splits.items()} for route, splits in before.items()
    }
    with pytest.raises(PermanentFaultError, match="gone is not there any more"):
        block.restore(router.effect(0), record, world.occasion)


@ROUTERS
def test_a_router_that_can_be_reached_says_so(world, router):
    assert block_of(world, router).check()


@pytest.mark.parametrize(("kind", "plural"), [(ISTIO, "virtualservices"), (GATEWAY, "httproutes")])
def test_a_missing_right_is_named(world, kind, plural):
    world.world.set("mesh.forbidden", f"patch {plural}")
    with pytest.raises(PermanentFaultError, match=f"missing right: patch {plural}"):
        block_of(world, kind).apply(kind.effect(10), world.occasion)
    with pytest.raises(PermanentFaultError, match=f"not patch {plural}"):
        block_of(world, kind).check()


def test_refused_credentials_of_an_endpoint_are_permanent_and_not_quoted(world):
    with pytest.raises(PermanentFaultError, match="renew the credentials") as refused:
        block_of(world, HTTP, token="guessed-token").observe(HTTP.effect(1), world.occasion)
    assert "guessed-token" not in str(refused.value)


def test_an_accepted_write_without_effect_is_not_taken_for_one(world):
    world.world.set("weights.obeys", False)
    block = block_of(world, HTTP)
    block.apply(HTTP.effect(25), world.occasion)
    assert block.observe(HTTP.effect(25), world.occasion).standing is Standing.ABSENT


def test_istio_keeps_matches_and_time_outs_and_leaves_the_testers_route_alone(world):
    before = world.mesh.body(VIRTUAL_SERVICES, "auth-service")["spec"]
    block_of(world, ISTIO).apply(ISTIO.effect(25), world.occasion)
    after = world.mesh.body(VIRTUAL_SERVICES, "auth-service")["spec"]
    testers, primary = after["http"]
    assert testers == before["http"][0]
    assert [end["weight"] for end in primary["route"]] == [75, 25]
    assert {**primary, "route": 0} == {**before["http"][1], "route": 0}
    assert after["hosts"] == before["hosts"]


def test_a_gateway_that_has_not_taken_the_change_up_is_under_way(world):
    world.world.set("mesh.gateway-lags", True)
    block = block_of(world, GATEWAY)
    block.apply(GATEWAY.effect(25), world.occasion)
    assert block.observe(GATEWAY.effect(25), world.occasion).standing is Standing.UNDER_WAY
    world.world.set("mesh.gateway-lags", False)
    assert block.observe(GATEWAY.effect(25), world.occasion).standing is Standing.HOLDS


def test_a_gateway_that_refuses_the_route_has_failed(world):
    world.world.set("mesh.gateway-refuses", True)
    block = block_of(world, GATEWAY)
    block.apply(GATEWAY.effect(25), world.occasion)
    seen = block.observe(GATEWAY.effect(25), world.occasion)
    assert seen.standing is Standing.FAILED
    assert "refuses auth-service: UnsupportedValue" in seen.detail


def test_the_load_balancer_stays_sticky(world):
    block = block_of(world, ALB)
    block.apply(ALB.effect(10), world.occasion)
    elb = block.client("elbv2")
    balancer = elb.describe_load_balancers(Names=["blue-green"])["LoadBalancers"][0]["LoadBalancerArn"]
    action = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["DefaultActions"][0]
    assert action["ForwardConfig"]["TargetGroupStickinessConfig"] == {"Enabled": True, "DurationSeconds": 300}


def test_every_router_is_here():
    kinds = {IstioRoutes, GatewayRoutes, HttpWeights, LoadBalancerWeights}
    slugs = {router.address.partition("/")[0] for router in (ISTIO, GATEWAY, HTTP, ALB)}
    assert {kind._block_type_slug for kind in kinds} == slugs
