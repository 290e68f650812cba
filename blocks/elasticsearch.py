"""Elasticsearch (and OpenSearch, which speaks the same here): counts of log lines."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar
from urllib.parse import quote

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, PrivateAttr, SecretStr

from blocks.endpoint import Endpoint
from blocks.payloads import Payload
from launch.errors import TransientFaultError
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.observability import LogLines
from launch.readings import Reading, quantities


class _Shards(Payload):
    total: int
    successful: int
    failed: int


class _Counted(Payload):
    count: int
    shards: _Shards = Field(alias="_shards")


class ElasticsearchLogs(Block):
    """Log lines in the indices of one pattern. A question's `stream`, `matching` and `excluding` are query strings.

    For instance `kubernetes.namespace:production`, `level:(ERROR OR CRITICAL)` and `message:"known issue"`:
    https://www.elastic.co/docs/reference/query-languages/query-dsl/query-dsl-query-string-query
    """

    _block_type_name = "Elasticsearch Logs"
    _block_type_slug = "elasticsearch"
    _description = "Counts of log lines by query strings."
    _documentation_url = HttpUrl("https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-count")
    needs: ClassVar[str] = "the index privilege `read` on the pattern"

    answers: ClassVar[tuple[type[Probe], ...]] = (LogLines,)

    url: str = Field(description="Address of the cluster.")
    api_key: SecretStr = Field(description="API key, encoded as Elasticsearch hands it out.")
    indices: str = Field(default="logs-*", description="Index, data stream or pattern that holds the lines.")
    time_field: str = Field(default="@timestamp", description="Field with the moment of a line.")
    timeout_seconds: float = Field(default=15.0, gt=0, description="Longest wait for any one step of an exchange.")
    _endpoint: Endpoint | None = PrivateAttr(default=None)

    def check(self) -> str:
        """Proves that the cluster takes the key and counts lines of the pattern. Raises `SystemFaultError`."""
        question = f"whether lines of {self.indices} are counted"
        found = self._api.ask(_Counted, "GET", self._path, question=question)
        return f"Elasticsearch counts {found.count} lines in {self.indices}"

    def answer(self, probe: LogLines, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        everything = self._count(probe, occasion)
        counted = self._count(probe, occasion, matching=probe.matching)
        return Reading(
            # A pattern that no index has is counted as 0, like lines that none is like: only the stream's own tell.
            values=quantities("lines", **{probe.name: counted if everything else None}),
            where=f"logs {probe.stream} in Elasticsearch",
            at=occasion.now,
            evidence=f"{counted} of {everything} lines of the last {probe.window}",
        )

    def _count(self, probe: LogLines, occasion: Occasion, matching: str = "") -> int:
        wanted = [probe.stream, matching] if matching else [probe.stream]
        unwanted = [probe.excluding] if matching and probe.excluding else []
        question = f"the count of {' AND '.join(wanted)}"
        found = self._api.ask(
            _Counted,
            "POST",
            self._path,
            question=question,
            json={
                "query": {
                    "bool": {
                        "filter": [self._within(occasion, probe.window), *map(_query_string, wanted)],
                        "must_not": [_query_string(one) for one in unwanted],
                    }
                }
            },
        )
        if found.shards.failed or not found.shards.successful >= found.shards.total:
            raise TransientFaultError(
                system=self._api.system,
                question=question,
                answer=f"a count without {found.shards.total - found.shards.successful} of {found.shards.total} shards",
                next_step="look at the health of the cluster; what is missing may be the lines that matter",
            )
        return found.count

    def _within(self, occasion: Occasion, window: timedelta) -> JsonValue:
        start = (occasion.now - window).isoformat()
        return {"range": {self.time_field: {"gt": start, "lte": occasion.now.isoformat()}}}

    @property
    def _path(self) -> str:
        return f"/{quote(self.indices, safe='*,-')}/_count"

    @property
    def _api(self) -> Endpoint:
        if self._endpoint is None:
            self._endpoint = Endpoint(
                "Elasticsearch",
                self.url,
                headers={"Authorization": f"ApiKey {self.api_key.get_secret_value()}"},
                timeout_seconds=self.timeout_seconds,
                needs=self.needs,
            )
        return self._endpoint


def _query_string(words: str) -> JsonValue:
    return {"query_string": {"query": words}}
