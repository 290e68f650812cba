"""Instructions that change to whom a flag of LaunchDarkly gives the release, and what its setting means for that."""

from __future__ import annotations

from pydantic import JsonValue

from blocks.flag_keeping import EVERYBODY, Given
from blocks.flag_settings import Flag, Setting, is_segment, segment_clause, segment_of, serving


def given(flag: Flag, setting: Setting) -> Given:
    """To whom the setting gives the flag. A flag that is not boolean gives nobody can tell what."""
    record: JsonValue = setting.model_dump(mode="json", by_alias=True)
    if flag.id_of(value=True) is None or flag.id_of(value=False) is None:
        return Given(on=True, everybody=None, record=record)
    everybody = flag.share_of_everybody(setting)
    cohorts: dict[str, float | None] = {}
    others = 0
    # Without these the flag gives everybody the same; of two rules for a segment the first decides.
    for rule in setting.rules if setting.on else ():
        segment = segment_of(rule)
        if segment is not None:
            cohorts.setdefault(segment, flag.share(rule))
        else:
            others += everybody is None or flag.share(rule) != everybody
    return Given(on=not is_killed(flag, setting), everybody=everybody, record=record, cohorts=cohorts, others=others)


def share_instructions(flag: Flag, setting: Setting, percent: float, cohort: str, context_kind: str) -> list[JsonValue]:
    """Instructions that give the share. Empty for a flag that is not boolean."""
    if cohort == EVERYBODY:
        served = serving(flag, percent, setting.fallthrough)
        if served is None:
            return []
        return [{"kind": "updateFallthroughVariationOrRollout", **served}, {"kind": "turnFlagOn"}]
    rule = next((rule for rule in setting.rules if is_segment(rule, cohort)), None)
    served = serving(flag, percent, rule or setting.fallthrough)
    nobody = serving(flag, 0, setting.fallthrough)
    if served is None or nobody is None:
        return []
    instructions: list[JsonValue] = []
    if not setting.on:
        # Switching on would otherwise give it to everybody at once.
        instructions.append({"kind": "updateFallthroughVariationOrRollout", **nobody})
    if rule is not None:
        instructions.append({"kind": "updateRuleVariationOrRollout", "ruleId": rule.id, **served})
    else:
        instructions.append({"kind": "addRule", "clauses": [segment_clause(cohort, context_kind)], **served})
    return [*instructions, {"kind": "turnFlagOn"}]


def is_killed(flag: Flag, setting: Setting) -> bool:
    """Whether nobody gets it: switched off, and off means false."""
    return not setting.on and flag.value(setting.off_variation) is False


def kill_instructions(flag: Flag, setting: Setting) -> list[JsonValue]:
    """Switches off; where off would serve something else than false, that is set right first. Empty if it cannot."""
    if flag.value(setting.off_variation) is False:
        return [{"kind": "turnFlagOff"}]
    no = flag.id_of(value=False)
    return [] if no is None else [{"kind": "updateOffVariation", "variationId": no}, {"kind": "turnFlagOff"}]
