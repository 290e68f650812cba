"""Feature flags, over LaunchDarkly's REST API (https://apidocs.launchdarkly.com/)."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, assert_never

import httpx
from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, SecretStr, TypeAdapter, ValidationError

from blocks import wire
from blocks.flag_exposure import is_killed, kill_instructions, kill_seen, share_instructions, share_seen
from blocks.flag_settings import Flag, Setting, as_it_was, is_segment, same, segment_clause
from blocks.payloads import Payload, read
from blocks.side_by_side import each
from launch.effects.base import Effect
from launch.effects.exposure import KillFlags, SetFlagShare
from launch.effects.web import SetFlag
from launch.errors import PermanentFaultError
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.web_edges import FlagSegment, FlagStates
from launch.readings import Quantity, Reading, quantities

_SEMANTIC_PATCH = "application/json; domain-model=launchdarkly.semanticpatch"


FlagEffect = SetFlag | SetFlagShare | KillFlags
_RECORD: TypeAdapter[dict[str, Setting]] = TypeAdapter(dict[str, Setting])


class _State(StrEnum):
    ON = "on"
    OFF = "off"
    PILOT_ONLY = "pilot-only"
    MIXED = "mixed"


class _Environment(Payload):
    key: str


class _Segment(Payload):
    included: tuple[str, ...] = ()


class FeatureFlags(Block):
    """One environment of a LaunchDarkly project."""

    _block_type_name = "Feature Flags"
    _block_type_slug = "feature-flags"
    _description = "Boolean flags of one LaunchDarkly environment, read and set over its REST API."
    _documentation_url = HttpUrl("https://launchdarkly.com/docs/api")
    needs: ClassVar[str] = (
        "reader on the project; in one environment `updateOn`, and for shares and cohorts `updateRules`, "
        "`updateFallthrough`, `updateOffVariation`"
    )

    answers: ClassVar[tuple[type[Probe], ...]] = (FlagStates, FlagSegment)
    effects: ClassVar[tuple[type[Effect], ...]] = (SetFlag, SetFlagShare, KillFlags)

    url: str = Field(default="https://app.launchdarkly.com", description="Base URL of the flag service.")
    token: SecretStr = Field(description="API access token with a writer role for this environment.")
    project: str = Field(description="Project key.")
    environment: str = Field(default="production", description="Environment key.")
    pilot_segment: str = Field(default="pilot-tenants", description="Key of the segment that `pilot-only` serves.")
    context_kind: str = Field(default="tenant", description="Kind of context that segments hold, e.g. user or tenant.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")

    def check(self) -> str:
        """Proves that the environment can be read with this token. Raises `SystemFaultError`."""
        path = f"/api/v2/projects/{self.project}/environments/{self.environment}"
        question = "its environment"
        read(_Environment, self._call("GET", path, question=question), system=self._named(), question=question)
        return f"{self.url} takes the token for {self.project}/{self.environment}"

    def answer(self, probe: FlagStates | FlagSegment, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        match probe:
            case FlagStates():
                states = {metric: self._state(self._read(key)) for metric, key in probe.flags.items()}
                values = {metric: Quantity(value=state.value) for metric, state in states.items()}
                return Reading(values=values, where=self._named(), at=occasion.now)
            case FlagSegment():
                return self._segment(probe, occasion)
            case _:
                assert_never(probe)

    def observe(self, effect: FlagEffect, occasion: Occasion) -> Observation:  # noqa: ARG002 - flags have no age
        """Raises `SystemFaultError`."""
        match effect:
            case SetFlag():
                return self._seen(effect.flag, _State(effect.state))
            case SetFlagShare():
                flag = self._read(effect.flag)
                return share_seen(effect, flag, self._setting(flag))
            case KillFlags():
                return kill_seen(effect, self._settings(effect.flags))
            case _:
                assert_never(effect)

    def apply(self, effect: FlagEffect, occasion: Occasion) -> None:
        """Raises `SystemFaultError`."""
        match effect:
            case SetFlag():
                self._set(self._read(effect.flag), _State(effect.state), occasion)
            case SetFlagShare():
                flag = self._read(effect.flag)
                whom = f"to {effect.percent:g} % of {effect.cohort or 'everybody'}"
                orders = share_instructions(effect, flag, self._setting(flag), self.context_kind)
                self._patch(flag.key, orders, f"the order to set flag {flag.key} {whom}", occasion)
            case KillFlags():
                each(effect.flags, lambda key: self._kill(key, occasion))
            case _:
                assert_never(effect)

    def observe_restored(self, effect: FlagEffect, before: State, occasion: Occasion) -> Observation:
        """Raises `SystemFaultError`."""
        if isinstance(effect, SetFlag):
            return self._seen(effect.flag, _State(str(before["state"])))
        record = self._recorded(before)
        found = self._settings(tuple(record))
        other = [key for key, (_, setting) in found.items() if not same(setting, record[key])]
        told = f"not as it was: {', '.join(other)}" if other else f"{len(found)} flags are as they were"
        standing = Standing.ABSENT if other else Standing.HOLDS
        return self.observe(effect, occasion).model_copy(update={"standing": standing, "detail": told})

    def restore(self, effect: FlagEffect, before: State, occasion: Occasion) -> None:
        """Raises `SystemFaultError`."""
        if isinstance(effect, SetFlag):
            self._set(self._read(effect.flag), _State(str(before["state"])), occasion)
            return
        record = self._recorded(before)
        each(tuple(record), lambda key: self._put_back(key, record[key], occasion))

    def _kill(self, key: str, occasion: Occasion) -> None:
        flag = self._read(key)
        setting = self._setting(flag)
        if not is_killed(flag, setting):
            self._patch(key, kill_instructions(flag, setting), f"the order to switch flag {key} off", occasion)

    def _put_back(self, key: str, setting: Setting, occasion: Occasion) -> None:
        flag = self._read(key)
        if not same(self._setting(flag), setting):
            self._patch(key, as_it_was(flag, setting), f"the order to set flag {key} as it was", occasion)

    def _settings(self, keys: tuple[str, ...]) -> dict[str, tuple[Flag, Setting]]:
        flags = each(keys, self._read)
        return {key: (flag, self._setting(flag)) for key, flag in flags.items()}

    def _recorded(self, before: State) -> dict[str, Setting]:
        try:
            return _RECORD.validate_python(before)
        except ValidationError as error:
            raise PermanentFaultError(
                system=self._named(),
                question="put back the recorded flags",
                answer="the record holds no settings by flag",
                next_step="set the flags by hand; the ledger shows what was recorded",
            ) from error

    def _seen(self, key: str, wanted: _State) -> Observation:
        state = self._state(self._read(key))
        return Observation(
            standing=Standing.HOLDS if state is wanted else Standing.ABSENT,
            state={"state": state.value},
            detail=f"flag {key} is {state.value}",
        )

    def _set(self, flag: Flag, wanted: _State, occasion: Occasion) -> None:
        everybody = flag.id_of(wanted is _State.ON)
        if wanted is _State.MIXED or everybody is None:
            raise PermanentFaultError(
                system=self._named(),
                question=f"the order to set flag {flag.key} {wanted.value}",
                answer="not a boolean flag with such a state",
                next_step="set it by hand in the flag service",
            )
        instructions: list[JsonValue] = [{"kind": "updateFallthroughVariationOrRollout", "variationId": everybody}]
        if wanted is _State.OFF:
            instructions.append({"kind": "turnFlagOff"})
        else:
            instructions.append({"kind": "turnFlagOn"})
        if wanted is _State.PILOT_ONLY and not self._serves_pilots(flag):
            clause = segment_clause(self.pilot_segment, self.context_kind)
            instructions.append({"kind": "addRule", "clauses": [clause], "variationId": flag.id_of(value=True)})
        self._patch(flag.key, instructions, f"the order to set flag {flag.key} {wanted.value}", occasion)

    def _patch(self, key: str, instructions: list[JsonValue], question: str, occasion: Occasion) -> None:
        if not instructions:
            raise PermanentFaultError(
                system=self._named(),
                question=question,
                answer="not a boolean flag",
                next_step="set it by hand in the flag service",
            )
        self._call(
            "PATCH",
            f"/api/v2/flags/{self.project}/{key}",
            question=question,
            headers={"Content-Type": _SEMANTIC_PATCH},
            json={"environmentKey": self.environment, "comment": occasion.key, "instructions": instructions},
        )

    def _state(self, flag: Flag) -> _State:
        setting = self._setting(flag)
        if not setting.on:
            return _plain(flag.value(setting.off_variation))
        everybody = _plain(flag.value(setting.fallthrough.variation))
        if not setting.rules:
            return everybody
        if everybody is _State.ON and all(flag.value(rule.variation) is True for rule in setting.rules):
            return _State.ON
        if everybody is _State.OFF and len(setting.rules) == 1 and self._serves_pilots(flag):
            return _State.PILOT_ONLY
        return _State.MIXED

    def _serves_pilots(self, flag: Flag) -> bool:
        rules = self._setting(flag).rules
        return any(flag.value(rule.variation) is True and is_segment(rule, self.pilot_segment) for rule in rules)

    def _setting(self, flag: Flag) -> Setting:
        setting = flag.environments.get(self.environment)
        if setting is None:
            raise PermanentFaultError(
                system=self._named(),
                question=f"the state of flag {flag.key}",
                answer="no such environment",
                next_step="check `environment` of the flags block",
            )
        return setting

    def _segment(self, probe: FlagSegment, occasion: Occasion) -> Reading:
        question = f"who is in segment {self.pilot_segment}"
        path = f"/api/v2/segments/{self.project}/{self.environment}/{self.pilot_segment}"
        segment = read(_Segment, self._call("GET", path, question=question), system=self._named(), question=question)
        state = self._state(self._read(probe.flag))
        left_out = [tenant for tenant in probe.tenants if tenant not in segment.included]
        return Reading(
            values=quantities("tenants", tenants_enabled=_enabled(state, len(probe.tenants), len(left_out))),
            where=f"flag {probe.flag} of {self._named()}",
            at=occasion.now,
            evidence=f"{state.value}; not in the segment: {', '.join(left_out) or 'none'}"[:256],
        )

    def _read(self, key: str) -> Flag:
        question = f"the state of flag {key}"
        path = f"/api/v2/flags/{self.project}/{key}?env={self.environment}"
        return read(Flag, self._call("GET", path, question=question), system=self._named(), question=question)

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
                system=self._named(),
                question=question,
                json=json,
                headers=headers,
                needs=self.needs,
            )

    def _named(self) -> str:
        return f"flags of {self.project}/{self.environment}"


def _plain(value: JsonValue) -> _State:
    if value is True:
        return _State.ON
    return _State.OFF if value is False else _State.MIXED


def _enabled(state: _State, tenants: int, left_out: int) -> int | None:
    """For how many tenants the flag is on; None for a mixed flag, whose rules only the flag service can evaluate."""
    match state:
        case _State.ON:
            return tenants
        case _State.PILOT_ONLY:
            return tenants - left_out
        case _State.OFF:
            return 0
        case _State.MIXED:
            return None
