"""Endpoints of vendors that no plan of ours uses: that they refuse, and that the blocks find what they keep."""

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from prefect.blocks.core import Block

from blocks.github_issues import GitHubIssues
from blocks.jira import Jira
from blocks.opsgenie import Opsgenie
from blocks.pingdom import Pingdom
from blocks.uptime_robot import UptimeRobot
from launch.effects.people import OpenTicket
from launch.errors import PermanentFaultError
from launch.ports import Standing
from launch.probes.observability import MonitorsUp, SyntheticUptime
from launch.probes.people import OncallRota, PagedIncidents
from sandbox.parts.cloud_sql import CloudSqlPart
from sandbox.parts.flagsmith import FlagsmithPart
from sandbox.parts.monitors import MonitorsPart
from sandbox.parts.opsgenie import OpsgeniePart
from sandbox.parts.trackers import TrackersPart
from sandbox.server import serve
from sandbox.world import World
from tests.fakes.observed_world import T0, Observed

KINDS = [CloudSqlPart, FlagsmithPart, MonitorsPart, OpsgeniePart, TrackersPart]
each = pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])


@pytest.fixture
def world() -> Iterator[Observed]:
    with Observed(MonitorsPart(), OpsgeniePart(), TrackersPart()).served() as served:
        yield served.at(hours=1)


@each
def test_every_knob_is_named_after_its_part(kind) -> None:
    world, part = World(now=lambda: T0, t0=T0), kind()
    part.define(world)
    assert world.knobs
    assert {name.partition(".")[0] for name in world.knobs} == {part.name}


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
                assert answer.status_code == 401 or answer.json().get("stat") == "fail", (method, path, answer)
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
