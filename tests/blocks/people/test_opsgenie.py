"""Opsgenie at its documented wire: pages that are worked on later, shifts with gaps and overrides, alerts on pages.

https://docs.opsgenie.com/docs/alert-api and https://docs.opsgenie.com/docs/schedule-api
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from blocks.opsgenie import Opsgenie
from launch.errors import PermanentFaultError
from launch.ports import Pager
from launch.probes.people import OncallRota, PagedIncidents
from tests.fakes.observed_world import vendor
from tests.fakes.verbs import OCCASION

NOW = OCCASION.now
DAY = timedelta(days=1)
ROTA = OncallRota(ask="oncall-rota", of="pager", schedules=("primary",), horizon=4 * 7 * DAY)
INCIDENTS = PagedIncidents(ask="paged-incidents", of="pager")
SCHEDULES = {"data": [{"id": "s1", "name": "primary", "enabled": True}, {"id": "s2", "name": "old", "enabled": False}]}


@contextmanager
def opsgenie(answers: Mapping[str, Any]) -> Iterator[tuple[Opsgenie, list[tuple[str, Any]]]]:
    """A block at an account that answers by path (a list is one answer after the other), and what it was asked."""
    seen: list[tuple[str, Any]] = []

    async def answer(request: Request) -> Response:
        assert request.headers["authorization"] == "GenieKey key"
        path = request.url.path.partition("/vendor")[2]
        asked = await request.json() if request.method == "POST" else dict(request.query_params)
        seen.append((f"{request.method} {path}", asked))
        found = answers.get(f"{request.method} {path}")
        if isinstance(found, list):
            found = found.pop(0)
        if found is None:
            return JSONResponse({"message": "Not found", "requestId": "r"}, status_code=404)
        return JSONResponse(found, status_code=202 if request.method == "POST" else 200)

    with vendor(answer) as url:
        yield Opsgenie(url=url, api_key=SecretStr("key")), seen


def page_answers(processed: object) -> dict[str, Any]:
    accepted = {"result": "Request will be processed", "took": 0.3, "requestId": "req-1"}
    return {"POST /v2/alerts": accepted, "GET /v2/alerts/requests/req-1": processed}


def values(block: Opsgenie, probe: OncallRota | PagedIncidents) -> dict[str, object]:
    return {name: one.value for name, one in block.answer(probe, OCCASION).values.items()}


def test_it_is_a_pager_that_shows_its_key_is_taken() -> None:
    with opsgenie({"GET /v2/schedules": SCHEDULES}) as (block, _):
        assert isinstance(block, Pager)
        assert block.check().startswith("Opsgenie shows 2 schedules")


@pytest.mark.parametrize(
    ("severity", "priority"), [("P0", "P1"), ("P1", "P2"), ("P3", "P4"), ("critical", "P1"), ("info", "P5")]
)
def test_a_page_is_one_alert_of_its_key_and_its_priority(severity: str, priority: str) -> None:
    with opsgenie(page_answers({"data": {"success": True, "alertId": "a-1", "status": "Created"}})) as (block, seen):
        link = block.page(severity, "Login answers 500", key="launch/page")
    assert link == "https://app.opsgenie.com/alert/detail/a-1/details"
    assert seen[0][1] == {
        "message": "Login answers 500",
        "description": "Login answers 500",
        "alias": "launch/page",
        "priority": priority,
        "source": "tminus",
    }


def test_a_page_that_is_not_worked_on_yet_is_known_by_its_key() -> None:
    with opsgenie(page_answers(None)) as (block, _):
        assert block.page("P1", "words", key="k") == "k"


def test_a_page_that_was_taken_and_then_refused_is_a_fault() -> None:
    refused = {"data": {"success": False, "status": "Priority is not valid"}}
    with opsgenie(page_answers(refused)) as (block, _), pytest.raises(PermanentFaultError, match="not worked on"):
        block.page("P1", "words", key="k")


def period(start: float, end: float, kind: str = "user") -> dict[str, Any]:
    recipient = {"recipient": {"id": "u", "type": kind}} if kind else {}
    return {"startDate": iso(NOW + start * DAY), "endDate": iso(NOW + end * DAY), "type": "default"} | recipient


def iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("rotations", "days"),
    [
        ([[period(-1, 7), period(7, 30)]], 28),
        ([[period(-1, 7), period(8, 30)]], 7),
        ([[period(-1, 7)], [period(6, 14)]], 14),
        ([[period(-1, 7), period(7, 30, "none")]], 7),
        ([[period(-1, 7), period(7, 30, "")]], 7),
        ([[period(1, 30)]], 0),
        ([], 0),
    ],
    ids=["whole", "a gap", "two rotations", "nobody", "no recipient", "begins tomorrow", "empty"],
)
def test_the_rota_reaches_to_the_first_moment_without_anybody(rotations: list[Any], days: float) -> None:
    timeline = {"data": {"finalTimeline": {"rotations": [{"name": "r", "periods": one} for one in rotations]}}}
    with opsgenie({"GET /v2/schedules": SCHEDULES, "GET /v2/schedules/s1/timeline": timeline}) as (block, seen):
        assert values(block, ROTA) == {"published_ahead": days}
    assert seen[-1][1] == {"date": NOW.isoformat(), "interval": "28", "intervalUnit": "days"}


@pytest.mark.parametrize("name", ["nobody's", "old"])
def test_a_schedule_that_is_not_there_or_not_enabled_is_no_reading(name: str) -> None:
    with opsgenie({"GET /v2/schedules": SCHEDULES}) as (block, _):
        assert values(block, ROTA.model_copy(update={"schedules": (name,)})) == {}


def alert(name: str, priority: str, **more: object) -> dict[str, Any]:
    return {"id": name, "priority": priority, "owner": "", "status": "open"} | more


def test_alerts_are_counted_over_all_pages_by_severity_owner_and_notes() -> None:
    first = {
        "data": [alert("a1", "P1", owner="ana@example.com"), alert("a2", "P3")],
        "paging": {"next": "https://api.opsgenie.com/v2/alerts?offset=100"},
    }
    second = {"data": [alert("a3", "P2", report={"closedBy": "ben@example.com"})], "paging": {}}
    notes: dict[str, Any] = {f"GET /v2/alerts/{one}/notes": {"data": []} for one in ("a2", "a3")}
    notes["GET /v2/alerts/a1/notes"] = {"data": [{"note": "looked at"}]}
    with opsgenie({"GET /v2/alerts": [first, second], **notes}) as (block, seen):
        found = values(block, INCIDENTS)
    assert found == {"incidents": 3, "p0_p1_incidents": 2, "incidents_unowned": 1, "incidents_unwritten": 2}
    assert [asked["offset"] for line, asked in seen if line == "GET /v2/alerts"] == ["0", "100"]


def test_a_severity_of_another_name_is_no_count() -> None:
    with opsgenie({"GET /v2/alerts": {"data": []}}) as (block, _):
        found = values(block, INCIDENTS.model_copy(update={"severe": ("SEV1",)}))
    assert "p0_p1_incidents" not in found
