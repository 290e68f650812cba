"""Feature flags, over LaunchDarkly's REST API (https://apidocs.launchdarkly.com/)."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, assert_never

import httpx
from prefect.blocks.core import Block
from pydantic import Field, JsonValue, SecretStr

from blocks import wire
from blocks.payloads import Payload, read
from launch.effects.base import Effect
from launch.effects.web import SetFlag
from launch.errors import PermanentFaultError
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.web_edges import FlagSegment, FlagStates
from launch.readings import Quantity, Reading, quantities

_SEMANTIC_PATCH = "application/json; domain-model=launchdarkly.semanticpatch"


class _State(StrEnum):
    ON = "on"
    OFF = "off"
    PILOT_ONLY = "pilot-only"
    MIXED = "mixed"


class _Variation(Payload):
    id: str = Field(alias="_id")
    value: JsonValue


class _Clause(Payload):
    op: str
    values: tuple[JsonValue, ...] = ()
    negate: bool = False


class _Rule(Payload):
    clauses: tuple[_Clause, ...]
    variation: int | None = None


class _Served(Payload):
    variation: int | None = None


class _Setting(Payload):
    """A flag in one environment. `variation` None means a percentage rollout."""

    on: bool
    rules: tuple[_Rule, ...] = ()
    fallthrough: _Served = _Served()
    off_variation: int | None = Field(default=None, alias="offVariation")


class _Flag(Payload):
    key: str
    variations: tuple[_Variation, ...]
    environments: dict[str, _Setting]

    def value(self, index: int | None) -> JsonValue:
        return self.variations[index].value if index is not None and index < len(self.variations) else None

    def id_of(self, value: JsonValue) -> str | None:
        return next((variation.id for variation in self.variations if variation.value is value), None)


class _Segment(Payload):
    included: tuple[str, ...] = ()


class FeatureFlags(Block):
    """One environment of a LaunchDarkly project."""

    _block_type_name = "Feature Flags"
    _block_type_slug = "feature-flags"
    _description = "Boolean flags of one LaunchDarkly environment, read and set over its REST API."

    answers: ClassVar[tuple[type[Probe], ...]] = (FlagStates, FlagSegment)
    effects: ClassVar[tuple[type[Effect], ...]] = (SetFlag,)

    url: str = Field(default="https://app.launchdarkly.com", description="Base URL of the flag service.")
    token: SecretStr = Field(description="API access token with a writer role for this environment.")
    project: str = Field(description="Project key.")
    environment: str = Field(default="production", description="Environment key.")
    pilot_segment: str = Field(default="pilot-tenants", description="Key of the segment that `pilot-only` serves.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")

    def check(self) -> str:
        """Proves that the environment can be read with this token. Raises `SystemFaultError`."""
        path = f"/api/v2/projects/{self.project}/environments/{self.environment}"
        self._call("GET", path, question="its environment")
        return f"{self.url} takes the token for {self.project}/{self.environment}"

    def answer(self, probe: FlagStates | FlagSegment, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        match probe:
            case FlagStates():
                states = {metric: self._state(self._flag(key)) for metric, key in probe.flags.items()}
                values = {metric: Quantity(value=state.value) for metric, state in states.items()}
                return Reading(values=values, where=self._named(), at=occasion.now)
            case FlagSegment():
                return self._segment(probe, occasion)
            case _:
                assert_never(probe)

    def observe(self, effect: SetFlag, occasion: Occasion) -> Observation:  # noqa: ARG002 - flags have no age
        """Raises `SystemFaultError`."""
        return self._seen(effect.flag, _State(effect.state))

    def apply(self, effect: SetFlag, occasion: Occasion) -> None:
        """Raises `SystemFaultError`."""
        self._set(self._flag(effect.flag), _State(effect.state), occasion)

    def observe_restored(self, effect: SetFlag, before: State, occasion: Occasion) -> Observation:  # noqa: ARG002
        """Raises `SystemFaultError`."""
        return self._seen(effect.flag, _State(str(before["state"])))

    def restore(self, effect: SetFlag, before: State, occasion: Occasion) -> None:
        """Raises `SystemFaultError`."""
        self._set(self._flag(effect.flag), _State(str(before["state"])), occasion)

    def _seen(self, key: str, wanted: _State) -> Observation:
        state = self._state(self._flag(key))
        return Observation(
            standing=Standing.HOLDS if state is wanted else Standing.ABSENT,
            state={"state": state.value},
            detail=f"flag {key} is {state.value}",
        )

    def _set(self, flag: _Flag, wanted: _State, occasion: Occasion) -> None:
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
            clause: JsonValue = {
                "contextKind": "tenant",
                "attribute": "segmentMatch",
                "op": "segmentMatch",
                "values": [self.pilot_segment],
            }
            instructions.append({"kind": "addRule", "clauses": [clause], "variationId": flag.id_of(value=True)})
        self._call(
            "PATCH",
            f"/api/v2/flags/{self.project}/{flag.key}",
            question=f"the order to set flag {flag.key} {wanted.value}",
            headers={"Content-Type": _SEMANTIC_PATCH},
            json={"environmentKey": self.environment, "comment": occasion.key, "instructions": instructions},
        )

    def _state(self, flag: _Flag) -> _State:
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

    def _serves_pilots(self, flag: _Flag) -> bool:
        return any(
            flag.value(rule.variation) is True
            and len(rule.clauses) == 1
            and not rule.clauses[0].negate
            and rule.clauses[0].op == "segmentMatch"
            and rule.clauses[0].values == (self.pilot_segment,)
            for rule in self._setting(flag).rules
        )

    def _setting(self, flag: _Flag) -> _Setting:
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
        state = self._state(self._flag(probe.flag))
        left_out = [tenant for tenant in probe.tenants if tenant not in segment.included]
        return Reading(
            values=quantities("tenants", tenants_enabled=_enabled(state, len(probe.tenants), len(left_out))),
            where=f"flag {probe.flag} of {self._named()}",
            at=occasion.now,
            evidence=f"{state.value}; not in the segment: {', '.join(left_out) or 'none'}"[:256],
        )

    def _flag(self, key: str) -> _Flag:
        question = f"the state of flag {key}"
        path = f"/api/v2/flags/{self.project}/{key}?env={self.environment}"
        return read(_Flag, self._call("GET", path, question=question), system=self._named(), question=question)

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
            return wire.fetch(client, method, path, system=self._named(), question=question, json=json, headers=headers)

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
