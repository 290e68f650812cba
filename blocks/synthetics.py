"""Datadog Synthetics: how tests are set up, whether every location is green, and uptime."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar, assert_never

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, PrivateAttr, RootModel, SecretStr

from blocks.endpoint import Endpoint
from blocks.payloads import Payload
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.observability import SyntheticResults, SyntheticTests, SyntheticUptime
from launch.readings import Reading, quantities

_FRESH_INTERVALS = 3
_PAGE = 200


class _Retry(Payload):
    count: int = 0


class _Options(Payload):
    tick_every: int
    retry: _Retry = _Retry()


class _Test(Payload):
    public_id: str
    status: str
    tags: list[str] = Field(default_factory=list)
    locations: list[str]
    options: _Options


class _Tests(Payload):
    tests: list[_Test]


class _Outcome(Payload):
    passed: bool = False


class _Result(Payload):
    check_time: int
    probe_dc: str
    result: _Outcome


class _Results(Payload):
    results: list[_Result]


class _Overall(Payload):
    uptime: float | None = None


class _Uptime(Payload):
    public_id: str
    overall: _Overall


class _Uptimes(RootModel[list[_Uptime]]):
    """One per test asked for."""


class _Valid(Payload):
    valid: bool


class DatadogSynthetics(Block):
    """Synthetic tests at Datadog."""

    _block_type_name = "Datadog Synthetics"
    _block_type_slug = "datadog-synthetics"
    _description = "Synthetic tests and their results: https://docs.datadoghq.com/api/latest/synthetics/"
    _documentation_url = HttpUrl("https://docs.datadoghq.com/api/latest/synthetics/")
    needs: ClassVar[str] = "`synthetics_read`"

    answers: ClassVar[tuple[type[Probe], ...]] = (SyntheticTests, SyntheticResults, SyntheticUptime)

    url: str = Field(default="https://api.datadoghq.com", description="API address of the account's site.")
    api_key: SecretStr = Field(description="Key of the organisation.")
    application_key: SecretStr = Field(description="Application key with the right `synthetics_read`.")
    timeout_seconds: float = Field(default=15.0, gt=0, description="Longest wait for any one step of an exchange.")
    _endpoint: Endpoint | None = PrivateAttr(default=None)

    def check(self) -> str:
        """Proves that Datadog answers and takes both keys. Raises `SystemFaultError`."""
        self._api.ask(_Valid, "GET", "/api/v1/validate", question="whether the API key is valid")
        return f"Datadog lists {len(self._all())} synthetic tests"

    def answer(self, probe: SyntheticTests | SyntheticResults | SyntheticUptime, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        live = [test for test in self._all() if test.status == "live" and probe.tag in test.tags]
        where = f'synthetic tests tagged "{probe.tag}" at Datadog'
        match probe:
            case SyntheticTests():
                return _set_up(live, where, occasion)
            case SyntheticResults():
                return self._green(live, where, occasion)
            case SyntheticUptime():
                return self._uptime(live, where, occasion)
            case _:
                assert_never(probe)

    def _green(self, live: list[_Test], where: str, occasion: Occasion) -> Reading:
        newest = [(test, self._newest(test, occasion.now)) for test in live]
        expected = {location for test in live for location in test.locations}
        reported = all(location in results for test, results in newest for location in test.locations)
        red = sorted({place for _, results in newest for place, passed in results.items() if not passed})
        green = len(expected) - len(red) if live and reported else None
        evidence = f"red: {', '.join(red) or 'none'}" if reported else "not every location has reported lately"
        return Reading(
            values=quantities("", locations_green=green), where=where, at=occasion.now, evidence=evidence[:256]
        )

    def _uptime(self, live: list[_Test], where: str, occasion: Occasion) -> Reading:
        if occasion.went_live is None or not live:
            evidence = "not live yet" if live else "no live test"
            return Reading(values={}, where=where, at=occasion.now, evidence=evidence)
        ids: list[JsonValue] = [test.public_id for test in live]
        answer = self._api.ask(
            _Uptimes,
            "POST",
            "/api/v1/synthetics/tests/uptimes",
            question="uptime since the go-live",
            json={
                "public_ids": ids,
                "from_ts": int(occasion.went_live.timestamp()),
                "to_ts": int(occasion.now.timestamp()),
            },
        )
        known = [test.overall.uptime for test in answer.root if test.overall.uptime is not None]
        worst = min(known) if len(known) == len(live) else None
        return Reading(
            values=quantities("%", synthetic_uptime=worst),
            where=where,
            at=occasion.now,
            evidence=f"{len(known)} of {len(live)} tests, since {occasion.went_live:%Y-%m-%d %H:%M} UTC",
        )

    def _newest(self, test: _Test, now: datetime) -> dict[str, bool]:
        """Whether the newest fresh run passed, by location."""
        start = now - timedelta(seconds=_FRESH_INTERVALS * test.options.tick_every)
        answer = self._api.ask(
            _Results,
            "GET",
            f"/api/v1/synthetics/tests/{test.public_id}/results",
            question=f'the latest results of test "{test.public_id}"',
            params={"from_ts": int(start.timestamp() * 1000), "to_ts": int(now.timestamp() * 1000)},
        )
        fresh = [run for run in answer.results if start <= datetime.fromtimestamp(run.check_time / 1000, UTC) <= now]
        return {run.probe_dc: run.result.passed for run in sorted(fresh, key=lambda run: run.check_time)}

    def _all(self) -> list[_Test]:
        tests: list[_Test] = []
        for page in range(50):
            answer = self._api.ask(
                _Tests,
                "GET",
                "/api/v1/synthetics/tests",
                question="its synthetic tests",
                params={"page_size": _PAGE, "page_number": page},
            )
            tests += answer.tests
            if len(answer.tests) < _PAGE:
                break
        return tests

    @property
    def _api(self) -> Endpoint:
        if self._endpoint is None:
            headers = {
                "DD-API-KEY": self.api_key.get_secret_value(),
                "DD-APPLICATION-KEY": self.application_key.get_secret_value(),
            }
            self._endpoint = Endpoint(
                "Datadog", self.url, headers=headers, timeout_seconds=self.timeout_seconds, needs=self.needs
            )
        return self._endpoint


def _set_up(live: list[_Test], where: str, occasion: Occasion) -> Reading:
    values = quantities("", tests=len(live))
    if live:
        # A failure alerts when the first run and each of its retries have failed.
        values |= quantities("s", interval=max(test.options.tick_every for test in live))
        values |= quantities(
            "",
            locations=min(len(set(test.locations)) for test in live),
            alert_after=max(1 + test.options.retry.count for test in live),
        )
    names = ", ".join(test.public_id for test in live) or "none"
    return Reading(values=values, where=where, at=occasion.now, evidence=f"live tests: {names}"[:256])
