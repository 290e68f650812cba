"""Feature flags, over LaunchDarkly's REST API (https://apidocs.launchdarkly.com/)."""

from __future__ import annotations

from typing import ClassVar

import httpx
from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, SecretStr, ValidationError

from blocks import wire
from blocks.flag_instructions import given, is_killed, kill_instructions, share_instructions
from blocks.flag_keeping import FlagKeeper, Given
from blocks.flag_settings import Flag, Setting, as_it_was, same
from blocks.payloads import Payload, read
from launch.errors import PermanentFaultError

_SEMANTIC_PATCH = "application/json; domain-model=launchdarkly.semanticpatch"


class _Environment(Payload):
    key: str


class _Segment(Payload):
    included: tuple[str, ...] = ()


class FeatureFlags(FlagKeeper, Block):
    """One environment of a LaunchDarkly project."""

    _block_type_name = "Feature Flags"
    _block_type_slug = "feature-flags"
    _description = "Boolean flags of one LaunchDarkly environment, read and set over its REST API."
    _documentation_url = HttpUrl("https://launchdarkly.com/docs/api")
    needs: ClassVar[str] = (
        "reader on the project; in one environment `updateOn`, and for shares and cohorts `updateRules`, "
        "`updateFallthrough`, `updateOffVariation`"
    )

    url: str = Field(default="https://app.launchdarkly.com", description="Base URL of the flag service.")
    token: SecretStr = Field(description="API access token with a writer role for this environment.")
    project: str = Field(description="Project key.")
    environment: str = Field(default="production", description="Environment key.")
    pilot_segment: str = Field(default="pilot-tenants", description="Key of the segment that `pilot-only` serves.")
    context_kind: str = Field(default="tenant", description="Kind of context that segments hold, e.g. user or tenant.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")

    @property
    def named(self) -> str:
        return f"flags of {self.project}/{self.environment}"

    def check(self) -> str:
        """Proves that the environment can be read with this token. Raises `SystemFaultError`."""
        path = f"/api/v2/projects/{self.project}/environments/{self.environment}"
        question = "its environment"
        read(_Environment, self._call("GET", path, question=question), system=self.named, question=question)
        return f"{self.url} takes the token for {self.project}/{self.environment}"

    def given(self, flag: str) -> Given:
        return given(*self._read(flag))

    def give(self, flag: str, percent: float, cohort: str, *, because: str) -> None:
        found, setting = self._read(flag)
        orders = share_instructions(found, setting, percent, cohort, self.context_kind)
        self._patch(flag, orders, f"the order to set flag {flag} to {percent:g} % of {cohort or 'everybody'}", because)

    def switch_off(self, flag: str, *, because: str) -> None:
        found, setting = self._read(flag)
        if not is_killed(found, setting):
            self._patch(flag, kill_instructions(found, setting), f"the order to switch flag {flag} off", because)

    def put_back(self, flag: str, record: JsonValue, *, because: str) -> None:
        wanted = self._recorded(flag, record)
        found, setting = self._read(flag)
        if not same(setting, wanted):
            self._patch(flag, as_it_was(found, wanted), f"the order to set flag {flag} as it was", because)

    def alike(self, flag: str, one: JsonValue, other: JsonValue) -> bool:
        """Ids of rules that were made again are others."""
        return same(self._recorded(flag, one), self._recorded(flag, other))

    def members(self, segment: str) -> frozenset[str] | None:
        question = f"who is in segment {segment}"
        path = f"/api/v2/segments/{self.project}/{self.environment}/{segment}"
        found = read(_Segment, self._call("GET", path, question=question), system=self.named, question=question)
        return frozenset(found.included)

    def _recorded(self, flag: str, record: JsonValue) -> Setting:
        try:
            return Setting.model_validate(record)
        except ValidationError as error:
            raise self.unreadable(flag) from error

    def _patch(self, key: str, instructions: list[JsonValue], question: str, because: str) -> None:
        if not instructions:
            raise PermanentFaultError(
                system=self.named,
                question=question,
                answer="not a boolean flag",
                next_step="set it by hand in the flag service",
            )
        self._call(
            "PATCH",
            f"/api/v2/flags/{self.project}/{key}",
            question=question,
            headers={"Content-Type": _SEMANTIC_PATCH},
            json={"environmentKey": self.environment, "comment": because, "instructions": instructions},
        )

    def _read(self, key: str) -> tuple[Flag, Setting]:
        question = f"the state of flag {key}"
        path = f"/api/v2/flags/{self.project}/{key}?env={self.environment}"
        flag = read(Flag, self._call("GET", path, question=question), system=self.named, question=question)
        setting = flag.environments.get(self.environment)
        if setting is None:
            raise PermanentFaultError(
                system=self.named,
                question=question,
                answer="no such environment",
                next_step="check `environment` of the flags block",
            )
        return flag, setting

    def _call(
        self,
        method: str,
        path: str,
        *,
        question: str,
        json: JsonValue = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        # LaunchDarkly takes the bare token, without a scheme.
        authorized = {"Authorization": self.token.get_secret_value()}
        with wire.client(self.url, timeout_seconds=self.timeout_seconds, headers=authorized) as client:
            return wire.fetch(
                client,
                method,
                path,
                system=self.named,
                question=question,
                json=json,
                headers=headers,
                needs=self.needs,
            )
