"""Jaeger: whether traces flow at the planned rate, and whether the service map shows every dependency."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, assert_never

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, PrivateAttr, SecretStr

from blocks.endpoint import Endpoint
from blocks.payloads import Payload
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.observability import ServiceMap, TraceSampling
from launch.readings import Reading, quantities

_MOST_TRACES = 100


class _Services(Payload):
    data: list[str] | None


class _Trace(Payload):
    traceID: str  # noqa: N815 - Jaeger's spelling


class _Traces(Payload):
    data: list[_Trace] | None


class _Edge(Payload):
    parent: str
    child: str


class _Edges(Payload):
    data: list[_Edge] | None


class _Probabilistic(Payload):
    samplingRate: float  # noqa: N815 - Jaeger's spelling


class _Strategy(Payload):
    probabilisticSampling: _Probabilistic | None = None  # noqa: N815 - Jaeger's spelling


class JaegerTracing(Block):
    """A Jaeger installation: its query service and its collector's sampling endpoint."""

    _block_type_name = "Jaeger Tracing"
    _block_type_slug = "jaeger"
    _description = "Traces, dependencies and sampling: https://www.jaegertracing.io/docs/latest/apis/"
    _documentation_url = HttpUrl("https://www.jaegertracing.io/docs/latest/apis/")
    needs: ClassVar[str] = "read on the query service and on sampling"

    answers: ClassVar[tuple[type[Probe], ...]] = (TraceSampling, ServiceMap)

    url: str = Field(description="Address of the query service, without `/api`.")
    sampling_url: str = Field(description="Address of the collector that hands out sampling rates, without `/api`.")
    token: SecretStr | None = Field(default=None, description="Bearer token, where a proxy in front asks for one.")
    timeout_seconds: float = Field(default=15.0, gt=0, description="Longest wait for any one step of an exchange.")
    _query: Endpoint | None = PrivateAttr(default=None)
    _collector: Endpoint | None = PrivateAttr(default=None)

    def check(self) -> str:
        """Proves that query service and collector answer and take the token. Raises `SystemFaultError`."""
        services = self._api.ask(_Services, "GET", "/api/services", question="which services send traces")
        # A service that the collector does not know gets the default rate.
        question = "the default sampling rate"
        self._sampling.ask(_Strategy, "GET", "/api/sampling", question=question, params={"service": "tminus"})
        return f"Jaeger knows {len(services.data or [])} services"

    def answer(self, probe: TraceSampling | ServiceMap, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        match probe:
            case TraceSampling():
                return self._flow(probe, occasion)
            case ServiceMap():
                return self._map(probe, occasion)
            case _:
                assert_never(probe)

    def _flow(self, probe: TraceSampling, occasion: Occasion) -> Reading:
        question = f'the traces of "{probe.service}"'
        traces = self._api.ask(
            _Traces,
            "GET",
            "/api/traces",
            question=question,
            params={
                "service": probe.service,
                "start": _microseconds(occasion.now.timestamp() - probe.window.total_seconds()),
                "end": _microseconds(occasion.now.timestamp()),
                "limit": _MOST_TRACES,
            },
        )
        strategy = self._sampling.ask(
            _Strategy,
            "GET",
            "/api/sampling",
            question=f'the sampling rate of "{probe.service}"',
            params={"service": probe.service},
        )
        rate = strategy.probabilisticSampling
        seen = len(traces.data or [])
        return Reading(
            values=quantities("%", trace_sample_rate=round(rate.samplingRate * 100, 6) if rate else None)
            | quantities("", traces=seen),
            where=f"traces of {probe.service} in Jaeger",
            at=occasion.now,
            evidence=f"{seen} traces (counted up to {_MOST_TRACES}) in the last {probe.window}",
        )

    def _map(self, probe: ServiceMap, occasion: Occasion) -> Reading:
        answer = self._api.ask(
            _Edges,
            "GET",
            "/api/dependencies",
            question="the service map",
            params={
                "endTs": int(occasion.now.timestamp() * 1000),
                "lookback": probe.window // timedelta(milliseconds=1),
            },
        )
        known = {f"{edge.parent} -> {edge.child}" for edge in answer.data or []}
        missing = [edge for edge in probe.edges if edge not in known]
        return Reading(
            values=quantities("", missing_dependencies=len(missing) if known else None),
            where="service map in Jaeger",
            at=occasion.now,
            evidence=f"missing: {', '.join(missing) or 'none'}"[:256] if known else "the map is empty",
        )

    @property
    def _api(self) -> Endpoint:
        if self._query is None:
            self._query = self._endpoint(self.url)
        return self._query

    @property
    def _sampling(self) -> Endpoint:
        if self._collector is None:
            self._collector = self._endpoint(self.sampling_url)
        return self._collector

    def _endpoint(self, url: str) -> Endpoint:
        headers = {"Authorization": f"Bearer {self.token.get_secret_value()}"} if self.token else {}
        return Endpoint("Jaeger", url, headers=headers, timeout_seconds=self.timeout_seconds, needs=self.needs)


def _microseconds(timestamp: float) -> int:
    return int(timestamp * 1_000_000)
