"""What a flag's setting means for who gets the release, and the instructions that change that."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from blocks.flag_settings import Flag, Setting, is_segment, segment_clause, serving
from launch.effects.exposure import KillFlags, SetFlagShare
from launch.ports import Observation, Standing, State

_NOT_BOOLEAN = "serves something that is neither true nor false"


def share_seen(effect: SetFlagShare, flag: Flag, setting: Setting) -> Observation:
    """How the flag stands to the wanted share."""
    everybody = flag.share_of_everybody(setting)
    state: State = {flag.key: setting.model_dump(mode="json", by_alias=True)}
    share = _cohort_share(effect.cohort, flag, setting) if effect.cohort else everybody
    whom = effect.cohort or "everybody"
    if flag.id_of(value=True) is None or flag.id_of(value=False) is None:
        return Observation(standing=Standing.FAILED, state=state, detail=f"flag {flag.key} is not boolean")
    reached = share is not None and abs(share - effect.percent) < 1e-6
    told = _NOT_BOOLEAN if share is None else f"is on for {share:g} % of {whom}"
    others = len(setting.rules) - sum(is_segment(rule, effect.cohort) for rule in setting.rules)
    beside = f", beside {others} other rules" if others and setting.on else ""
    return Observation(
        standing=Standing.HOLDS if reached else Standing.ABSENT,
        state=state,
        detail=f"flag {flag.key} {told}{beside}",
        exposure=None if effect.cohort else everybody,
    )


def share_instructions(effect: SetFlagShare, flag: Flag, setting: Setting, context_kind: str) -> list[JsonValue]:
    """Instructions that give the share. Empty for a flag that is not boolean."""
    if not effect.cohort:
        served = serving(flag, effect.percent, setting.fallthrough)
        if served is None:
            return []
        return [{"kind": "updateFallthroughVariationOrRollout", **served}, {"kind": "turnFlagOn"}]
    rule = next((rule for rule in setting.rules if is_segment(rule, effect.cohort)), None)
    served = serving(flag, effect.percent, rule or setting.fallthrough)
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
        clause = segment_clause(effect.cohort, context_kind)
        instructions.append({"kind": "addRule", "clauses": [clause], **served})
    return [*instructions, {"kind": "turnFlagOn"}]


def _cohort_share(cohort: str, flag: Flag, setting: Setting) -> float | None:
    """What the cohort's own rule gives it; what everybody gets where there is none, or the flag is off."""
    rule = next((rule for rule in setting.rules if is_segment(rule, cohort)), None)
    return flag.share(rule) if rule is not None and setting.on else flag.share_of_everybody(setting)


def kill_seen(effect: KillFlags, flags: Mapping[str, tuple[Flag, Setting]]) -> Observation:
    """Whether every flag is off for everybody. Exposure is the largest share that one of them still gives."""
    del effect
    live = [key for key, (flag, setting) in flags.items() if not is_killed(flag, setting)]
    shares = [flag.share_of_everybody(setting) for flag, setting in flags.values()]
    known = [share for share in shares if share is not None]
    return Observation(
        standing=Standing.ABSENT if live else Standing.HOLDS,
        state={key: setting.model_dump(mode="json", by_alias=True) for key, (_, setting) in flags.items()},
        detail=f"still on: {', '.join(live)}" if live else f"{len(flags)} flags are off",
        exposure=max(known) if len(known) == len(shares) else None,
    )


def is_killed(flag: Flag, setting: Setting) -> bool:
    """Whether nobody gets it: switched off, and off means false."""
    return not setting.on and flag.value(setting.off_variation) is False


def kill_instructions(flag: Flag, setting: Setting) -> list[JsonValue]:
    """Switches off; where off would serve something else than false, that is set right first. Empty if it cannot."""
    if flag.value(setting.off_variation) is False:
        return [{"kind": "turnFlagOff"}]
    no = flag.id_of(value=False)
    return [] if no is None else [{"kind": "updateOffVariation", "variationId": no}, {"kind": "turnFlagOff"}]
