"""A flag of Unleash in one environment: its activation strategies, and to whom they give it.

https://docs.getunleash.io/reference/activation-strategies: whoever one of the strategies lets in gets the flag. A
gradual rollout hashes who asks into whole percents, so that 33.3 % is 33 %, and those whom a rollout lets in at 10 %
are among those at 50 % as long as its `groupId` and `stickiness` stay.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pydantic import Field, JsonValue

from blocks.flag_keeping import Given
from blocks.payloads import Payload

GRADUAL, STANDARD = "flexibleRollout", "default"
_BY_NAME = frozenset({"userWithId", "remoteAddress", "applicationHostname"})
_HASHED_BY = ("groupId", "stickiness")


class Strategy(Payload):
    """One way to get the flag."""

    id: str = ""
    name: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    constraints: tuple[dict[str, JsonValue], ...] = ()
    segments: tuple[int, ...] = ()
    variants: tuple[JsonValue, ...] = ()
    title: str | None = None
    disabled: bool = False
    sort_order: int = Field(default=0, alias="sortOrder")

    @property
    def share(self) -> float | None:
        """To how many of 100 of those it is about it gives the flag; None where only Unleash can tell."""
        if self.name == STANDARD:
            return 100.0
        rollout = str(self.parameters.get("rollout", ""))
        try:
            return float(math.floor(float(rollout))) if self.name == GRADUAL else None
        except (ValueError, OverflowError):
            return None

    @property
    def for_all(self) -> bool:
        """Whether it is about everybody."""
        return not self.constraints and not self.segments and self.name not in _BY_NAME

    @property
    def segment(self) -> int | None:
        """The one segment that it is about, and nothing else."""
        alone = len(self.segments) == 1 and not self.constraints and self.name in {GRADUAL, STANDARD}
        return self.segments[0] if alone else None

    @property
    def hashed_by(self) -> tuple[JsonValue, ...]:
        """Rollouts with the same of these let in the same people at the same percentage."""
        return tuple(self.parameters.get(name) for name in _HASHED_BY)

    def body(self) -> dict[str, JsonValue]:
        """As Unleash takes it, without its id."""
        fields: dict[str, JsonValue] = self.model_dump(mode="json", by_alias=True, exclude={"id"})
        return fields


class Setting(Payload):
    """A flag in one environment."""

    name: str
    enabled: bool
    strategies: tuple[Strategy, ...] = ()

    def record(self) -> JsonValue:
        """What it serves: strategies that came back have new ids and places, and the same one twice serves no more."""
        served = [strategy.model_dump(mode="json", by_alias=True, exclude={"id"}) for strategy in self.strategies]
        plain = [{name: value for name, value in fields.items() if name != "sortOrder"} for fields in served]
        distinct = {str(fields): fields for fields in plain}
        return {"enabled": self.enabled, "strategies": [distinct[text] for text in sorted(distinct)]}


class Recorded(Payload):
    """A setting to go back to."""

    enabled: bool
    strategies: tuple[Strategy, ...]


def given(setting: Setting, segments: Mapping[int, str]) -> Given:
    """`segments` are names by id; one that is not among them counts as another rule."""
    record = setting.record()
    active = [strategy for strategy in setting.strategies if not strategy.disabled]
    if not setting.enabled or (setting.strategies and not active):
        # With every strategy disabled Unleash serves it as switched off; seen on a real server.
        return Given(on=setting.enabled, everybody=0.0, record=record)
    plain = [strategy for strategy in active if strategy.for_all]
    everybody = together(plain) if active else None
    cohorts = {
        segments[number]: together([*plain, *(one for one in active if one.segment == number)])
        for number in dict.fromkeys(one.segment for one in active)
        if number is not None and number in segments
    }
    # Whoever one strategy lets in has it: to everybody nothing can be added.
    others = 0 if everybody == 100 else sum(not one.for_all and one.segment not in segments for one in active)
    return Given(on=True, everybody=everybody, record=record, cohorts=cohorts, others=others)


def together(strategies: Sequence[Strategy]) -> float | None:
    """To how many of 100 they give it together; None where that depends on who is hashed how."""
    shares = [one.share for one in strategies]
    if 100.0 in shares:
        return 100.0
    known = [share for share in shares if share is not None]
    if len(known) < len(shares):
        return None
    giving = [one for one in strategies if one.share]
    return max(known, default=0.0) if len({one.hashed_by for one in giving}) <= 1 else None
