"""Feature flags of Unleash, over its admin API (https://docs.getunleash.io/api-overview)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

import httpx
from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, SecretStr, ValidationError

from blocks import wire
from blocks.faults import missing_right
from blocks.flag_keeping import EVERYBODY, FlagKeeper, Given
from blocks.payloads import Payload, read
from blocks.unleash_strategies import GRADUAL, Recorded, Setting, Strategy, given
from launch.errors import PermanentFaultError

_RIGHTS = (
    "UPDATE_FEATURE_ENVIRONMENT",
    "CREATE_FEATURE_STRATEGY",
    "UPDATE_FEATURE_STRATEGY",
    "DELETE_FEATURE_STRATEGY",
)
_ADMIN = "ADMIN"
_FORBIDDEN, _MISSING = 403, 404
_SUCCESS = frozenset(range(200, 300))
_SUCCESS_OR_MISSING = _SUCCESS | {_MISSING}
_RIGHT = re.compile(r"[A-Z_]{3,60}")


class _Permission(Payload):
    permission: str
    project: str | None = None
    environment: str | None = None


class _User(Payload):
    permissions: tuple[_Permission, ...]


class _EnvironmentName(Payload):
    environment: str


class _Project(Payload):
    environments: tuple[_EnvironmentName, ...]


class _Environment(Setting):
    """Within a feature the environment is what has the name."""


class _Feature(Payload):
    environments: tuple[_Environment, ...]


class _Constraint(Payload):
    context_name: str = Field(alias="contextName")
    operator: str
    values: tuple[str, ...] = ()
    inverted: bool = False


class _Segment(Payload):
    id: int
    name: str
    constraints: tuple[_Constraint, ...] = ()


class _Segments(Payload):
    segments: tuple[_Segment, ...]


class _Refused(Payload):
    permissions: tuple[str, ...] = ()


class Unleash(FlagKeeper, Block):
    """Flags of one environment of an Unleash project."""

    _block_type_name = "Unleash"
    _block_type_slug = "unleash"
    _description = "Flags of one environment of an Unleash project, read and set over its admin API."
    _documentation_url = HttpUrl("https://docs.getunleash.io/reference/api-tokens-and-client-keys")
    needs: ClassVar[str] = (
        "`UPDATE_FEATURE_ENVIRONMENT`, `CREATE_FEATURE_STRATEGY`, `UPDATE_FEATURE_STRATEGY` and "
        "`DELETE_FEATURE_STRATEGY` in one environment of one project"
    )

    url: str = Field(description="Base URL of Unleash, e.g. https://unleash.example.com; before `/api`.")
    token: SecretStr = Field(description="Personal access token of a service account, or an admin token.")
    project: str = Field(default="default", description="Project id.")
    environment: str = Field(default="production", description="Environment name.")
    pilot_segment: str = Field(default="pilot-tenants", description="Name of the segment that `pilot-only` serves.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")

    @property
    def named(self) -> str:
        return f"Unleash {self.project}/{self.environment}"

    def check(self) -> str:
        """Proves that the environment exists and that the token may change flags in it. Raises `SystemFaultError`."""
        question = "what its token may do"
        user = read(_User, self._call("GET", "/api/admin/user", question), system=self.named, question=question)
        missing = [right for right in _RIGHTS if not self._may(right, user.permissions)]
        if missing:
            raise PermanentFaultError(
                system=self.named,
                question=question,
                answer=f"without {', '.join(missing)}",
                next_step=missing_right(", ".join(missing)),
            )
        question = f"project {self.project}"
        path = f"/api/admin/projects/{self.project}/overview"
        project = read(_Project, self._call("GET", path, question), system=self.named, question=question)
        if self.environment not in {one.environment for one in project.environments}:
            raise self._no_environment(question)
        return f"{self.url} takes the token for {self.project}/{self.environment}"

    def given(self, flag: str) -> Given:
        """What the flag gives. Segments are asked for only where a strategy names one."""
        setting = self._setting(flag)
        named = any(strategy.segments for strategy in setting.strategies)
        return given(setting, {one.id: one.name for one in self._segments()} if named else {})

    def give(self, flag: str, percent: float, cohort: str, *, because: str) -> None:  # noqa: ARG002  it keeps none
        whom = f"{percent:g} % of {cohort or 'everybody'}"
        order = f"the order to set flag {flag} to {whom}"
        if percent != int(percent):
            raise PermanentFaultError(
                system=self.named,
                question=order,
                answer="Unleash counts whole percents",
                next_step="plan a share of whole percents",
            )
        setting = self._setting(flag)
        if cohort == EVERYBODY:
            mine = [strategy for strategy in setting.strategies if strategy.for_all]
            self._give(flag, int(percent), mine, (), order)
        else:
            segment = self._segment_named(cohort)
            if not setting.enabled:
                # Switching on would otherwise give it to everybody at once.
                for_all = [strategy for strategy in setting.strategies if strategy.for_all]
                self._give(flag, 0, for_all, (), order)
            mine = [strategy for strategy in setting.strategies if strategy.segment == segment.id]
            self._give(flag, int(percent), mine, (segment.id,), order)
        if not setting.enabled:
            self._switch(flag, on=True)

    def switch_off(self, flag: str, *, because: str) -> None:  # noqa: ARG002
        if self._setting(flag).enabled:
            self._switch(flag, on=False)

    def put_back(self, flag: str, record: JsonValue, *, because: str) -> None:  # noqa: ARG002
        try:
            wanted = Recorded.model_validate(record)
        except ValidationError as error:
            raise self.unreadable(flag) from error
        order = f"the order to set flag {flag} as it was"
        setting = self._setting(flag)
        if setting.enabled and not wanted.enabled:
            self._switch(flag, on=False)
        left = list(setting.strategies)
        for strategy in wanted.strategies:
            like = next((one for one in left if _bare(one) == _bare(strategy)), None)
            if like is not None:
                left.remove(like)
            else:
                self._call("POST", f"{self._strategies(flag)}", order, strategy.body())
        # Last: a flag without strategies is switched off by Unleash itself.
        for strategy in left:
            self._drop(flag, strategy, order)
        if wanted.enabled and not setting.enabled:
            self._switch(flag, on=True)

    def members(self, segment: str) -> frozenset[str] | None:
        found = self._segment_named(segment).constraints
        if len(found) != 1 or found[0].operator != "IN" or found[0].inverted:
            return None
        return frozenset(found[0].values)

    def _give(self, flag: str, percent: int, mine: Sequence[Strategy], segments: tuple[int, ...], order: str) -> None:
        """One gradual rollout of this percentage, in place of the strategies that do the same now."""
        kept = next((strategy for strategy in mine if strategy.name == GRADUAL), None)
        parameters: dict[str, JsonValue] = {"groupId": flag, "stickiness": "default"}
        parameters |= kept.parameters if kept is not None else {}
        wanted = Strategy(
            name=GRADUAL,
            parameters=parameters | {"rollout": str(percent)},
            segments=segments,
            variants=kept.variants if kept is not None else (),
            title=kept.title if kept is not None else None,
            sortOrder=kept.sort_order if kept is not None else 0,
        )
        if kept is None:
            self._call("POST", self._strategies(flag), order, wanted.body())
        elif wanted.body() != kept.body():
            self._call("PUT", f"{self._strategies(flag)}/{kept.id}", order, wanted.body())
        for strategy in mine:
            if strategy is not kept:
                self._drop(flag, strategy, order)

    def _drop(self, flag: str, strategy: Strategy, order: str) -> None:
        """One that is not there any more was dropped by somebody else: that is what is wanted."""
        self._call("DELETE", f"{self._strategies(flag)}/{strategy.id}", order, ok=_SUCCESS_OR_MISSING)

    def _switch(self, flag: str, *, on: bool) -> None:
        word = "on" if on else "off"
        self._call("POST", f"{self._environment(flag)}/{word}", f"the order to switch flag {flag} {word}")

    def _setting(self, flag: str) -> Setting:
        question = f"the state of flag {flag}"
        path = f"/api/admin/projects/{self.project}/features/{flag}"
        feature = read(_Feature, self._call("GET", path, question), system=self.named, question=question)
        for environment in feature.environments:
            if environment.name == self.environment:
                return environment
        raise self._no_environment(question)

    def _segments(self) -> tuple[_Segment, ...]:
        question = "its segments"
        response = self._call("GET", "/api/admin/segments", question)
        return read(_Segments, response, system=self.named, question=question).segments

    def _segment_named(self, name: str) -> _Segment:
        for segment in self._segments():
            if segment.name == name:
                return segment
        raise PermanentFaultError(
            system=self.named,
            question=f"segment {name}",
            answer="no such segment",
            next_step="create it in Unleash, or check its name in the plan and in the block",
        )

    def _may(self, right: str, permissions: Sequence[_Permission]) -> bool:
        return any(
            one.permission == _ADMIN
            or (
                one.permission == right
                and one.project in {None, "*", self.project}
                and one.environment in {None, self.environment}
            )
            for one in permissions
        )

    def _no_environment(self, question: str) -> PermanentFaultError:
        return PermanentFaultError(
            system=self.named,
            question=question,
            answer=f"no environment {self.environment}",
            next_step="check `environment` of the Unleash block",
        )

    def _environment(self, flag: str) -> str:
        return f"/api/admin/projects/{self.project}/features/{flag}/environments/{self.environment}"

    def _strategies(self, flag: str) -> str:
        return f"{self._environment(flag)}/strategies"

    def _call(
        self, method: str, path: str, question: str, json: JsonValue = None, *, ok: frozenset[int] = _SUCCESS
    ) -> httpx.Response:
        # Unleash takes the bare token, without a scheme.
        authorized = {"Authorization": self.token.get_secret_value()}
        with wire.client(self.url, timeout_seconds=self.timeout_seconds, headers=authorized) as client:
            response = wire.fetch(
                client,
                method,
                path,
                system=self.named,
                question=question,
                json=json,
                ok=ok | {_FORBIDDEN},
            )
        if response.status_code == _FORBIDDEN:
            raise wire.answer_fault(
                response, system=self.named, question=question, needs=_named_right(response) or self.needs
            )
        return response


def _named_right(response: httpx.Response) -> str:
    """Unleash lists the rights of which one would do."""
    try:
        rights = _Refused.model_validate_json(response.content).permissions
    except ValidationError:
        return ""
    return " or ".join(right for right in rights if _RIGHT.fullmatch(right))


def _bare(strategy: Strategy) -> dict[str, JsonValue]:
    return {name: value for name, value in strategy.body().items() if name != "sortOrder"}
