"""Rules on going back: every tier has somebody who decides it, in the numbers it says; every procedure can be run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from launch.findings import PlanFinding
from launch.plan import Authority, DeadlineOutcome, Gate, OnNoGo, Plan, Procedure, Trigger
from launch.plan.rollback import ProcedureKind, Tier
from launch.plan.schedule import FlowPhase
from launch.triggers import alone, authority_of, gate_of, starts_at_once


def broken_rollbacks(plan: Plan) -> Iterator[PlanFinding]:
    """P213, P214, P215 and P216."""
    yield from _numbers(plan)
    for at, trigger in enumerate(plan.rollback.triggers):
        yield from _decided(plan, trigger, f"rollback.triggers[{at}]")
    yield from _promotions(plan)
    yield from _asked_in_a_rollback(plan)
    for at, procedure in enumerate(plan.rollback.procedures):
        yield from _procedure(plan, procedure, f"rollback.procedures[{at}]")


def _decisions(plan: Plan) -> Iterator[tuple[Trigger, Tier, Gate]]:
    """Each trigger in each tier that it can come into, with the gate that decides it there."""
    for trigger in plan.rollback.triggers:
        tiers, frontier = set[Tier](), {trigger.tier}
        while frontier:
            tiers |= frontier
            frontier = {one.to for one in plan.rollback.promotions if one.of in frontier} - tiers
        for tier in Tier:
            gate = gate_of(plan, trigger, tier)
            if tier in tiers and gate is not None and not starts_at_once(plan, trigger, tier):
                yield trigger, tier, gate


def _numbers(plan: Plan) -> Iterator[PlanFinding]:
    """What an authority says of its people, against the seats of the gates that decide its tier."""
    seen: set[tuple[str, str]] = set()
    for trigger, tier, gate in _decisions(plan):
        authority = authority_of(plan, tier.value)
        if authority is None or (authority.tier, gate.id) in seen:
            continue
        seen.add((authority.tier, gate.id))
        problem = _mismatch(authority, gate)
        if problem:
            at = plan.rollback.authority.index(authority)
            said = f"authority over {authority.tier!r} {problem} at gate {gate.id!r}, which decides {trigger.id!r}"
            right = "make `who` and `count` those of the gate's seats"
            yield PlanFinding(code="P213", path=f"rollback.authority[{at}]", problem=said, right=right)
    for at, authority in enumerate(plan.rollback.authority):
        holders = sum(1 for person in plan.people if set(person.roles) & set(authority.who))
        if holders < authority.count:
            problem = f"{authority.count} of {', '.join(authority.who)} must agree, {holders} of `people` can"
            path = f"rollback.authority[{at}].count"
            yield PlanFinding(code="P213", path=path, problem=problem, right="name more people with these roles")


def _mismatch(authority: Authority, gate: Gate) -> str:
    strangers = [seat.role for seat in gate.seats if seat.role not in authority.who]
    if strangers:
        return f"does not name {', '.join(strangers)}, who sits"
    seats = sum(seat.count for seat in gate.seats)
    return f"counts {authority.count}, but {seats} sit" if seats != authority.count else ""


def _decided(plan: Plan, trigger: Trigger, path: str) -> Iterator[PlanFinding]:
    tier = trigger.tier
    gate, measured = gate_of(plan, trigger, tier), bool(trigger.guards or trigger.checks)
    if trigger.only_noted:
        return
    if authority_of(plan, tier.value) is None:
        problem = f"nobody has authority over tier {tier.value!r} of trigger {trigger.id!r}"
        right = "add an entry for the tier, or for `all`, to `rollback.authority`"
        yield PlanFinding(code="P214", path=path, problem=problem, right=right)
    elif gate is None and measured and not starts_at_once(plan, trigger, tier):
        problem = f"trigger {trigger.id!r} is measured, but nothing decides on it"
        right = "add `decided_at`, a gate to the authority of its tier, or `automatic: true`"
        yield PlanFinding(code="P214", path=path, problem=problem, right=right)
    elif gate is None and not measured and not alone(plan, {tier.value, "all"}):
        problem = f"a person sees trigger {trigger.id!r}, nobody may decide it alone, and no gate decides it"
        yield PlanFinding(code="P214", path=path, problem=problem, right="add `decided_at`, or a gate to the authority")
    if trigger.evaluation is not None and tier is not Tier.CONDITIONAL:
        problem = f"trigger {trigger.id!r} is {tier.value}, so it is not evaluated first"
        yield PlanFinding(code="P214", path=f"{path}.evaluation", problem=problem, right="make it conditional")


def _promotions(plan: Plan) -> Iterator[PlanFinding]:
    for at, one in enumerate(plan.rollback.promotions):
        authority = authority_of(plan, one.to.value)
        triggers = [trigger for trigger in plan.rollback.triggers if trigger.tier is one.of and not trigger.only_noted]
        ways = [gate_of(plan, trigger, one.to) or starts_at_once(plan, trigger, one.to) for trigger in triggers]
        if authority is None or not all(ways):
            problem = f"promotion {one.id!r} leads to tier {one.to.value!r}, which nothing decides"
            right = "give the authority of that tier a gate, or `count: 0`"
            yield PlanFinding(code="P214", path=f"rollback.promotions[{at}].to", problem=problem, right=right)


def _asked_in_a_rollback(plan: Plan) -> Iterator[PlanFinding]:
    """Gates lead where they must: those of triggers into a rollback, those of a rollback nowhere else."""
    places = {gate.id: f"gates[{at}]" for at, gate in enumerate(plan.gates)}
    found: dict[tuple[str, str], str] = {}
    for trigger, tier, gate in _decisions(plan):
        if gate.on_no_go is not OnNoGo.ROLLBACK:
            found[gate.id, "on_no_go"] = f"it decides trigger {trigger.id!r}, whose NO-GO is a rollback"
        if tier is not Tier.CONDITIONAL and gate.at_deadline is DeadlineOutcome.HOLD:
            problem = f"it decides trigger {trigger.id!r}, which is {tier.value}: silence must not leave it undecided"
            found[gate.id, "at_deadline"] = problem
    back = {phase.id for phase in plan.phases if phase.flow_phase is FlowPhase.ROLLBACK}
    named = {window.approval for window in plan.rollback.window}
    for procedure in plan.rollback.procedures:
        named |= {procedure.if_sicker, *(step.approval for step in procedure.steps)}
    for gate in plan.gates:
        if gate.id in named and (gate.offset is not None or gate.phase not in back):
            found[gate.id, "phase"] = "it is asked within a rollback, so it has no offset and is of a rollback phase"
    for (gate_id, field), problem in found.items():
        said = f"gate {gate_id!r}: {problem}"
        yield PlanFinding(code="P215", path=f"{places[gate_id]}.{field}", problem=said, right="")


def _procedure(plan: Plan, procedure: Procedure, path: str) -> Iterator[PlanFinding]:
    if procedure.kind is ProcedureKind.FLAGS_ONLY and not any(step.kill_switch for step in procedure.steps):
        problem = f"procedure {procedure.id!r} takes back flags alone but has no kill switch"
        yield PlanFinding(code="P216", path=path, problem=problem, right="mark a step `kill_switch: true`")
    if procedure.healthier and procedure.if_sicker is None:
        problem = f"procedure {procedure.id!r} looks at its target's health, but nobody is asked about a sick one"
        yield PlanFinding(code="P216", path=path, problem=problem, right="add `if_sicker`")
    forward = {action.id for action in plan.actions if action.offset is not None}
    for at, step in enumerate(procedure.steps):
        waits = step.requires or step.approval or (step.hold or timedelta(0)) > timedelta(0)
        if step.kill_switch and waits:
            problem = "a kill switch waits for nothing, so `requires`, `approval` and `hold` mean nothing on it"
            yield PlanFinding(code="P216", path=f"{path}.steps[{at}]", problem=problem, right="take them out")
        if waits and not (step.actions or step.takes_back):
            problem = "it has conditions but nothing that they could hold up"
            yield PlanFinding(code="P216", path=f"{path}.steps[{at}]", problem=problem, right="add `actions`")
        for place, name in enumerate(step.takes_back):
            if name not in forward:
                problem = f"action {name!r} is nothing that a launch applies, so it is not taken back"
                yield PlanFinding(
                    code="P216", path=f"{path}.steps[{at}].takes_back[{place}]", problem=problem, right=""
                )
