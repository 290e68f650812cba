"""A flag of LaunchDarkly as its API shows it, and the instructions that change one environment of it.

https://launchdarkly.com/docs/api/feature-flags/patch-feature-flag ("semantic patches"): weights of a percentage rollout
are thousandths of a percent and sum to 100,000; the last patch wins, there is no conditional one.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, JsonValue

from blocks.payloads import Payload

WHOLE = 100_000


class Variation(Payload):
    """One of the values that a flag can have."""

    id: str = Field(alias="_id")
    value: JsonValue


class Clause(Payload):
    """A condition of a rule."""

    op: str
    values: tuple[JsonValue, ...] = ()
    negate: bool = False
    attribute: str = ""
    context_kind: str = Field(default="user", alias="contextKind")

    def written(self) -> JsonValue:
        """As an instruction wants it."""
        return {
            "contextKind": self.context_kind,
            "attribute": self.attribute,
            "op": self.op,
            "values": list(self.values),
            "negate": self.negate,
        }


class Weighted(Payload):
    """One variation's weight in a rollout."""

    variation: int
    weight: int


class PercentageRollout(Payload):
    """Weights by variation, and what users are told apart by."""

    variations: tuple[Weighted, ...]
    bucket_by: str | None = Field(default=None, alias="bucketBy")
    context_kind: str | None = Field(default=None, alias="contextKind")


class Served(Payload):
    """What somebody gets: one variation, or a rollout."""

    variation: int | None = None
    rollout: PercentageRollout | None = None


class Rule(Served):
    """Who gets something else than everybody."""

    id: str = Field(default="", alias="_id")
    description: str = ""
    clauses: tuple[Clause, ...]


class Setting(Payload):
    """A flag in one environment."""

    on: bool
    rules: tuple[Rule, ...] = ()
    fallthrough: Served = Served()
    off_variation: int | None = Field(default=None, alias="offVariation")


class Flag(Payload):
    """A flag with its settings by environment."""

    key: str
    variations: tuple[Variation, ...]
    environments: dict[str, Setting]

    def value(self, index: int | None) -> JsonValue:
        """Value of the variation at this place; None where there is none."""
        return self.variations[index].value if index is not None and index < len(self.variations) else None

    def id_of(self, value: JsonValue) -> str | None:
        """Id of the variation that has this value."""
        return next((variation.id for variation in self.variations if variation.value is value), None)

    def share(self, served: Served) -> float | None:
        """To how many of 100 it gives True; None where what it gives is not boolean."""
        if served.rollout is not None:
            weights = {one.variation: one.weight for one in served.rollout.variations}
            if any(not isinstance(self.value(index), bool) for index in weights):
                return None
            return 100 * sum(weight for index, weight in weights.items() if self.value(index) is True) / WHOLE
        value = self.value(served.variation)
        return {True: 100.0, False: 0.0}[value] if isinstance(value, bool) else None

    def share_of_everybody(self, setting: Setting) -> float | None:
        """Share in % of those whom no rule names."""
        return self.share(setting.fallthrough if setting.on else Served(variation=setting.off_variation))


def segment_of(rule: Rule) -> str | None:
    """The segment of whose members, and of nobody else, the rule is."""
    if len(rule.clauses) != 1 or rule.clauses[0].negate or rule.clauses[0].op != "segmentMatch":
        return None
    values = rule.clauses[0].values
    return values[0] if len(values) == 1 and isinstance(values[0], str) else None


def is_segment(rule: Rule, segment: str) -> bool:
    """Whether the rule is about exactly the members of this segment."""
    return segment_of(rule) == segment


def segment_clause(segment: str, context_kind: str) -> JsonValue:
    """The one clause of such a rule."""
    return {
        "contextKind": context_kind,
        "attribute": "segmentMatch",
        "op": "segmentMatch",
        "values": [segment],
        "negate": False,
    }


def serving(flag: Flag, percent: float, now: Served) -> dict[str, JsonValue] | None:
    """The fields of an instruction that serve True to `percent`; None for a flag that is not boolean.

    What users are told apart by stays, so that a rising share keeps whom it has.
    """
    yes, no = flag.id_of(value=True), flag.id_of(value=False)
    if yes is None or no is None:
        return None
    if percent in {0, 100}:
        return {"variationId": yes if percent else no}
    weight = round(percent * WHOLE / 100)
    return {"rolloutWeights": {yes: weight, no: WHOLE - weight}, **_told_apart(now)}


def as_it_was(flag: Flag, setting: Setting) -> list[JsonValue]:
    """Instructions that give an environment this setting, whatever it has now."""
    rules: list[JsonValue] = [
        {"clauses": [clause.written() for clause in rule.clauses], "description": rule.description, **_what(flag, rule)}
        for rule in setting.rules
    ]
    instructions: list[JsonValue] = [
        {"kind": "replaceRules", "rules": rules},
        {"kind": "updateFallthroughVariationOrRollout", **_what(flag, setting.fallthrough)},
    ]
    if setting.off_variation is not None:
        off = flag.variations[setting.off_variation].id
        instructions.append({"kind": "updateOffVariation", "variationId": off})
    return [*instructions, {"kind": "turnFlagOn" if setting.on else "turnFlagOff"}]


def same(one: Setting, other: Setting) -> bool:
    """Whether two settings serve the same; ids and descriptions of rules do not count."""
    return _bare(one) == _bare(other)


def _bare(setting: Setting) -> Mapping[str, JsonValue]:
    rules = {"rules": {"__all__": {"id", "description"}}}
    found: dict[str, JsonValue] = setting.model_dump(mode="json", exclude=rules)
    return found


def _what(flag: Flag, served: Served) -> dict[str, JsonValue]:
    if served.rollout is None:
        return {"variationId": flag.variations[served.variation or 0].id}
    weights: dict[str, JsonValue] = {flag.variations[one.variation].id: one.weight for one in served.rollout.variations}
    return {"rolloutWeights": weights, **_told_apart(served)}


def _told_apart(served: Served) -> dict[str, JsonValue]:
    if served.rollout is None:
        return {}
    fields = {"rolloutBucketBy": served.rollout.bucket_by, "rolloutContextKind": served.rollout.context_kind}
    return {name: value for name, value in fields.items() if value}
