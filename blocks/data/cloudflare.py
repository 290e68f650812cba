"""One Cloudflare zone: its rules, its cache, its analytics and its audit log (API v4)."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any

from pydantic import BaseModel, Field, JsonValue, SecretStr

from blocks import payloads
from blocks.endpoint import Endpoint
from launch.errors import PermanentFaultError, TransientFaultError
from launch.moments import Duration

_CACHE_PHASE, _HEADER_PHASE = "http_request_cache_settings", "http_request_late_transform"
_NEEDS = "Cache Purge, Zone Read, Analytics Read and Audit Logs Read"
_SERVED_FROM_CACHE = {"hit", "stale", "revalidated", "updating"}
_REQUESTS = """
query ($zone: String!, $host: String!, $since: Time!, $until: Time!) {
  viewer { zones(filter: {zoneTag: $zone}) {
    groups: httpRequestsAdaptiveGroups(
      limit: 100, filter: {clientRequestHTTPHost: $host, datetime_geq: $since, datetime_lt: $until}
    ) { count dimensions { cacheStatus } }
  } }
}
"""


class _Parameters(payloads.Payload):
    headers: dict[str, JsonValue] = Field(default_factory=dict)


class _Rule(payloads.Payload):
    description: str = ""
    enabled: bool = True
    action_parameters: _Parameters = _Parameters()


class _Ruleset(payloads.Payload):
    rules: list[_Rule] = Field(default_factory=list)


class _RulesetAnswer(payloads.Payload):
    result: _Ruleset


class _Id(payloads.Payload):
    id: str


class _IdAnswer(payloads.Payload):
    success: bool
    result: _Id | None = None


class _Action(payloads.Payload):
    type: str
    result: bool = True


class _Audited(payloads.Payload):
    action: _Action
    when: datetime


class _AuditAnswer(payloads.Payload):
    result: list[_Audited]


class _Dimensions(payloads.Payload):
    cache_status: str = Field(alias="cacheStatus")


class _Group(payloads.Payload):
    count: int
    dimensions: _Dimensions


class _ZoneGroups(payloads.Payload):
    groups: list[_Group]


class _Viewer(payloads.Payload):
    zones: list[_ZoneGroups]


class _Data(payloads.Payload):
    viewer: _Viewer


class _GraphqlAnswer(payloads.Payload):
    data: _Data | None = None


class CloudflareZone(BaseModel):
    """Address and rights for one zone; the token needs Cache Purge, Zone Read, Analytics Read and Audit Logs Read."""

    url: str = Field(default="https://api.cloudflare.com/client/v4", description="Base URL of the API.")
    zone: str = Field(description="Zone id.")
    account: str = Field(description="Account id, for the audit log.")
    token: SecretStr = Field(description="API token.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")

    def check(self) -> str:
        """Raises `SystemFaultError`."""
        self._endpoint.ask(_IdAnswer, "GET", f"/zones/{self.zone}", question="the zone")
        return f"Cloudflare shows zone {self.zone}"

    def enabled_rules(self) -> set[str]:
        """Descriptions of the cache rules that are on. Raises `SystemFaultError`."""
        return {rule.description for rule in self._rules(_CACHE_PHASE) if rule.enabled}

    def origin_headers(self) -> set[str]:
        """Names, in lower case, of the request headers set for the origin. Raises `SystemFaultError`."""
        rules = [rule for rule in self._rules(_HEADER_PHASE) if rule.enabled]
        return {name.lower() for rule in rules for name in rule.action_parameters.headers}

    def hit_ratio(self, host: str, *, until: datetime, window: Duration) -> float | None:
        """Share of requests served from cache, 0 to 1; None when there were none. Raises `SystemFaultError`."""
        since = until - window
        variables: JsonValue = {"zone": self.zone, "host": host, "since": _stamp(since), "until": _stamp(until)}
        question = f"the cache hit ratio of {host}"
        answer = self._endpoint.ask(
            _GraphqlAnswer, "POST", "/graphql", question=question, json={"query": _REQUESTS, "variables": variables}
        )
        if answer.data is None:
            raise PermanentFaultError(
                system="Cloudflare",
                question=question,
                answer="no data but GraphQL errors",
                next_step="check that the token may read analytics of the zone",
            )
        groups = [group for zone in answer.data.viewer.zones for group in zone.groups]
        total = sum(group.count for group in groups)
        cached = sum(group.count for group in groups if group.dimensions.cache_status in _SERVED_FROM_CACHE)
        return cached / total if total else None

    def purge(self) -> None:
        """Drops everything cached; doing it twice does no harm. Raises `SystemFaultError`."""
        question, path = "the purge of the cache", f"/zones/{self.zone}/purge_cache"
        answer = self._endpoint.ask(_IdAnswer, "POST", path, question=question, json={"purge_everything": True})
        if not answer.success:
            raise TransientFaultError(
                system="Cloudflare", question=question, answer="success: false", next_step="look at Cloudflare's status"
            )

    def last_purge(self) -> datetime | None:
        """When the audit log last shows a purge. Raises `SystemFaultError`."""
        parameters: dict[str, Any] = {"action.type": "purge", "per_page": 100, "direction": "desc"}
        answer = self._endpoint.ask(
            _AuditAnswer, "GET", f"/accounts/{self.account}/audit_logs", question="past purges", params=parameters
        )
        return max((entry.when for entry in answer.result if _is_purge(entry)), default=None)

    def _rules(self, phase: str) -> list[_Rule]:
        path = f"/zones/{self.zone}/rulesets/phases/{phase}/entrypoint"
        return self._endpoint.ask(_RulesetAnswer, "GET", path, question=f"the rules of {phase}").result.rules

    @cached_property
    def _endpoint(self) -> Endpoint:
        headers = {"Authorization": f"Bearer {self.token.get_secret_value()}"}
        return Endpoint("Cloudflare", self.url, headers=headers, timeout_seconds=self.timeout_seconds, needs=_NEEDS)


def _is_purge(entry: _Audited) -> bool:
    return entry.action.type == "purge" and entry.action.result


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
