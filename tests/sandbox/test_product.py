"""The product's series: deterministic, and faithful to when a knob was turned."""

import gc
import weakref
from datetime import UTC, datetime, timedelta

from sandbox.product import Product
from sandbox.world import World

T0 = datetime(2026, 11, 23, 7, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        return self.now


def rate(product: Product, name: str, at: datetime) -> float:
    series = product.sampled(name, at)
    assert series is not None
    return series[()]


def test_equal_seeds_see_equal_products_and_other_seeds_others() -> None:
    one, two, other = (Product.of(World(now=Clock(), t0=T0, seed=seed)) for seed in (1, 1, 2))
    moments = [T0 + timedelta(minutes=n) for n in range(30)]
    seen = [[rate(product, "teei:latency_p95:ms", at) for at in moments] for product in (one, two, other)]
    assert seen[0] == seen[1] != seen[2]


def test_the_healthy_product_keeps_every_promise_of_the_runbook() -> None:
    product = Product.of(World(now=Clock(), t0=T0))
    limits = {
        "teei:request_rate:per_min": (10, 50),
        "teei:error_rate:percent": (0, 0.1),
        "teei:http_5xx:count5m": (0, 0),
        "teei:latency_p95:ms": (0, 500),
        "teei:db_query_p95:ms": (0, 100),
        "teei:db_pool_utilization:percent": (0, 80),
        "teei:redis_hit_ratio:percent": (70, 100),
    }
    for hours in range(-168, 168):
        for name, (low, high) in limits.items():
            assert low <= rate(product, name, T0 + timedelta(hours=hours)) <= high, name


def test_the_past_keeps_what_it_was_when_a_knob_is_turned() -> None:
    clock = Clock()
    world = World(now=clock, t0=T0)
    product = Product.of(world)
    world.set("product.error-rate", 8)
    clock.now = T0 + timedelta(minutes=10)
    world.reset("product.error-rate")
    minutes = (-1, 0, 9, 10)
    seen = [rate(product, "teei:error_rate:percent", T0 + timedelta(minutes=n)) > 1 for n in minutes]
    assert seen == [False, True, True, False]


def test_faults_belong_to_the_release() -> None:
    clock = Clock()
    world = World(now=clock, t0=T0)
    product = Product.of(world)
    world.set("product.error-rate", 8)
    world.set("product.latency-ms", 6000)
    clock.now = T0 + timedelta(minutes=20)
    world.set("product.serving", "previous")
    assert rate(product, "teei:error_rate:percent", clock.now) < 0.1
    assert rate(product, "teei:latency_p95:ms", clock.now) < 500
    assert rate(product, "teei:error_rate:percent", T0) == 8


def test_silence_empties_known_series_and_unknown_names_stay_unknown() -> None:
    world = World(now=Clock(), t0=T0)
    product = Product.of(world)
    world.set("product.no-data", True)
    assert product.sampled("teei:error_rate:percent", T0) == {}
    assert product.sampled("teei:nothing", T0) is None


def test_customers_come_after_the_go_live() -> None:
    clock = Clock()
    product = Product.of(World(now=clock, t0=T0))
    assert product.events() == []
    clock.now = T0 + timedelta(hours=4)
    assert len({event.customer for event in product.events()}) == 4
    clock.now = T0 + timedelta(hours=48)
    assert len({event.customer for event in product.events()}) == 5


def test_a_world_is_not_kept_alive_by_its_product() -> None:
    world = World(now=Clock(), t0=T0)
    Product.of(world)
    gone = weakref.ref(world)
    del world
    gc.collect()
    assert gone() is None
