"""Tasks of a launch as Jira issues."""

from __future__ import annotations

import base64
import re
from datetime import UTC
from typing import ClassVar
from urllib.parse import quote

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, PrivateAttr, SecretStr

from blocks.endpoint import Endpoint
from blocks.payloads import Payload
from launch.effects.base import Effect
from launch.effects.people import OpenTicket
from launch.ports import Observation, Occasion, Standing, State

_OWN_LABEL = "tminus"
_NO_LABEL_CHARACTER = re.compile(r"[^A-Za-z0-9._-]+")


class _Status(Payload):
    name: str


class _Fields(Payload):
    status: _Status


class _Issue(Payload):
    key: str
    fields: _Fields


class _Found(Payload):
    issues: list[_Issue]
    next_page_token: str | None = Field(default=None, alias="nextPageToken")


class _Myself(Payload):
    display_name: str = Field(alias="displayName")


class _Project(Payload):
    key: str


class Jira(Block):
    """One project of a Jira Cloud site. Issues of this tool carry its label, and one of the launch and the ticket."""

    _block_type_name = "Jira"
    _block_type_slug = "jira"
    _description = (
        "Issues by the REST API v3 of Jira Cloud. https://developer.atlassian.com/cloud/jira/platform/rest/v3/"
    )
    _documentation_url = HttpUrl("https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/")
    needs: ClassVar[str] = "`Browse projects`, `Create issues` and, for going back, `Delete issues` in one project"

    effects: ClassVar[tuple[type[Effect], ...]] = (OpenTicket,)

    url: str = Field(description="Address of the site, e.g. https://example.atlassian.net.")
    email: str = Field(description="Account the token belongs to.")
    api_token: SecretStr = Field(description="API token.")
    project: str = Field(description="Key of the project that issues are created in.")
    issue_type: str = Field(default="Task", description="Name of the type of its issues.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")
    _endpoint: Endpoint | None = PrivateAttr(default=None)

    def check(self) -> str:
        """Proves that the token is somebody's and that the project is seen. Raises `SystemFaultError`."""
        me = self._api.ask(_Myself, "GET", "/rest/api/3/myself", question="who am I")
        path = f"/rest/api/3/project/{quote(self.project, safe='')}"
        project = self._api.ask(_Project, "GET", path, question=f"project {self.project}")
        return f"Jira knows this token as {me.display_name!r} and shows it project {project.key}"

    def observe(self, effect: OpenTicket, occasion: Occasion) -> Observation:
        """See `launch.ports.Acts`. Jira's search may be seconds behind what was created."""
        issues = self._issues(effect, occasion)
        return Observation(
            standing=Standing.HOLDS if issues else Standing.ABSENT,
            detail=f"{issues[0].key} is {issues[0].fields.status.name}" if issues else "no such issue",
            state={"existed": bool(issues)},
        )

    def apply(self, effect: OpenTicket, occasion: Occasion) -> None:
        """See `launch.ports.Acts`. The due date is the day on which `due_in` ends, in UTC: Jira keeps no hour."""
        due = (occasion.now + effect.due_in).astimezone(UTC)
        fields: dict[str, JsonValue] = {
            "project": {"key": self.project},
            "issuetype": {"name": self.issue_type},
            "summary": effect.subject[:255],
            "description": _document(effect.text),
            "duedate": f"{due:%Y-%m-%d}",
            "labels": [_OWN_LABEL, _label(effect, occasion)],
        }
        question = f"open ticket {effect.ticket!r}"
        self._api.send("POST", "/rest/api/3/issue", question=question, json={"fields": fields})

    def observe_restored(self, effect: OpenTicket, before: State, occasion: Occasion) -> Observation:
        """See `launch.ports.Acts`."""
        gone = before.get("existed") is True or not self._issues(effect, occasion)
        return Observation(standing=Standing.HOLDS if gone else Standing.ABSENT)

    def restore(self, effect: OpenTicket, before: State, occasion: Occasion) -> None:
        """See `launch.ports.Acts`: deletes the issue, unless it stood before."""
        if before.get("existed") is True:
            return
        for issue in self._issues(effect, occasion):
            path = f"/rest/api/3/issue/{quote(issue.key, safe='')}"
            self._api.send("DELETE", path, question=f"delete {issue.key}", ok=(204, 404))

    def _issues(self, effect: OpenTicket, occasion: Occasion) -> list[_Issue]:
        jql = f'project = "{self.project}" AND labels = "{_label(effect, occasion)}" ORDER BY created ASC'
        found: list[_Issue] = []
        params: dict[str, str | int | float | bool] = {"jql": jql, "fields": "status", "maxResults": 50}
        while True:
            page = self._api.ask(
                _Found, "GET", "/rest/api/3/search/jql", question="issues of this launch", params=params
            )
            found += page.issues
            if page.next_page_token is None:
                return found
            params["nextPageToken"] = page.next_page_token

    @property
    def _api(self) -> Endpoint:
        if self._endpoint is None:
            pair = base64.b64encode(f"{self.email}:{self.api_token.get_secret_value()}".encode()).decode()
            headers = {"Authorization": f"Basic {pair}", "Accept": "application/json"}
            self._endpoint = Endpoint(
                "Jira", self.url, headers=headers, timeout_seconds=self.timeout_seconds, needs=self.needs
            )
        return self._endpoint


def _label(effect: OpenTicket, occasion: Occasion) -> str:
    """A label has no spaces; those of two tickets of a launch differ as their names do."""
    return _NO_LABEL_CHARACTER.sub("-", f"{_OWN_LABEL}-{occasion.launch}-{effect.ticket}")


def _document(text: str) -> JsonValue:
    """https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/"""
    paragraphs: list[JsonValue] = [
        {"type": "paragraph", "content": [{"type": "text", "text": line}]} for line in text.splitlines() if line.strip()
    ]
    return {"type": "doc", "version": 1, "content": paragraphs}
