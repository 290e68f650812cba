"""A browser without a screen: public addresses, cookies, redirects, and what it measured and saw fail on the way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
from pydantic import JsonValue

from sandbox.parts.partners import DISCORD_TOKEN
from sandbox.site.state import HOSTS, JOURNEY_TOKEN

_PATIENCE_SECONDS = 5.0
_TIMING = re.compile(r"dur=([\d.]+)")


class JourneyError(Exception):
    """A step did not see what it must; the message is the step's title."""


@dataclass
class Visitor:
    """Asks below `root`, the sandbox's server. `notes` become the annotations of the journey's test."""

    client: httpx.Client
    root: str
    notes: list[tuple[str, str]] = field(default_factory=list)

    def page(self, path: str, *, step: str, host: str = "cockpit.teei.io") -> httpx.Response:
        """A page of the product; its script errors are noted as a console would show them."""
        response = self._send("GET", f"https://{host}{path}", step=step)
        self.notes += [("console-error", text) for text in re.findall(r"console\.error\('([^']*)'\)", response.text)]
        return self._good(response, step)

    def post_form(self, path: str, form: Mapping[str, str], *, step: str) -> httpx.Response:
        """A form of the cockpit, redirects followed."""
        return self._good(self._send("POST", f"https://cockpit.teei.io{path}", step=step, data=form), step)

    def call(self, method: str, path: str, *, step: str, body: JsonValue = None) -> httpx.Response:
        """A call of the signed-in user's API; its duration is noted."""
        url = f"https://api.teei.io{path}"
        headers = {"Authorization": f"Bearer {JOURNEY_TOKEN}"}
        response = self._send(method, url, step=step, json=body, headers=headers)
        if took := _TIMING.search(response.headers.get("server-timing", "")):
            self.notes.append(("api-call", f"{took[1]} ms {method} {path}"))
        return self._good(response, step)

    def first_event(self, path: str, *, step: str) -> str:
        """The name of the first event of a stream; empty when it ends without one."""
        headers = {"Authorization": f"Bearer {JOURNEY_TOKEN}"}
        try:
            with self.client.stream("GET", self._reached(f"https://api.teei.io{path}"), headers=headers) as stream:
                named = (line.partition(":")[2].strip() for line in stream.iter_lines() if line.startswith("event:"))
                return next(named, "")
        except httpx.HTTPError as error:
            raise JourneyError(step) from error

    def mails(self, *, step: str) -> httpx.Response:
        """The journeys' own mail box."""
        return self._good(self._send("GET", f"{self.root}/journeys/inbox", step=step), step)

    def discord(self, *, step: str) -> httpx.Response:
        """The latest messages of the launch channel."""
        url = f"{self.root}/partners/discord/api/v10/channels/1/messages"
        return self._good(self._send("GET", url, step=step, headers={"Authorization": f"Bot {DISCORD_TOKEN}"}), step)

    def _send(
        self,
        method: str,
        url: str,
        *,
        step: str,
        json: JsonValue = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        try:
            return self.client.request(method, self._reached(url), json=json, data=data, headers=headers)
        except httpx.HTTPError as error:
            raise JourneyError(step) from error

    def _reached(self, url: str) -> str:
        parts = urlsplit(url)
        prefix = HOSTS.get(parts.netloc)
        return url if prefix is None else f"{self.root}/site/{prefix}{parts.path}"

    def _good(self, response: httpx.Response, step: str) -> httpx.Response:
        if not response.is_success:
            message = f"{step}: HTTP {response.status_code}"
            raise JourneyError(message)
        return response


@contextmanager
def visiting(root: str) -> Iterator[Visitor]:
    """A fresh browser profile."""
    with httpx.Client(timeout=_PATIENCE_SECONDS, follow_redirects=True, trust_env=False) as client:
        yield Visitor(client, root)


def must(condition: object, step: str) -> None:
    """Fails the journey at this step unless the condition holds."""
    if not condition:
        raise JourneyError(step)
