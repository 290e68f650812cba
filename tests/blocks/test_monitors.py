"""Pingdom and Uptime Robot, each at a vendor that answers as its API reference says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from blocks.pingdom import Pingdom
from blocks.uptime_robot import UptimeRobot
from launch.errors import PermanentFaultError
from launch.ports import Occasion
from launch.probes.observability import MonitorsUp, SyntheticUptime
from launch.release import Release
from tests.fakes.observed_world import T0, vendor

UP = MonitorsUp(ask="monitors-up", of="monitors", tag="teei")
UPTIME = SyntheticUptime(ask="synthetic-uptime", of="monitors", tag="teei")
NOW = T0 + timedelta(hours=1)
OCCASION = Occasion(launch="teei-1", now=NOW, t0=T0, went_live=T0, release=Release(version="v2"))
Asked = dict[str, str]


def check(number: int, status: str = "up", *, looked: datetime | None = NOW, tag: str = "teei") -> dict[str, Any]:
    """https://docs.pingdom.com/api/#tag/Checks/paths/~1checks/get"""
    last = {} if looked is None else {"lasttesttime": int(looked.timestamp())}
    found = {"id": number, "name": f"{tag} {number}", "hostname": "example.org", "status": status, "resolution": 1}
    return found | last | {"tags": [{"name": tag, "type": "u", "count": 1}], "type": "http"}


@contextmanager
def pingdom(*checks: dict[str, Any], seconds: dict[int, tuple[int, int, int]] | None = None) -> Iterator[Any]:
    asked: list[tuple[str, Asked]] = []

    async def answer(request: Request) -> Response:
        parameters = dict(request.query_params)
        path = request.url.path[request.url.path.index("/api/3.1") :]
        asked.append((path, parameters))
        assert request.headers["authorization"] == "Bearer token"
        if "summary.average" in path:
            up, down, unknown = (seconds or {})[int(path.rsplit("/", 1)[1])]
            status = {"totalup": up, "totaldown": down, "totalunknown": unknown}
            response = {"from": 0, "to": 0, "avgresponse": 123}
            return JSONResponse({"summary": {"responsetime": response, "status": status}})
        tagged = [one for one in checks if parameters.get("tags") in {None, one["tags"][0]["name"]}]
        first = int(parameters.get("offset", 0))
        page = tagged[first : first + int(parameters["limit"])]
        counts = {"total": len(checks), "limited": len(page), "filtered": len(tagged)}
        return JSONResponse({"checks": page, "counts": counts})

    with vendor(answer) as url:
        yield Pingdom.model_validate({"url": url, "token": "token"}), asked


def monitor(number: int, status: int = 2, uptime: str = "100.000", name: str = "teei") -> dict[str, Any]:
    """https://uptimerobot.com/api/legacy/#getMonitorsWrap"""
    found = {"id": number, "friendly_name": f"{name} {number}", "url": "https://teei.example", "type": 1}
    return found | {"interval": 300, "status": status, "custom_uptime_ranges": uptime}


@contextmanager
def uptime_robot(*monitors: dict[str, Any], key: str = "ur-key") -> Iterator[Any]:
    asked: list[tuple[str, Asked]] = []

    async def answer(request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        asked.append((request.url.path, form))
        if form["api_key"] != "ur-key":
            error = {"type": "invalid_parameter", "parameter_name": "api_key", "passed_value": form["api_key"]}
            return JSONResponse({"stat": "fail", "error": error | {"message": "api_key is wrong."}})
        found = [one for one in monitors if form.get("search", "") in one["friendly_name"] + one["url"]]
        if "monitors" in form:
            found = [one for one in monitors if str(one["id"]) in form["monitors"].split("-")]
        first, limit = int(form.get("offset", 0)), int(form["limit"])
        pagination = {"offset": first, "limit": limit, "total": len(found)}
        page = [
            {name: value for name, value in one.items() if name != "custom_uptime_ranges" or name in form}
            for one in found[first : first + limit]
        ]
        return JSONResponse({"stat": "ok", "pagination": pagination, "monitors": page})

    with vendor(answer) as url:
        yield UptimeRobot.model_validate({"url": url, "api_key": key}), asked


def values(block: Any, probe: Any, occasion: Occasion = OCCASION) -> dict[str, object]:
    return {name: quantity.value for name, quantity in block.answer(probe, occasion).values.items()}


@pytest.mark.parametrize(
    "serving",
    [
        lambda: pingdom(
            check(1), check(2, "down"), check(3, "unconfirmed_down"), check(4, "paused"), check(5, tag="x")
        ),
        lambda: uptime_robot(monitor(1), monitor(2, 9), monitor(3, 8), monitor(4, 0), monitor(5, name="x")),
    ],
    ids=["pingdom", "uptime-robot"],
)
def test_monitors_that_are_not_up_are_named_and_paused_ones_do_not_count(serving: Callable[[], Any]) -> None:
    with serving() as (block, _):
        reading = block.answer(UP, OCCASION)
        assert values(block, UP) == {"monitors_up": 1, "monitors_down": 2}
        assert reading.evidence == "down: teei 2, teei 3"


@pytest.mark.parametrize(
    "serving",
    [
        lambda: pingdom(check(1), check(2, looked=None)),
        lambda: pingdom(check(1), check(2, looked=NOW - timedelta(minutes=4))),
        lambda: pingdom(check(1), check(2, "unknown")),
        lambda: uptime_robot(monitor(1), monitor(2, 1)),
    ],
    ids=["never looked", "not lately", "unknown", "not checked yet"],
)
def test_one_that_nothing_is_known_of_leaves_no_answer(serving: Callable[[], Any]) -> None:
    with serving() as (block, _):
        reading = block.answer(UP, OCCASION)
    assert (reading.values, reading.evidence) == ({}, "not known: teei 2")


@pytest.mark.parametrize("serving", [pingdom, uptime_robot])
def test_without_a_monitor_nothing_is_said_to_be_up(serving: Callable[[], Any]) -> None:
    with serving() as (block, _):
        assert values(block, UP) == {"monitors_up": 0}
        assert values(block, UPTIME) == {}


def test_pingdoms_uptime_is_of_known_time_since_the_go_live_and_the_worst_counts() -> None:
    with pingdom(check(1), check(2), seconds={1: (3_600, 0, 0), 2: (1_500, 300, 1_800)}) as (block, asked):
        assert values(block, UPTIME)["synthetic_uptime"] == pytest.approx(100 * 1_500 / 1_800)
    window = {"from": str(int(T0.timestamp())), "to": str(int(NOW.timestamp())), "includeuptime": "true"}
    assert sorted(asked[1:], key=str) == [(f"/api/3.1/summary.average/{number}", window) for number in (1, 2)]


def test_a_check_that_was_unknown_all_the_time_leaves_no_uptime() -> None:
    with pingdom(check(1), check(2), seconds={1: (3_600, 0, 0), 2: (0, 0, 3_600)}) as (block, _):
        assert values(block, UPTIME) == {}


def test_uptime_robots_worst_monitor_counts_since_the_go_live() -> None:
    with uptime_robot(monitor(1), monitor(2, uptime="97.250"), monitor(3, uptime="1", name="x")) as (block, asked):
        assert values(block, UPTIME) == {"synthetic_uptime": 97.25}
    _, form = asked[-1]
    assert form["custom_uptime_ranges"] == f"{int(T0.timestamp())}_{int(NOW.timestamp())}"
    assert form["monitors"] == "1-2"


@pytest.mark.parametrize("serving", [lambda: pingdom(check(1)), lambda: uptime_robot(monitor(1))])
def test_before_the_go_live_there_is_no_uptime(serving: Callable[[], Any]) -> None:
    with serving() as (block, _):
        assert values(block, UPTIME, OCCASION.model_copy(update={"went_live": None})) == {}


@pytest.mark.parametrize(
    ("serving", "count"),
    [(lambda: pingdom(*map(check, range(1, 1_002))), 1_001), (lambda: uptime_robot(*map(monitor, range(1, 102))), 101)],
    ids=["pingdom", "uptime-robot"],
)
def test_every_page_is_read(serving: Callable[[], Any], count: int) -> None:
    with serving() as (block, _):
        assert values(block, UP) == {"monitors_up": count, "monitors_down": 0}


def test_a_key_that_uptime_robot_refuses_with_200_is_told_without_it() -> None:
    with uptime_robot(key="ur-other") as (block, _), pytest.raises(PermanentFaultError, match="renew") as raised:
        block.check()
    assert "ur-other" not in str(raised.value)


def test_checks_read_one_page() -> None:
    with pingdom(check(1)) as (block, asked):
        assert block.check().startswith("Pingdom lists its checks at http")
        assert asked == [("/api/3.1/checks", {"limit": "1"})]
    with uptime_robot(monitor(1)) as (block, asked):
        assert block.check().startswith("Uptime Robot lists its monitors at http")
        assert len(asked) == 1
