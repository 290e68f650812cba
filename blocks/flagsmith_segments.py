"""A flag of Flagsmith in one environment: its default and its segment overrides, and to whom they give it.

https://docs.flagsmith.com/basic-features/segments: of the overrides whose segment somebody is in, the one with the
lowest priority decides, else the environment's default. A condition `PERCENTAGE_SPLIT` hashes the segment's id with the
identity, so that those whom a segment has at 10 % are among those at 50 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from blocks.flag_keeping import Given
from blocks.payloads import Payload

SPLIT = "PERCENTAGE_SPLIT"
_EQUALS, _AMONG = "EQUAL", "IN"
_NOT = "NONE"


class Condition(Payload):
    """One condition of a rule."""

    operator: str
    property: str | None = None
    value: str | None = None


class Rule(Payload):
    """Conditions of which all, any or none hold."""

    type: str
    rules: tuple[Rule, ...] = ()
    conditions: tuple[Condition, ...] = ()


class Segment(Payload):
    """Identities by rules, all of which hold."""

    id: int
    name: str
    feature: int | None = None
    rules: tuple[Rule, ...] = ()

    @property
    def share(self) -> float | None:
        """Of all for whom its other conditions hold, how many of 100 it has; None where only Flagsmith can tell."""
        splits = [one for one in self._conditions() if one.operator == SPLIT]
        if not splits:
            return 100.0
        single = len(splits) == 1 and not any(rule.type == _NOT for rule in _all(self.rules))
        alone = any(rule.conditions == tuple(splits) and not rule.rules for rule in _all(self.rules))
        try:
            return float(splits[0].value or "") if single and alone else None
        except ValueError:
            return None

    @property
    def for_all(self) -> bool:
        """Whether it is a share of everybody."""
        return [one.operator for one in self._conditions()] == [SPLIT]

    @property
    def members(self) -> frozenset[str] | None:
        """Values of the one trait, or key, that it lists; None where it names them in another way."""
        rules = list(_all(self.rules))
        found = list(self._conditions())
        listed = {one.operator for one in found} <= {_EQUALS, _AMONG} and len({one.property for one in found}) == 1
        if not listed or sum(bool(rule.conditions) for rule in rules) != 1 or any(rule.type == _NOT for rule in rules):
            return None
        if any(rule.conditions and rule.type != "ANY" and len(rule.conditions) > 1 for rule in rules):
            return None
        values = ((one.value or "").split(",") if one.operator == _AMONG else [one.value or ""] for one in found)
        return frozenset(value.strip() for several in values for value in several)

    def _conditions(self) -> Iterator[Condition]:
        for rule in _all(self.rules):
            yield from rule.conditions


@dataclass(frozen=True)
class Override:
    """A segment's own state of the flag. `link` is what ties it to the segment, and is deleted to drop it."""

    state: int
    link: int
    priority: int
    segment: Segment
    enabled: bool


@dataclass(frozen=True)
class Setting:
    """The flag in its environment. `identities` are ids of single identities' own states, and whether they are on."""

    feature: int
    default: int
    enabled: bool
    overrides: tuple[Override, ...]
    identities: Mapping[int, bool]

    @property
    def on(self) -> bool:
        return self.enabled or any(one.enabled for one in self.overrides) or any(self.identities.values())

    @property
    def share(self) -> tuple[Override, ...]:
        """Overrides that are a share of everybody."""
        return tuple(one for one in self.overrides if one.segment.for_all)

    def of(self, segment: int) -> Override | None:
        """The override of this segment."""
        return next((one for one in self.overrides if one.segment.id == segment), None)


def given(setting: Setting) -> Given:
    """To whom the setting gives the flag."""
    cohorts: dict[str, float | None] = {}
    shared = False
    for one in sorted(setting.overrides, key=lambda override: override.priority):
        if one.segment.for_all:
            shared = shared or one.enabled
        elif one.enabled:
            cohorts[one.segment.name] = one.segment.share
        else:
            # Whoever is in the share before it has it all the same.
            cohorts[one.segment.name] = None if shared else 0.0
    return Given(
        on=setting.on,
        everybody=_everybody(setting),
        record=record(setting),
        cohorts=cohorts,
        others=sum(on is not setting.enabled for on in setting.identities.values()),
    )


def record(setting: Setting) -> JsonValue:
    """What `put_back` needs, in terms that stay when an override is dropped and made again."""
    ordered = sorted(setting.overrides, key=lambda override: override.priority)
    overrides: list[JsonValue] = [
        {
            "segment": one.segment.id,
            "enabled": one.enabled,
            "share": one.segment.share if one.segment.for_all else None,
        }
        for one in ordered
    ]
    identities: dict[str, JsonValue] = {str(state): on for state, on in sorted(setting.identities.items())}
    return {"enabled": setting.enabled, "overrides": overrides, "identities": identities}


def _everybody(setting: Setting) -> float | None:
    differing = [one for one in setting.share if one.enabled is not setting.enabled]
    if not differing:
        return 100.0 if setting.enabled else 0.0
    share = differing[0].segment.share
    # Two splits are hashed apart, and nobody can add them up.
    if len(setting.share) != 1 or share is None:
        return None
    return 100.0 - share if setting.enabled else share


def _all(rules: tuple[Rule, ...]) -> Iterator[Rule]:
    for rule in rules:
        yield rule
        yield from _all(rule.rules)
