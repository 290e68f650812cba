"""What users of a product feel while it is rolled out by shares, as its metric store tells it over HTTP."""

import math
from collections.abc import Iterator
from datetime import timedelta

import pytest

from launch.effects.exposure import SetWeights
from launch.errors import PlanError, TransientFaultError
from sandbox.faults import parse_fault
from tests.fakes.routed_world import T0, RoutedWorld

ROUTE = "product"


@pytest.fixture
def world() -> Iterator[RoutedWorld]:
    with RoutedWorld().served() as world:
        yield world


def give(world: RoutedWorld, weight: int) -> None:
    effect = SetWeights(do="set-weights", on="router", routes=(ROUTE,), target="release", weight=weight)
    world.block("http-weights/sandbox-weights").apply(effect, world.occasion)


def value(world: RoutedWorld, query: str, *, ago: timedelta = timedelta(0)) -> float | None:
    """The newest sample of one series at a moment."""
    at = world.now - ago
    source = world.block("prometheus/sandbox-metrics")
    samples = source.series(query, start=at, end=at, step_seconds=15)
    return samples[-1].value if samples else None


def of(name: str, track: str) -> str:
    return f'{name}{{route="{ROUTE}",track="{track}"}}'


def requests(track: str, code: str = "200") -> str:
    return f'app_requests_total{{route="{ROUTE}",track="{track}",code="{code}"}}'


def test_errors_of_the_release_show_on_the_canary_alone(world):
    give(world, 25)
    world.world.set("product.error-rate", 8)
    assert value(world, of("app:error_rate:percent", "canary")) == 8
    assert value(world, of("app:error_rate:percent", "stable")) < 0.1


def test_the_whole_product_feels_the_release_by_its_share(world):
    shares = {}
    world.world.set("product.error-rate", 8)
    for weight in (0, 25, 100):
        for service in ("auth-service",):
            world.world.set(f"mesh.canary.{service}", weight)
        give(world, weight)
        shares[weight] = value(world, "app:error_rate_overall:percent")
        world.wait(minutes=1)
    assert shares[0] < shares[25] < shares[100] <= 8


def test_what_is_wrong_with_what_ran_before_shows_there(world):
    give(world, 50)
    world.world.set("product.stable-latency-ms", 900)
    assert value(world, of("app:latency_p95:ms", "stable")) == 900
    assert value(world, of("app:latency_p95:ms", "canary")) < 200


def test_nothing_can_be_said_of_a_track_without_requests(world):
    assert math.isnan(value(world, of("app:error_rate:percent", "canary")))
    give(world, 100)
    assert math.isnan(value(world, of("app:error_rate:percent", "stable")))


def test_counters_follow_the_weights_to_the_request(world):
    before = value(world, requests("canary"))
    give(world, 25)
    world.world.set("product.error-rate", 10)
    world.wait(seconds=100)
    good, bad = value(world, requests("canary")), value(world, requests("canary", "500"))
    assert (before, good, bad) == (0, 900, 100)


def test_a_change_seen_after_the_clock_moved_was_made_before_it_did(world):
    world.wait(seconds=1)
    give(world, 50)
    world.wait(seconds=60)
    assert value(world, f'app:exposure:percent{{route="{ROUTE}"}}', ago=timedelta(seconds=30)) == 50


def test_counters_begin_anew_when_the_pods_restart(world):
    give(world, 50)
    world.wait(seconds=60)
    assert value(world, requests("canary")) > 1000
    world.world.set("product.restarts.canary", 1)
    assert value(world, requests("canary")) == 0
    world.wait(seconds=1)
    assert 0 < value(world, requests("canary")) < 30


@pytest.mark.parametrize(
    ("text", "told"),
    [("97", 97.0), ("97.5%", 97.5), ("NaN", math.nan), ("none", None)],
    ids=["97", "pct", "nan", "none"],
)
def test_a_fault_sets_any_series_from_a_moment_on(world, text, told):
    fault = parse_fault(f"metric:app:cpu:percent@T-5m={text}")
    world.world.schedule(fault.knob, fault.value, T0 + fault.offset)
    healthy = value(world, "app:cpu:percent")
    assert 30 < healthy < 50
    world.wait(minutes=6)
    found = value(world, "app:cpu:percent")
    assert found == told or (found is not None and math.isnan(found) and math.isnan(told))
    assert value(world, "app:cpu:percent", ago=timedelta(minutes=6)) == healthy


def test_a_fault_can_mean_one_track_or_a_series_nobody_else_records(world):
    give(world, 25)
    for text in ('metric:app:error_rate:percent{track="canary"}@T-10m=7', 'metric:shop:carts:lost{shop="a"}@T-10m=3'):
        fault = parse_fault(text)
        world.world.schedule(fault.knob, fault.value, T0 + fault.offset)
    assert value(world, of("app:error_rate:percent", "canary")) == 7
    assert value(world, of("app:error_rate:percent", "stable")) < 1
    assert value(world, 'shop:carts:lost{shop="a"}') == 3


def test_a_stale_series_shows_its_last_sample_for_five_minutes_and_then_none(world):
    last = value(world, "app:cpu:percent", ago=timedelta(seconds=1))
    world.world.set("metric.app:cpu:percent", "stale")
    world.wait(minutes=4)
    assert value(world, "app:cpu:percent") == last
    world.wait(minutes=2)
    assert value(world, "app:cpu:percent") is None


@pytest.mark.parametrize("mode", ["500", "429"])
def test_a_metric_store_out_of_order_is_worth_another_try(world, mode):
    world.world.set("vendor.prometheus", mode)
    with pytest.raises(TransientFaultError, match=mode):
        value(world, "app:cpu:percent")


def test_a_metric_store_that_hangs_is_a_time_out(world):
    world.world.set("vendor.prometheus", "hang")
    source = world.block("prometheus/sandbox-metrics", timeout_seconds=0.2)
    with pytest.raises(TransientFaultError, match="no answer in time"):
        source.series("app:cpu:percent", start=world.now, end=world.now, step_seconds=15)


@pytest.mark.parametrize("text", ["metric:app:cpu:percent@T0", "metric@T0=3", "metric:app:cpu:percent@T0=high"])
def test_a_fault_without_series_or_value_is_refused(text):
    with pytest.raises(PlanError):
        parse_fault(text)
