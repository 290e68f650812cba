"""Jaeger: traces, sampling and the service map."""

from collections.abc import Iterator

import pytest

from blocks.tracing import JaegerTracing
from launch.probes.observability import ServiceMap, TraceSampling
from sandbox.parts.tracing import Tracing
from tests.fakes.observed_world import Observed

FLOW = TraceSampling(ask="trace-sampling", of="tracing", service="reporting-api")
MAP = ServiceMap(ask="service-map", of="tracing", edges=("reporting-api -> postgres", "export-service -> s3"))


@pytest.fixture
def world() -> Iterator[Observed]:
    with Observed(Tracing()).served() as world:
        yield world


def test_traces_flow_at_the_rate_handed_out(world: Observed) -> None:
    values = world.block(JaegerTracing).answer(FLOW, world.occasion()).values
    assert (values["trace_sample_rate"].value, values["trace_sample_rate"].unit) == (10, "%")
    assert values["traces"].value == 15


def test_a_service_without_traces_has_none(world: Observed) -> None:
    unknown = TraceSampling(ask="trace-sampling", of="tracing", service="forgotten-api")
    assert world.block(JaegerTracing).answer(unknown, world.occasion()).values["traces"].value == 0


def test_a_missing_dependency_is_named(world: Observed) -> None:
    block = world.block(JaegerTracing)
    assert block.answer(MAP, world.occasion()).values["missing_dependencies"].value == 0
    world.world.set("tracing.missing-edges", ["export-service -> s3"])
    reading = block.answer(MAP, world.occasion())
    assert reading.values["missing_dependencies"].value == 1
    assert "export-service -> s3" in reading.evidence


def test_an_empty_map_is_no_answer(world: Observed) -> None:
    world.world.set("tracing.silent", True)
    assert world.block(JaegerTracing).answer(MAP, world.occasion()).values == {}


def test_an_edge_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="caller -> callee"):
        ServiceMap(ask="service-map", of="tracing", edges=("reporting-api to postgres",))
