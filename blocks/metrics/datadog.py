"""Datadog as a source of series and of single values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, PrivateAttr, SecretStr

from blocks.endpoint import Endpoint
from blocks.metrics.store import MetricStore
from blocks.payloads import Payload
from launch.errors import PermanentFaultError
from launch.ports import Sample


class _Line(Payload):
    pointlist: list[tuple[float, float | None]]


class _Answer(Payload):
    status: str
    series: list[_Line]
    error: str = ""


class _Valid(Payload):
    valid: bool


class DatadogMetrics(MetricStore, Block):
    """The metrics of a Datadog organisation.

    Datadog itself chooses how far apart points are, by the length of the window asked for, unless the query says it:
    a guard that is sampled every 30 s wants `.rollup(avg, 30)` at the end of its query. A point that has no value is
    a gap, as Datadog's own graphs show it.
    """

    _block_type_name = "Datadog Metrics"
    _block_type_slug = "datadog-metrics"
    _description = "Time series by Datadog's query language: https://docs.datadoghq.com/api/latest/metrics/"
    _documentation_url = HttpUrl("https://docs.datadoghq.com/api/latest/metrics/#query-timeseries-points")
    needs: ClassVar[str] = "`timeseries_query`"

    url: str = Field(default="https://api.datadoghq.com", description="API address of the account's site.")
    api_key: SecretStr = Field(description="Key of the organisation.")
    application_key: SecretStr = Field(description="Application key with the right `timeseries_query`.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")
    _endpoint: Endpoint | None = PrivateAttr(default=None)

    def check(self) -> str:
        """Proves that Datadog takes the API key, and that the application key may query. Raises `SystemFaultError`."""
        self._api.ask(_Valid, "GET", "/api/v1/validate", question="whether the API key is valid")
        # Of the epoch's first minute there is no data: what is asked is only whether a query is answered.
        question = "whether queries are answered"
        self._ask("avg:system.cpu.user{*}", datetime.fromtimestamp(0, UTC), timedelta(minutes=1), question)
        return f"Datadog answers queries at {self.url}"

    @property
    def system(self) -> str:
        return self._api.system

    def lines(self, query: str, *, start: datetime, end: datetime, step: timedelta) -> Sequence[Sequence[Sample]]:
        """As `MetricStore.lines`. `step` is how far before `start` a point may begin that reaches into the window."""
        answer = self._ask(query, start - step, end - start + step, f"the query {query!r}")
        lines = [
            [
                Sample(at=at, value=value)
                for at, value in ((datetime.fromtimestamp(ms / 1000, UTC), value) for ms, value in line.pointlist)
                if value is not None and start <= at <= end
            ]
            for line in answer.series
        ]
        return [line for line in lines if line]

    def _ask(self, query: str, start: datetime, window: timedelta, question: str) -> _Answer:
        answer = self._api.ask(
            _Answer,
            "GET",
            "/api/v1/query",
            question=question,
            params={
                "from": int(start.timestamp()),
                "to": int((start + window).timestamp()),
                "query": query,
            },
        )
        if answer.status != "ok":
            raise PermanentFaultError(
                system=self.system,
                question=question,
                answer=f"status {answer.status[:40]!r}",
                next_step="try the query in Datadog's metrics explorer",
            )
        return answer

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
