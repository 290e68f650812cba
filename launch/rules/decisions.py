"""Rules on who decides: seats that can be filled, one gate per decision, triggers and gates that can be decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from launch.findings import PlanFinding
from launch.moments import format_offset
from launch.plan import GateStyle, Plan


def broken_decisions(plan: Plan) -> Iterator[PlanFinding]:
    """P210, P211 and P212."""
    yield from _empty_seats(plan)
    yield from _gates_on_one_thing(plan)
    yield from _undecidable(plan)


def _empty_seats(plan: Plan) -> Iterator[PlanFinding]:
    holders = Counter(role for person in plan.people for role in set(person.roles))
    known = {role.id for role in plan.roles}
    for at, gate in enumerate(plan.gates):
        for place, seat in enumerate(gate.seats):
            if seat.role in known and holders[seat.role] < seat.count:
                problem = (
                    f"the seat asks for {seat.count} with role {seat.role!r}, {holders[seat.role]} of `people` hold it"
                )
                path = f"gates[{at}].seats[{place}]"
                yield PlanFinding(code="P210", path=path, problem=problem, right="name a person with that role")
    for at, check in enumerate(plan.checks):
        roles = set(check.attested_by) & known
        if roles and not any(holders[role] for role in roles):
            problem = f"nobody of `people` holds a role that may vouch for it ({', '.join(sorted(roles))})"
            yield PlanFinding(code="P210", path=f"checks[{at}].attested_by", problem=problem)


def _gates_on_one_thing(plan: Plan) -> Iterator[PlanFinding]:
    deciders: dict[str, str] = {}
    moments: dict[tuple[str, object], str] = {}
    for at, gate in enumerate(plan.gates):
        for number, criterion in enumerate(gate.criteria):
            for place, check in enumerate(criterion.checks):
                first = deciders.setdefault(check, gate.id)
                if first != gate.id:
                    problem = f'check "{check}" decides gate "{first}" already'
                    path = f"gates[{at}].criteria[{number}].checks[{place}]"
                    yield PlanFinding(code="P211", path=path, problem=problem, right="let one gate decide on it")
        if gate.offset is None:
            continue
        first = moments.setdefault((gate.phase, gate.offset), gate.id)
        if first != gate.id:
            problem = f'gate "{first}" decides phase {gate.phase!r} at {format_offset(gate.offset)} already'
            yield PlanFinding(code="P211", path=f"gates[{at}].offset", problem=problem, right="merge the two gates")


def _undecidable(plan: Plan) -> Iterator[PlanFinding]:
    for at, gate in enumerate(plan.gates):
        measured = any(one.checks or one.all_before or one.actions for one in gate.criteria)
        if gate.style is not GateStyle.APPROVAL and not measured:
            problem = f"gate {gate.id!r} is {gate.style.value} but no criterion names a check or an action"
            yield PlanFinding(code="P212", path=f"gates[{at}].criteria", problem=problem, right="name them")
    for at, trigger in enumerate(plan.rollback.triggers):
        if trigger.automatic and not (trigger.guards or trigger.checks):
            problem = f"trigger {trigger.id!r} is automatic but watches neither a guard nor a check"
            yield PlanFinding(
                code="P212",
                path=f"rollback.triggers[{at}]",
                problem=problem,
                right="add `guards` or `checks`",
            )
    tiers = {trigger.tier.value for trigger in plan.rollback.triggers} | {"all"}
    for at, authority in enumerate(plan.rollback.authority):
        if authority.tier not in tiers | {"immediate", "urgent", "conditional"}:
            problem = f"{authority.tier!r} is no tier"
            right = "write immediate, urgent, conditional or all"
            yield PlanFinding(code="P212", path=f"rollback.authority[{at}].tier", problem=problem, right=right)
