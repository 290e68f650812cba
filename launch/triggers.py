"""How a trigger that fired is decided: in which tier, by whom, within what time, and whether it still stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from launch.events import Decision, GuardState
from launch.plan import Authority, Gate, Plan, Trigger
from launch.plan.rollback import Tier
from launch.state import LaunchState
from launch.verdicts import Verdict
from launch.views import TriggerState

_GRAVEST_FIRST = tuple(Tier)


@dataclass(frozen=True)
class Standing:
    """A trigger that fired and that nobody has decided since, and how it is decided now.

    With neither `at_once` nor a `gate`, only a person's own call can start the rollback.
    """

    trigger: Trigger
    fired: TriggerState
    tier: Tier
    since: datetime
    """When it came into this tier."""
    at_once: bool
    gate: Gate | None
    window: timedelta
    evaluated_at: datetime
    """Nobody decides before this."""


def authority_of(plan: Plan, tier: str) -> Authority | None:
    """Who decides a tier: its own entry, else the one for `all`."""
    found = {one.tier: one for one in reversed(plan.rollback.authority)}
    return found.get(tier) or found.get("all")


def gate_of(plan: Plan, trigger: Trigger, tier: Tier) -> Gate | None:
    """The gate that decides a trigger in a tier; one it was promoted to has its own gate before the trigger's."""
    if trigger.only_noted:
        return None
    authority = authority_of(plan, tier.value)
    own, tiers = trigger.decided_at, authority.gate if authority is not None else None
    name = (own or tiers) if tier is trigger.tier else (tiers or own)
    return next((gate for gate in plan.gates if gate.id == name), None)


def deciding_gates(plan: Plan) -> set[str]:
    """Ids of every gate that decides triggers."""
    named = {trigger.decided_at for trigger in plan.rollback.triggers} | {one.gate for one in plan.rollback.authority}
    return {gate for gate in named if gate is not None}


def starts_at_once(plan: Plan, trigger: Trigger, tier: Tier) -> bool:
    """Whether a measured trigger needs no decision in this tier."""
    if trigger.only_noted:
        return False
    if tier is trigger.tier:
        if trigger.automatic or trigger.decision_window == timedelta(0):
            return True
        if trigger.decided_at is not None:
            return False
    authority = authority_of(plan, tier.value)
    return authority is not None and authority.count == 0


def decides_alone(plan: Plan, person: str, tier: str) -> bool:
    """Whether this person may start a rollback of a tier without anybody else: by its own entry or that for `all`."""
    roles = next((set(one.roles) for one in plan.people if one.id == person), set[str]())
    return bool(roles & alone(plan, {tier, "all"}))


def alone(plan: Plan, tiers: set[str]) -> set[str]:
    """Roles of which one person decides any of these tiers."""
    return {role for one in plan.rollback.authority if one.tier in tiers and one.count <= 1 for role in one.who}


def standing(plan: Plan, state: LaunchState) -> list[Standing]:
    """Every trigger that fired and waits for a decision, the gravest first, then in the order of the plan."""
    found = []
    for trigger in plan.rollback.triggers:
        fired = state.triggers.get(trigger.id)
        if fired is not None and not trigger.only_noted:
            one = _standing(plan, trigger, fired)
            if decision_on(state, one) is not Decision.GO:
                found.append(one)
    return sorted(found, key=lambda one: _GRAVEST_FIRST.index(one.tier))


def decision_on(state: LaunchState, one: Standing) -> Decision | None:
    """What the gate has decided since the trigger came into its tier."""
    if one.gate is None:
        return None
    current = state.gate(one.gate.id)
    return current.decision if current.decided_at is not None and current.decided_at >= one.since else None


def _standing(plan: Plan, trigger: Trigger, fired: TriggerState) -> Standing:
    tier = fired.tier or trigger.tier
    since = fired.promoted_at or fired.fired_at
    gate = gate_of(plan, trigger, tier)
    own = trigger.decision_window if tier is trigger.tier else None
    evaluation = trigger.evaluation if tier is Tier.CONDITIONAL else None
    return Standing(
        trigger=trigger,
        fired=fired,
        tier=tier,
        since=since,
        at_once=not fired.by and starts_at_once(plan, trigger, tier),
        gate=gate,
        window=own or (gate.window if gate is not None else timedelta(0)),
        evaluated_at=since + (evaluation or timedelta(0)),
    )


def is_news(plan: Plan, state: LaunchState, trigger: Trigger, began: datetime) -> bool:
    """Whether a breach that began then fires the trigger (again): not while it stands, nor if it was decided on."""
    fired = state.triggers.get(trigger.id)
    if fired is None:
        return True
    one = _standing(plan, trigger, fired)
    if decision_on(state, one) is Decision.GO and one.gate is not None:
        return began > (state.gate(one.gate.id).decided_at or began)
    return one.gate is None and not one.at_once and began > fired.fired_at


def breach(state: LaunchState, trigger: Trigger) -> tuple[str, datetime] | None:
    """The newest of the trigger's breaches: what it is and when it began; None where there is none."""
    found = list(_breaches(state, trigger))
    return max(found, key=lambda one: one[1]) if found else None


def _breaches(state: LaunchState, trigger: Trigger) -> Iterator[tuple[str, datetime]]:
    for name in trigger.guards:
        view = state.guards.get(name)
        if view is not None and view.state is GuardState.FIRING and view.changed_at is not None:
            yield f"guard {name} fires at {view.value:g}" if view.value is not None else name, view.changed_at
    for name in trigger.checks:
        answers = state.check(name)
        if answers.verdict is Verdict.FAIL and answers.judged_at is not None:
            yield f"check {name} failed: {answers.sentence}", answers.judged_at


def is_clear(state: LaunchState, trigger: Trigger, fired: TriggerState) -> bool:
    """Whether what was measured is well again. Silence is not, and what a person reported no measurement takes back."""
    if fired.by:
        return False
    guards = [view.state for name in trigger.guards if (view := state.guards.get(name)) is not None]
    checks = [verdict for name in trigger.checks if (verdict := state.check(name).verdict) is not None]
    well = all(one is GuardState.CLEAR for one in guards) and all(one is Verdict.PASS for one in checks)
    return well and bool(guards or checks)
