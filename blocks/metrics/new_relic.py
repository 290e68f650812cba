"""New Relic as a source of series and of single values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, PrivateAttr, SecretStr

from blocks.endpoint import Endpoint
from blocks.faults import missing_right
from blocks.metrics.store import MetricStore
from blocks.payloads import Payload
from launch.errors import PermanentFaultError, SystemFaultError, TransientFaultError
from launch.ports import Sample

# https://docs.newrelic.com/docs/nrql/nrql-syntax-clauses-functions/#sel-timeseries
_BUCKETS = 366
_QUERY = "query($account: Int!, $nrql: Nrql!) { actor { account(id: $account) { nrql(query: $nrql) { results } } } }"
_CHECK = "SELECT count(*) FROM Transaction SINCE 1 minute ago"
_OF_EVERY_BUCKET = {"beginTimeSeconds", "endTimeSeconds", "facet"}


class _Kind(Payload):
    code: str = ""
    error_class: str = Field(default="", alias="errorClass")


class _Error(Payload):
    extensions: _Kind = _Kind()


class _Results(Payload):
    results: list[dict[str, JsonValue]]


class _Account(Payload):
    nrql: _Results | None = None


class _Actor(Payload):
    account: _Account | None = None


class _Data(Payload):
    actor: _Actor | None = None


class _Reply(Payload):
    data: _Data | None = None
    errors: tuple[_Error, ...] = ()


class _Bucket(Payload):
    end: int = Field(alias="endTimeSeconds")
    facet: JsonValue = None


class NewRelicMetrics(MetricStore, Block):
    """The data of one New Relic account, asked by NRQL.

    A query says what, as in `SELECT percentage(count(*), WHERE error IS true) FROM Transaction WHERE appName = 'api'`:
    one value, with FACET for several series. When, and in which steps, is added here (SINCE, UNTIL, TIMESERIES). A
    bucket without an event of its own is what NRQL makes of nothing: 0 for a count, a gap for an average.
    """

    _block_type_name = "New Relic Metrics"
    _block_type_slug = "new-relic-metrics"
    _description = "Data of a New Relic account, by NRQL over NerdGraph."
    _documentation_url = HttpUrl("https://docs.newrelic.com/docs/apis/nerdgraph/examples/nerdgraph-nrql-tutorial/")
    needs: ClassVar[str] = "a user key of somebody who may query the account"

    url: str = Field(
        default="https://api.newrelic.com",
        description="API address; https://api.eu.newrelic.com for accounts in the EU.",
    )
    api_key: SecretStr = Field(description="User key (NRAK-...).")
    account: int = Field(description="Id of the account.", gt=0)
    timeout_seconds: float = Field(default=15.0, gt=0, description="Longest wait for any one step of an exchange.")
    _endpoint: Endpoint | None = PrivateAttr(default=None)

    def check(self) -> str:
        """Proves that New Relic takes the key and that it may query the account. Raises `SystemFaultError`."""
        self._ask(_CHECK, "whether queries are answered")
        return f"New Relic answers queries of account {self.account}"

    @property
    def system(self) -> str:
        return self._api.system

    def lines(self, query: str, *, start: datetime, end: datetime, step: timedelta) -> Sequence[Sequence[Sample]]:
        """As `MetricStore.lines`. A sample's moment is the end of its bucket; the newest may still be filling."""
        question = f"the query {query!r}"
        first = start - step
        if (end - first) / step > _BUCKETS:
            raise PermanentFaultError(
                system=self.system,
                question=question,
                answer=f"it answers {_BUCKETS} steps at most",
                next_step="ask for a shorter window or a longer step in the plan",
            )
        since, until = (int(moment.timestamp() * 1_000) for moment in (first, end))
        seconds = max(1, round(step.total_seconds()))
        results = self._ask(f"{query} SINCE {since} UNTIL {until} TIMESERIES {seconds} seconds LIMIT MAX", question)
        found: dict[str, list[Sample]] = {}
        for result in results:
            bucket = _Bucket.model_validate(result)
            value = self._figure(result, bucket, question)
            at = datetime.fromtimestamp(bucket.end, UTC)
            if value is not None and start <= at <= end:
                found.setdefault(str(bucket.facet), []).append(Sample(at=at, value=value))
        return [sorted(line, key=lambda sample: sample.at) for line in found.values()]

    def _figure(self, result: Mapping[str, JsonValue], bucket: _Bucket, question: str) -> float | None:
        """The one figure of a bucket; a percentile is within an object of its own."""
        of_facet = {str(one) for one in (bucket.facet if isinstance(bucket.facet, list) else [bucket.facet])}
        figures = [
            value
            for name, value in result.items()
            # A facet's own attributes are repeated beside it, as they are in `facet`.
            if name not in _OF_EVERY_BUCKET and not (isinstance(value, str) and value in of_facet)
        ]
        if len(figures) == 1 and isinstance(figures[0], dict):
            figures = list(figures[0].values())
        if len(figures) != 1 or isinstance(figures[0], str | list | dict | bool):
            raise PermanentFaultError(
                system=self.system,
                question=question,
                answer=f"{len(figures)} values, or none that is a number",
                next_step="select one number in the query",
            )
        value = figures[0]
        return None if value is None or not math.isfinite(value) else float(value)

    def _ask(self, nrql: str, question: str) -> Sequence[Mapping[str, JsonValue]]:
        reply = self._api.ask(
            _Reply,
            "POST",
            "/graphql",
            question=question,
            json={"query": _QUERY, "variables": {"account": self.account, "nrql": nrql}},
        )
        if reply.errors:
            raise self._fault(reply.errors[0].extensions, question)
        actor = reply.data.actor if reply.data else None
        found = actor.account.nrql if actor and actor.account else None
        if found is None:
            raise PermanentFaultError(
                system=self.system,
                question=question,
                answer="neither results nor an error",
                next_step="check account and address in the system's block",
            )
        return found.results

    def _fault(self, kind: _Kind, question: str) -> SystemFaultError:
        """By its class: the message may hold what the query says."""
        told = (kind.error_class or kind.code or "an error of no kind")[:60]
        if kind.code == "BAD_API_KEY":
            fault, next_step = PermanentFaultError, "renew the credentials in the system's block"
        elif kind.error_class == "ACCESS_DENIED":
            fault, next_step = PermanentFaultError, missing_right(self.needs)
        elif kind.error_class in {"TIMEOUT", "SERVER_ERROR", "TOO_MANY_REQUESTS"}:
            return TransientFaultError(
                system=self.system, question=question, answer=told, next_step="wait, or ask for less in the query"
            )
        else:
            fault, next_step = PermanentFaultError, "try the query in New Relic's query builder"
        return fault(system=self.system, question=question, answer=told, next_step=next_step)

    @property
    def _api(self) -> Endpoint:
        if self._endpoint is None:
            headers = {"API-Key": self.api_key.get_secret_value()}
            self._endpoint = Endpoint(
                "New Relic", self.url, headers=headers, timeout_seconds=self.timeout_seconds, needs=self.needs
            )
        return self._endpoint
