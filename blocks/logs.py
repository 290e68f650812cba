"""Grafana Loki: counts of log lines, and whether logs arrive, are kept and raise alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal, TypeVar, assert_never

import yaml
from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, PrivateAttr, SecretStr, TypeAdapter, ValidationError

from blocks.endpoint import Endpoint
from blocks.payloads import Payload
from launch.errors import PermanentFaultError
from launch.moments import parse_duration
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.observability import LogLines, LogPipeline
from launch.readings import Reading, quantities

T = TypeVar("T")


class _Count(Payload):
    value: tuple[float, str]


class _Counts(Payload):
    result: list[_Count]


class _CountAnswer(Payload):
    data: _Counts


class _Stream(Payload):
    values: list[tuple[str, str]]


class _Streams(Payload):
    result: list[_Stream]


class _StreamAnswer(Payload):
    data: _Streams


class _Success(Payload):
    status: Literal["success"]


class _Build(Payload):
    version: str


class _Limits(Payload):
    retention_period: str = ""


class _Config(Payload):
    limits_config: _Limits = _Limits()


class _Rule(Payload):
    alert: str = ""
    expr: str


class _Group(Payload):
    rules: list[_Rule]


_GROUPS: TypeAdapter[dict[str, list[_Group]]] = TypeAdapter(dict[str, list[_Group]])


class LokiLogs(Block):
    """A Loki server."""

    _block_type_name = "Loki Logs"
    _block_type_slug = "loki"
    _description = "Log lines by LogQL: https://grafana.com/docs/loki/latest/reference/loki-http-api/"
    _documentation_url = HttpUrl("https://grafana.com/docs/loki/latest/reference/loki-http-api/")
    needs: ClassVar[str] = "read for one tenant"

    answers: ClassVar[tuple[type[Probe], ...]] = (LogLines, LogPipeline)

    url: str = Field(description="Address of the server, without `/loki/api/v1`.")
    token: SecretStr | None = Field(default=None, description="Bearer token, where a gateway in front asks for one.")
    tenant: str = Field(default="", description="X-Scope-OrgID of a multi-tenant Loki.")
    timeout_seconds: float = Field(default=15.0, gt=0, description="Longest wait for any one step of an exchange.")
    _endpoint: Endpoint | None = PrivateAttr(default=None)

    def check(self) -> str:
        """Proves that the server takes the token and shows the tenant its labels. Raises `SystemFaultError`."""
        build = self._api.ask(_Build, "GET", "/loki/api/v1/status/buildinfo", question="which version it is")
        self._api.ask(_Success, "GET", "/loki/api/v1/labels", question="which labels this tenant has")
        return f"Loki {build.version} shows its labels at {self.url}"

    def answer(self, probe: LogLines | LogPipeline, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        match probe:
            case LogLines():
                return self._lines(probe, occasion)
            case LogPipeline():
                return self._pipeline(probe, occasion)
            case _:
                assert_never(probe)

    def _lines(self, probe: LogLines, occasion: Occasion) -> Reading:
        excluding = f" !~ `{probe.excluding}`" if probe.excluding else ""
        everything = self._count(probe.stream, probe.window, occasion.now)
        counted = self._count(f"{probe.stream} |~ `{probe.matching}`{excluding}", probe.window, occasion.now)
        return Reading(
            # Loki answers an empty vector both for "no match" and for "no logs": only the stream's own lines tell.
            values=quantities("lines", **{probe.name: counted if everything else None}),
            where=f"logs {probe.stream} in Loki",
            at=occasion.now,
            evidence=f"{counted} of {everything} lines of the last {probe.window}",
        )

    def _pipeline(self, probe: LogPipeline, occasion: Occasion) -> Reading:
        newest = self._newest(probe.stream, occasion.now)
        rules = self._alert_rules(probe.rule_about)
        age = None if newest is None else (occasion.now - newest).total_seconds()
        return Reading(
            values=quantities("days", log_retention=self._retention_days())
            | quantities("s", newest_line_age=age)
            | quantities("", error_alert_rules=len(rules)),
            where=f"Loki at {self.url}",
            at=occasion.now,
            evidence=f"alerting rules on {probe.rule_about}: {', '.join(rules) or 'none'}"[:256],
        )

    def _count(self, selection: str, window: timedelta, at: datetime) -> int:
        query = f"sum(count_over_time({selection} [{int(window.total_seconds())}s]))"
        answer = self._api.ask(
            _CountAnswer,
            "GET",
            "/loki/api/v1/query",
            question=f"the count of {selection}",
            params={"query": query, "time": f"{at.timestamp():.3f}"},
        )
        return int(float(answer.data.result[0].value[1])) if answer.data.result else 0

    def _newest(self, stream: str, now: datetime) -> datetime | None:
        answer = self._api.ask(
            _StreamAnswer,
            "GET",
            "/loki/api/v1/query_range",
            question=f"the newest line of {stream}",
            params={
                "query": stream,
                "start": f"{(now - timedelta(hours=1)).timestamp():.3f}",
                "end": f"{now.timestamp():.3f}",
                "limit": 1,
                "direction": "backward",
            },
        )
        stamps = [int(stamp) for stream_of in answer.data.result for stamp, _ in stream_of.values]
        return datetime.fromtimestamp(max(stamps) / 10**9, UTC) if stamps else None

    def _retention_days(self) -> float | None:
        """None where no retention is configured: lines are then kept for ever, or by another system's rule."""
        config = self._yaml(TypeAdapter(_Config), "/config", question="its configuration")
        text = config.limits_config.retention_period if config else ""
        try:
            return parse_duration(text) / timedelta(days=1) or None
        except ValueError:
            return None

    def _alert_rules(self, about: str) -> list[str]:
        groups = self._yaml(_GROUPS, "/loki/api/v1/rules", question="its alerting rules") or {}
        rules = (rule for group in groups.values() for part in group for rule in part.rules)
        return [rule.alert for rule in rules if rule.alert and about in rule.expr]

    def _yaml(self, shape: TypeAdapter[T], path: str, *, question: str) -> T | None:
        """None where the server has none (404). Raises `SystemFaultError`."""
        response = self._api.send("GET", path, question=question, ok=(200, 404))
        if response.status_code == 404:
            return None
        try:
            return shape.validate_python(yaml.safe_load(response.text))
        except (ValidationError, yaml.YAMLError) as error:
            raise PermanentFaultError(
                system=self._api.system,
                question=question,
                answer="something of another form",
                next_step="check the address in the system's block and the version of the API behind it",
            ) from error

    @property
    def _api(self) -> Endpoint:
        if self._endpoint is None:
            headers = {"Authorization": f"Bearer {self.token.get_secret_value()}"} if self.token else {}
            tenant = {"X-Scope-OrgID": self.tenant} if self.tenant else {}
            self._endpoint = Endpoint(
                "Loki", self.url, headers=headers | tenant, timeout_seconds=self.timeout_seconds, needs=self.needs
            )
        return self._endpoint
