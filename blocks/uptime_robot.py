"""Monitors of Uptime Robot, over its API v2 (https://uptimerobot.com/api/legacy/)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, PrivateAttr, SecretStr

from blocks.endpoint import Endpoint
from blocks.monitoring import Monitor, MonitorKeeper
from blocks.payloads import Payload
from launch.errors import PermanentFaultError

_PAGE = 50
_PAGES = 40
_PAUSED = 0
# 1 is "not checked yet", 8 "seems down": one look failed and others are on their way.
_UP = {2: True, 8: False, 9: False}


class _Monitor(Payload):
    id: int
    friendly_name: str
    status: int
    custom_uptime_ranges: str = ""


class _Failure(Payload):
    type: str = ""
    parameter_name: str = ""


class _Answer(Payload):
    stat: str
    error: _Failure = _Failure()
    monitors: list[_Monitor] = Field(default_factory=list)


class UptimeRobot(MonitorKeeper, Block):
    """Monitors of one Uptime Robot account. API v2 knows no tags: a monitor has one when its name holds it."""

    _block_type_name = "Uptime Robot"
    _block_type_slug = "uptime-robot"
    _description = "Monitors of Uptime Robot: which are up, and how long since the go-live."
    _documentation_url = HttpUrl("https://uptimerobot.com/api/legacy/")
    needs: ClassVar[str] = "a read-only API key"

    url: str = Field(default="https://api.uptimerobot.com", description="Address of the API; before `/v2`.")
    api_key: SecretStr = Field(description="Read-only API key of the account.")
    timeout_seconds: float = Field(default=15.0, gt=0, description="Longest wait for any one step of an exchange.")
    _endpoint: Endpoint | None = PrivateAttr(default=None)

    @property
    def named(self) -> str:
        return "Uptime Robot"

    def check(self) -> str:
        """Proves that Uptime Robot takes the key. Raises `SystemFaultError`."""
        self._page("whether monitors are listed", limit="1")
        return f"Uptime Robot lists its monitors at {self.url}"

    def monitors(self, tag: str, now: datetime) -> Sequence[Monitor]:  # noqa: ARG002  a state has no moment here
        found = self._named(tag, f"the monitors named {tag!r}")
        return [Monitor(one.id, one.friendly_name, _UP.get(one.status)) for one in found]

    def uptimes(self, monitors: Sequence[Monitor], start: datetime, end: datetime) -> Sequence[float | None]:
        wanted = "-".join(str(monitor.id) for monitor in monitors)
        window = f"{int(start.timestamp())}_{int(end.timestamp())}"
        found = self._all("the uptime since the go-live", monitors=wanted, custom_uptime_ranges=window)
        shares = {one.id: _share(one.custom_uptime_ranges) for one in found}
        return [shares.get(monitor.id) for monitor in monitors]

    def _named(self, tag: str, question: str) -> list[_Monitor]:
        # `search` looks into addresses, too.
        found = self._all(question, search=tag)
        return [one for one in found if tag in one.friendly_name and one.status != _PAUSED]

    def _all(self, question: str, **asked: str) -> list[_Monitor]:
        found: list[_Monitor] = []
        for page in range(_PAGES):
            more = self._page(question, limit=str(_PAGE), offset=str(page * _PAGE), **asked)
            found += more
            if len(more) < _PAGE:
                break
        return found

    def _page(self, question: str, **asked: str) -> list[_Monitor]:
        """Refusals are 200: `stat` says that it failed."""
        data = {"api_key": self.api_key.get_secret_value(), "format": "json", **asked}
        answer = self._api.ask(_Answer, "POST", "/v2/getMonitors", question=question, data=data)
        if answer.stat != "ok":
            of_key = answer.error.parameter_name == "api_key"
            raise PermanentFaultError(
                system=self.named,
                question=question,
                answer=f"{answer.error.type[:40] or answer.stat[:40]} {answer.error.parameter_name[:40]}".rstrip(),
                next_step="renew the credentials in the system's block" if of_key else "check the tag in the plan",
            )
        return answer.monitors

    @property
    def _api(self) -> Endpoint:
        if self._endpoint is None:
            self._endpoint = Endpoint(
                self.named, self.url, headers={}, timeout_seconds=self.timeout_seconds, needs=self.needs
            )
        return self._endpoint


def _share(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
