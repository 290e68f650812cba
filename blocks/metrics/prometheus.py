"""Prometheus (and what speaks its API: Mimir, Thanos, VictoriaMetrics) as a source of series and of single values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, PrivateAttr, SecretStr

from blocks.endpoint import Endpoint
from blocks.metrics.store import MetricStore
from blocks.payloads import Payload
from launch.ports import Sample

# The server refuses a range of more than 11,000 points ("exceeded maximum resolution").
_MOST_POINTS = 10_000


class _Line(Payload):
    metric: dict[str, str]
    values: list[tuple[float, str]]


class _Matrix(Payload):
    resultType: str  # noqa: N815 - Prometheus' spelling
    result: list[_Line]


class _Answer(Payload):
    status: str
    data: _Matrix


class _Build(Payload):
    version: str


class _Success(Payload):
    status: Literal["success"]


class _BuildAnswer(Payload):
    data: _Build


class PrometheusMetrics(MetricStore, Block):
    """A Prometheus server."""

    _block_type_name = "Prometheus Metrics"
    _block_type_slug = "prometheus"
    _description = "Time series by PromQL: https://prometheus.io/docs/prometheus/latest/querying/api/"
    _documentation_url = HttpUrl("https://prometheus.io/docs/prometheus/latest/querying/api/")
    needs: ClassVar[str] = "read on the query API"

    url: str = Field(description="Address of the server, without `/api/v1`.")
    token: SecretStr | None = Field(default=None, description="Bearer token, where a proxy in front asks for one.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")
    _endpoint: Endpoint | None = PrivateAttr(default=None)

    def check(self) -> str:
        """Proves that the server takes the token and answers queries. Raises `SystemFaultError`."""
        build = self._api.ask(_BuildAnswer, "GET", "/api/v1/status/buildinfo", question="which version it is")
        self._api.ask(_Success, "GET", "/api/v1/query", question="whether queries are answered", params={"query": "up"})
        return f"Prometheus {build.data.version} answers queries at {self.url}"

    @property
    def system(self) -> str:
        return self._api.system

    def lines(self, query: str, *, start: datetime, end: datetime, step: timedelta) -> Sequence[Sequence[Sample]]:
        """As `MetricStore.lines`. A range of more points than the server gives at once is asked for in parts."""
        found: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
        while start <= end:
            until = min(end, start + step * (_MOST_POINTS - 1))
            for line in self._range(query, start=start, end=until, step=step):
                samples = (Sample(at=datetime.fromtimestamp(at, UTC), value=float(value)) for at, value in line.values)
                found.setdefault(tuple(sorted(line.metric.items())), []).extend(samples)
            start = until + step
        return list(found.values())

    def _range(self, query: str, *, start: datetime, end: datetime, step: timedelta) -> list[_Line]:
        answer = self._api.ask(
            _Answer,
            "POST",
            "/api/v1/query_range",
            question=f"the query {query!r}",
            data={
                "query": query,
                "start": f"{start.timestamp():.3f}",
                "end": f"{end.timestamp():.3f}",
                "step": f"{step.total_seconds():g}",
            },
        )
        return answer.data.result

    @property
    def _api(self) -> Endpoint:
        if self._endpoint is None:
            headers = {"Authorization": f"Bearer {self.token.get_secret_value()}"} if self.token else {}
            self._endpoint = Endpoint(
                "Prometheus", self.url, headers=headers, timeout_seconds=self.timeout_seconds, needs=self.needs
            )
        return self._endpoint
