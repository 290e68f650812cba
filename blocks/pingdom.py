"""Uptime checks of Pingdom, over its API 3.1 (https://docs.pingdom.com/api/)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, PrivateAttr, SecretStr

from blocks.endpoint import Endpoint
from blocks.monitoring import Monitor, MonitorKeeper
from blocks.payloads import Payload
from blocks.side_by_side import each

_PAGE = 1_000
_PAGES = 25
_FRESH_INTERVALS = 3
# "unconfirmed_down": one look failed and the second is on its way.
_UP = {"up": True, "down": False, "unconfirmed_down": False}


class _Check(Payload):
    id: int
    name: str
    status: str
    resolution: int
    last_look: int | None = Field(default=None, alias="lasttesttime")


class _Checks(Payload):
    checks: list[_Check]


class _Seconds(Payload):
    up: int = Field(alias="totalup")
    down: int = Field(alias="totaldown")


class _Summary(Payload):
    status: _Seconds


class _Average(Payload):
    summary: _Summary


class Pingdom(MonitorKeeper, Block):
    """Uptime checks of one Pingdom account."""

    _block_type_name = "Pingdom"
    _block_type_slug = "pingdom"
    _description = "Uptime checks of Pingdom: which are up, and how long since the go-live."
    _documentation_url = HttpUrl("https://docs.pingdom.com/api/")
    needs: ClassVar[str] = "an API token with read access"

    url: str = Field(default="https://api.pingdom.com", description="Address of the API; before `/api/3.1`.")
    token: SecretStr = Field(description="API token with read access.")
    timeout_seconds: float = Field(default=15.0, gt=0, description="Longest wait for any one step of an exchange.")
    _endpoint: Endpoint | None = PrivateAttr(default=None)

    @property
    def named(self) -> str:
        return "Pingdom"

    def check(self) -> str:
        """Proves that Pingdom takes the token. Raises `SystemFaultError`."""
        self._page("whether checks are listed", limit=1)
        return f"Pingdom lists its checks at {self.url}"

    def monitors(self, tag: str, now: datetime) -> Sequence[Monitor]:
        found: list[_Check] = []
        for page in range(_PAGES):
            more = self._page(f"the checks tagged {tag!r}", tags=tag, limit=_PAGE, offset=page * _PAGE)
            found += more
            if len(more) < _PAGE:
                break
        return [Monitor(one.id, one.name, _state(one, now)) for one in found if one.status != "paused"]

    def uptimes(self, monitors: Sequence[Monitor], start: datetime, end: datetime) -> Sequence[float | None]:
        shares = each([str(monitor.id) for monitor in monitors], lambda check: self._share(check, start, end))
        return [shares[str(monitor.id)] for monitor in monitors]

    def _share(self, check: str, start: datetime, end: datetime) -> float | None:
        """Of the time that is known: Pingdom counts unknown time (it was paused) apart."""
        answer = self._api.ask(
            _Average,
            "GET",
            f"/api/3.1/summary.average/{check}",
            question=f"the uptime of check {check}",
            params={"from": int(start.timestamp()), "to": int(end.timestamp()), "includeuptime": "true"},
        ).summary.status
        known = answer.up + answer.down
        return 100 * answer.up / known if known else None

    def _page(self, question: str, **params: str | int) -> list[_Check]:
        return self._api.ask(_Checks, "GET", "/api/3.1/checks", question=question, params=params).checks

    @property
    def _api(self) -> Endpoint:
        if self._endpoint is None:
            headers = {"Authorization": f"Bearer {self.token.get_secret_value()}"}
            self._endpoint = Endpoint(
                self.named, self.url, headers=headers, timeout_seconds=self.timeout_seconds, needs=self.needs
            )
        return self._endpoint


def _state(check: _Check, now: datetime) -> bool | None:
    if check.last_look is None:
        return None
    looked = datetime.fromtimestamp(check.last_look, UTC)
    fresh = now - looked <= _FRESH_INTERVALS * timedelta(minutes=check.resolution)
    return _UP.get(check.status) if fresh else None
