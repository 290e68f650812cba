"""Tasks of a launch as GitHub issues."""

from __future__ import annotations

from datetime import UTC
from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, PrivateAttr, RootModel, SecretStr

from blocks import payloads
from blocks.endpoint import Endpoint
from blocks.payloads import Payload
from launch.effects.base import Effect
from launch.effects.people import OpenTicket
from launch.ports import Observation, Occasion, Standing, State

_OWN_LABEL = "tminus"
_PAGE = 100


class _Repository(Payload):
    full_name: str
    has_issues: bool


class _Issue(Payload):
    number: int
    state: str
    body: str | None = ""


class _Issues(RootModel[list[_Issue]]):
    """One page."""


class GitHubIssues(Block):
    """The issues of one repository. Those of this tool carry its label, and in their text a mark whose they are."""

    _block_type_name = "GitHub Issues"
    _block_type_slug = "github-issues"
    _description = "Issues of one repository. https://docs.github.com/en/rest/issues/issues"
    _documentation_url = HttpUrl("https://docs.github.com/en/rest/issues/issues")
    needs: ClassVar[str] = "a fine-grained token with `Issues: read and write` on one repository"

    effects: ClassVar[tuple[type[Effect], ...]] = (OpenTicket,)

    repository: str = Field(description="Owner and name, e.g. `example/shop`.")
    token: SecretStr = Field(description="Fine-grained token.")
    url: str = Field(default="https://api.github.com", description="Address of the API; of an own server `.../api/v3`.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")
    _endpoint: Endpoint | None = PrivateAttr(default=None)

    def check(self) -> str:
        """Proves that the token sees the repository, whose issues are on. Raises `SystemFaultError`."""
        question = f"repository {self.repository}"
        found = self._api.ask(_Repository, "GET", f"/repos/{self.repository}", question=question)
        self._page(1)
        return f"GitHub shows {found.full_name}, issues are {'on' if found.has_issues else 'off'}"

    def observe(self, effect: OpenTicket, occasion: Occasion) -> Observation:
        """See `launch.ports.Acts`."""
        issues = self._issues(effect, occasion)
        return Observation(
            standing=Standing.HOLDS if issues else Standing.ABSENT,
            detail=f"#{issues[0].number} is {issues[0].state}" if issues else "no such issue",
            state={"existed": bool(issues)},
        )

    def apply(self, effect: OpenTicket, occasion: Occasion) -> None:
        """See `launch.ports.Acts`. GitHub's issues have no due date: it is the last line of the text."""
        due = (occasion.now + effect.due_in).astimezone(UTC)
        body = f"{effect.text}\n\nDue {due:%Y-%m-%d %H:%M} UTC.\n\n{_mark(effect, occasion)}"
        self._api.send(
            "POST",
            f"/repos/{self.repository}/issues",
            question=f"open ticket {effect.ticket!r}",
            json={"title": effect.subject, "body": body, "labels": [_OWN_LABEL]},
        )

    def observe_restored(self, effect: OpenTicket, before: State, occasion: Occasion) -> Observation:
        """See `launch.ports.Acts`."""
        gone = before.get("existed") is True or not self._open(effect, occasion)
        return Observation(standing=Standing.HOLDS if gone else Standing.ABSENT)

    def restore(self, effect: OpenTicket, before: State, occasion: Occasion) -> None:
        """See `launch.ports.Acts`: closes the issue as not planned, unless it stood before; the API deletes none."""
        if before.get("existed") is True:
            return
        for issue in self._open(effect, occasion):
            self._api.send(
                "PATCH",
                f"/repos/{self.repository}/issues/{issue.number}",
                question=f"close #{issue.number}",
                json={"state": "closed", "state_reason": "not_planned"},
            )

    def _open(self, effect: OpenTicket, occasion: Occasion) -> list[_Issue]:
        return [issue for issue in self._issues(effect, occasion) if issue.state != "closed"]

    def _issues(self, effect: OpenTicket, occasion: Occasion) -> list[_Issue]:
        mark = _mark(effect, occasion)
        found: list[_Issue] = []
        number, more = 1, True
        while more:
            issues, more = self._page(number)
            found += [issue for issue in issues if mark in (issue.body or "")]
            number += 1
        return found

    def _page(self, number: int) -> tuple[list[_Issue], bool]:
        question = "issues of this tool"
        response = self._api.send(
            "GET",
            f"/repos/{self.repository}/issues",
            question=question,
            params={"labels": _OWN_LABEL, "state": "all", "per_page": _PAGE, "page": number},
        )
        issues = payloads.read(_Issues, response, system=self._api.system, question=question).root
        return issues, "next" in response.links

    @property
    def _api(self) -> Endpoint:
        if self._endpoint is None:
            headers = {
                "Authorization": f"Bearer {self.token.get_secret_value()}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            }
            self._endpoint = Endpoint(
                "GitHub", self.url, headers=headers, timeout_seconds=self.timeout_seconds, needs=self.needs
            )
        return self._endpoint


def _mark(effect: OpenTicket, occasion: Occasion) -> str:
    """A label may be of fifty characters only."""
    return f"<!-- {_OWN_LABEL}: {occasion.launch}/{effect.ticket} -->"
