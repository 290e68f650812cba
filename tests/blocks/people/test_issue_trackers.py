"""Tickets of a launch in Jira and GitHub: opened once, found again on any page, taken back, and what stood before stays.

Both speak to a server of the test that keeps what was created, in the forms of
https://developer.atlassian.com/cloud/jira/platform/rest/v3/ and https://docs.github.com/en/rest/issues/issues.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from blocks.github_issues import GitHubIssues
from blocks.jira import Jira
from launch.effects.people import OpenTicket
from launch.ports import Acts, Standing
from tests.fakes.observed_world import vendor
from tests.fakes.verbs import OCCASION

TICKET = OpenTicket(
    do="open-ticket", on="desk", ticket="postmortem", subject="Postmortem", text="What happened?\n\nWhy?",
    due_in=timedelta(hours=24),
)  # fmt: skip
OTHER = TICKET.model_copy(update={"ticket": "follow-up", "subject": "Follow-up"})


@dataclass
class Kept:
    """What a tracker holds. Its pages are of two issues."""

    issues: list[dict[str, Any]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    async def jira(self, request: Request) -> Response:
        path = request.url.path.partition("/vendor")[2]
        match request.method, path:
            case "GET", "/rest/api/3/myself":
                return JSONResponse({"displayName": "Launch bot"})
            case "GET", "/rest/api/3/project/OPS":
                return JSONResponse({"key": "OPS"})
            case "GET", "/rest/api/3/search/jql":
                wanted = request.query_params["jql"].partition('labels = "')[2].partition('"')[0]
                found = [one for one in self.issues if wanted in one["fields"]["labels"]]
                start = int(request.query_params.get("nextPageToken", "0"))
                more = {"nextPageToken": str(start + 2)} if len(found) > start + 2 else {}
                shown = [
                    {"key": one["key"], "fields": {"status": {"name": "To Do"}}} for one in found[start : start + 2]
                ]
                return JSONResponse({"issues": shown} | more)
            case "POST", "/rest/api/3/issue":
                self.changes.append("created")
                self.issues.append({"key": f"OPS-{len(self.changes)}", **await request.json()})
                return JSONResponse({"id": "1", "key": self.issues[-1]["key"]}, status_code=201)
            case "DELETE", _:
                self.changes.append("deleted")
                self.issues = [one for one in self.issues if not path.endswith(f"/{one['key']}")]
                return Response(status_code=204)
        return JSONResponse({"errorMessages": ["no"]}, status_code=404)

    async def github(self, request: Request) -> Response:
        path = request.url.path.partition("/vendor")[2]
        match request.method, path:
            case "GET", "/repos/example/shop":
                return JSONResponse({"full_name": "example/shop", "has_issues": True})
            case "GET", "/repos/example/shop/issues":
                assert (request.query_params["labels"], request.query_params["state"]) == ("tminus", "all")
                start = 2 * (int(request.query_params["page"]) - 1)
                more = {"Link": '<https://api.github.com/x?page=2>; rel="next"'} if len(self.issues) > start + 2 else {}
                return JSONResponse(self.issues[start : start + 2], headers=more)
            case "POST", "/repos/example/shop/issues":
                self.changes.append("created")
                self.issues.append({"number": len(self.issues) + 1, "state": "open", **await request.json()})
                return JSONResponse(self.issues[-1], status_code=201)
            case "PATCH", _:
                self.changes.append("closed")
                (issue,) = (one for one in self.issues if path.endswith(f"/{one['number']}"))
                issue.update(await request.json())
                return JSONResponse(issue)
        return JSONResponse({"message": "Not Found"}, status_code=404)


@contextmanager
def jira(kept: Kept) -> Iterator[Jira]:
    with vendor(kept.jira) as url:
        yield Jira(url=url, email="a@b.example", api_token=SecretStr("t"), project="OPS")


@contextmanager
def github(kept: Kept) -> Iterator[GitHubIssues]:
    with vendor(kept.github) as url:
        yield GitHubIssues(url=url, token=SecretStr("t"), repository="example/shop")


each = pytest.mark.parametrize("tracker", [jira, github])
Tracker = Callable[[Kept], Any]


@each
def test_it_can_be_checked(tracker: Tracker) -> None:
    with tracker(Kept()) as block:
        assert block.check() in {
            "Jira knows this token as 'Launch bot' and shows it project OPS",
            "GitHub shows example/shop, issues are on",
        }


@each
def test_a_ticket_is_opened_found_and_taken_back(tracker: Tracker) -> None:
    kept = Kept()
    with tracker(kept) as block:
        assert isinstance(block, Acts)
        before = block.observe(TICKET, OCCASION)
        assert (before.standing, before.state) == (Standing.ABSENT, {"existed": False})
        block.apply(TICKET, OCCASION)
        assert block.observe(TICKET, OCCASION).standing is Standing.HOLDS
        assert block.observe(OTHER, OCCASION).standing is Standing.ABSENT
        assert block.observe_restored(TICKET, before.state, OCCASION).standing is Standing.ABSENT
        block.restore(TICKET, before.state, OCCASION)
        assert block.observe_restored(TICKET, before.state, OCCASION).standing is Standing.HOLDS
    assert kept.changes[0] == "created"
    assert kept.changes[1:] in (["deleted"], ["closed"])


@each
def test_a_ticket_that_stood_before_stays(tracker: Tracker) -> None:
    kept = Kept()
    with tracker(kept) as block:
        block.apply(TICKET, OCCASION)
        before = block.observe(TICKET, OCCASION).state
        assert before == {"existed": True}
        block.restore(TICKET, before, OCCASION)
        assert block.observe_restored(TICKET, before, OCCASION).standing is Standing.HOLDS
    assert kept.changes == ["created"]


@each
def test_a_ticket_is_found_on_any_page(tracker: Tracker) -> None:
    with tracker(Kept()) as block:
        for number in range(3):
            block.apply(TICKET.model_copy(update={"ticket": f"other-{number}"}), OCCASION)
        block.apply(TICKET, OCCASION)
        assert block.observe(TICKET, OCCASION).standing is Standing.HOLDS


def test_jira_gets_a_document_a_due_day_and_labels_without_spaces() -> None:
    kept = Kept()
    with jira(kept) as block:
        block.apply(TICKET, OCCASION)
    fields = kept.issues[0]["fields"]
    assert (fields["project"], fields["issuetype"]) == ({"key": "OPS"}, {"name": "Task"})
    assert fields["duedate"] == "2026-12-08"
    assert fields["labels"] == ["tminus", f"tminus-{OCCASION.launch}-postmortem"]
    texts = [paragraph["content"][0]["text"] for paragraph in fields["description"]["content"]]
    assert texts == ["What happened?", "Why?"]


def test_github_gets_the_due_moment_as_a_line() -> None:
    kept = Kept()
    with github(kept) as block:
        block.apply(TICKET, OCCASION)
    assert kept.issues[0]["title"] == "Postmortem"
    assert "Due 2026-12-08 08:00 UTC." in kept.issues[0]["body"]
