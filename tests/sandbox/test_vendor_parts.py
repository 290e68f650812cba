"""Endpoints of vendors that no plan of ours uses: that they refuse, and that the blocks find what they keep."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import httpx
import pytest
from prefect.blocks.core import Block
from pydantic import JsonValue

from blocks.elasticsearch import ElasticsearchLogs
from blocks.github_issues import GitHubIssues
from blocks.jira import Jira
from blocks.metrics.datadog import DatadogMetrics
from blocks.metrics.new_relic import NewRelicMetrics
from blocks.opsgenie import Opsgenie
from blocks.pingdom import Pingdom
from blocks.uptime_robot import UptimeRobot
from launch.effects.people import OpenTicket
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import Standing
from launch.probes.observability import LogLines, MonitorsUp, SyntheticUptime
from launch.probes.people import OncallRota, PagedIncidents
from sandbox.parts.cloud_sql import CloudSqlPart
from sandbox.parts.elasticsearch import ElasticsearchPart
from sandbox.parts.flagsmith import FlagsmithPart
from sandbox.parts.loki import Loki
from sandbox.parts.metric_vendors import MetricVendorsPart
from sandbox.parts.monitors import MonitorsPart
from sandbox.parts.opsgenie import OpsgeniePart
from sandbox.parts.trackers import TrackersPart
from sandbox.product import Product
from sandbox.server import serve
from sandbox.world import World
from tests.fakes.observed_world import T0, Observed

KINDS = [CloudSqlPart, FlagsmithPart, MetricVendorsPart, MonitorsPart, OpsgeniePart, TrackersPart]
each = pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])


@pytest.fixture
def world() -> Iterator[Observed]:
    loki = Loki()
    parts = (MonitorsPart(), OpsgeniePart(), TrackersPart(), MetricVendorsPart(), loki, ElasticsearchPart(loki))
    with Observed(*parts).served() as served:
        yield served.at(hours=1)


@each
def test_every_knob_is_named_after_its_part(kind) -> None:
    world, part = World(now=lambda: T0, t0=T0), kind()
    of_the_product: set[str] = set()
    if kind is MetricVendorsPart:  # it shows the product, whose knobs come with it
        Product.of(world)
        of_the_product = set(world.knobs)
    part.define(world)
    own = set(world.knobs) - of_the_product
    assert own
    assert {name.partition(".")[0] for name in own} == {part.name}


@each
def test_every_answer_needs_credentials(kind) -> None:
    world, part = World(now=lambda: T0, t0=T0), kind()
    part.define(world)
    part.start()
    bodies = {"cloneContext": {"destinationInstanceName": "x", "pointInTime": T0.isoformat()}}
    bodies |= {"feature_segment": {"segment": 1}, "enabled": True, "fields": {}, "alias": "x"}
    asked = {"date": T0.isoformat(), "interval": "1", "from": "0", "to": "1"}
    with serve(world, [part]) as server, httpx.Client(base_url=server.base_url(part)) as client:
        for route in part.routes():
            path = route.path.replace("{id:int}", "1").replace("{number:int}", "1").replace("{name}", "x")  # type: ignore[attr-defined]
            path = path.replace("{id}", "x").replace("{key}", "x")
            for method in route.methods - {"HEAD"}:  # type: ignore[attr-defined]
                answer = client.request(method, path, params=asked, json=bodies)
                refused = answer.status_code in {401, 403} or answer.json().get("stat") == "fail"
                assert refused or answer.json().get("errors"), (method, path, answer)
    part.stop()


@pytest.mark.parametrize("kind", [Pingdom, UptimeRobot])
def test_monitors_are_up_until_a_knob_says_otherwise(world: Observed, kind: type[Block]) -> None:
    block: Pingdom | UptimeRobot = world.block(kind)  # type: ignore[assignment]
    up = MonitorsUp(ask="monitors-up", of="monitors", tag="teei")
    seen = block.answer(up, world.occasion()).values
    assert (seen["monitors_up"].value, seen["monitors_down"].value) == (5, 0)
    world.world.set("monitors.down", 2)
    assert block.answer(up, world.occasion()).values["monitors_down"].value == 2
    world.world.set("monitors.uptime", 99.5)
    uptime = block.answer(SyntheticUptime(ask="synthetic-uptime", of="monitors", tag="teei"), world.occasion())
    (share,) = uptime.values.values()
    assert share.value == pytest.approx(99.5, abs=0.02)


@pytest.mark.parametrize("kind", [Jira, GitHubIssues])
def test_a_ticket_is_opened_found_and_taken_back(world: Observed, kind: type[Block]) -> None:
    block: Jira | GitHubIssues = world.block(kind)  # type: ignore[assignment]
    effect = OpenTicket(do="open-ticket", on="desk", ticket="postmortem", subject="Postmortem", text="Why?")
    occasion = world.occasion()
    before = block.observe(effect, occasion)
    assert before.standing is Standing.ABSENT
    block.apply(effect, occasion)
    assert block.observe(effect, occasion).standing is Standing.HOLDS
    block.restore(effect, before.state, occasion)
    assert block.observe_restored(effect, before.state, occasion).standing is Standing.HOLDS


def test_a_page_opens_one_alert_that_is_counted(world: Observed) -> None:
    block = world.block(Opsgenie)
    link = block.page("P1", "errors above 5 %", key="media-1/errors")
    assert block.page("P1", "errors above 5 %", key="media-1/errors") == link
    incidents = PagedIncidents(ask="paged-incidents", of="pager")
    seen = {name: one.value for name, one in block.answer(incidents, world.occasion()).values.items()}
    assert seen == {"incidents": 1, "p0_p1_incidents": 1, "incidents_unowned": 0, "incidents_unwritten": 0}
    world.world.set("opsgenie.processed", False)
    with pytest.raises(PermanentFaultError, match="not worked on"):
        block.page("P2", "slow", key="media-1/slow")


def test_schedules_are_filled_for_so_many_days(world: Observed) -> None:
    rota = OncallRota(ask="oncall-rota", of="pager", schedules=("Launch primary",), horizon=timedelta(days=28))
    block = world.block(Opsgenie)
    assert block.answer(rota, world.occasion()).values["published_ahead"].value == 28
    world.world.set("opsgenie.rota_days", 9)
    assert block.answer(rota, world.occasion()).values["published_ahead"].value == pytest.approx(9)


QUERIES = {
    DatadogMetrics: "avg:teei.error_rate.percent{env:production}.rollup(avg, 30)",
    NewRelicMetrics: "SELECT average(teei.error_rate.percent) FROM Metric WHERE env = 'production'",
}


@pytest.mark.parametrize("kind", QUERIES)
def test_series_are_those_of_the_product_whoever_keeps_them(world: Observed, kind: type[Block]) -> None:
    block: DatadogMetrics | NewRelicMetrics = world.block(kind)  # type: ignore[assignment]
    assert block.check()
    world.world.set("product.error-rate", 12.0)
    world.now += timedelta(minutes=10)
    window = {"start": world.now - timedelta(minutes=5), "end": world.now, "step_seconds": 30}
    found = block.series(QUERIES[kind], **window)
    assert len(found) == pytest.approx(10, abs=1)
    assert found[-1].value == pytest.approx(12)
    assert all(earlier.at < later.at for earlier, later in pairwise(found))
    world.world.set("metric-vendors.late_seconds", 3600)
    assert block.series(QUERIES[kind], **window) == []
    with pytest.raises(PermanentFaultError):
        block.series("how are you", **window)


def test_log_lines_are_counted_by_query_strings(world: Observed) -> None:
    block = world.block(ElasticsearchLogs)
    assert block.check().startswith("Elasticsearch counts ")
    lines: JsonValue = [{"level": "ERROR", "text": "boom"}, {"level": "CRITICAL", "text": "known issue", "app": "q2q"}]
    world.world.set("loki.lines", lines)
    ask = LogLines(
        ask="log-lines", of="logs", name="errors", stream="env:production", matching="level:(ERROR OR CRITICAL)",
        excluding='message:"known issue"', window=timedelta(minutes=5),
    )  # fmt: skip
    assert block.answer(ask, world.occasion()).values["errors"].value == 1
    clean = ask.model_copy(update={"matching": "level:FATAL"})
    assert block.answer(clean, world.occasion()).values["errors"].value == 0
    silent = ask.model_copy(update={"stream": "env:moon"})
    assert block.answer(silent, world.occasion()).values == {}
    world.world.set("elasticsearch.failed_shards", 2)
    with pytest.raises(TransientFaultError, match="2 of 5 shards"):
        block.answer(ask, world.occasion())
