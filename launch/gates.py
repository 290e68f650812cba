"""Gate decisions: which ballots count, what is unmet, when a gate says GO, NO-GO or HOLD. No timeout says GO."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from launch.events import Decision
from launch.model import Model
from launch.plan import Check, DeadlineOutcome, Gate, GateStyle, Mode, Plan
from launch.plan.execution import ActionRole
from launch.plan.gates import Criterion
from launch.plan.schedule import FlowPhase
from launch.state import CheckState, GateState, LaunchState
from launch.verdicts import Verdict


class CheckStanding(StrEnum):
    """What a check means to a gate."""

    PASSED = "passed"
    WAIVED = "waived"
    FAILED = "failed"
    MISSING = "missing"


class GateRuling(Model):
    """What to do with an open gate now: decide it, extend it, or (neither) wait on."""

    decision: Decision | None = None
    extended_to: datetime | None = None
    reason: str = ""


def standing(check: Check, state: CheckState, now: datetime) -> CheckStanding:
    """Passed only if every part the mode asks for passed; a waiver in force covers the rest."""
    needed: list[Verdict | None] = []
    if check.mode is not Mode.ATTESTED:
        needed.append(state.verdict)
    if check.mode is not Mode.AUTOMATED:
        needed.append(state.attested)
    if all(verdict is Verdict.PASS for verdict in needed):
        return CheckStanding.PASSED
    if state.waived_until is not None and now < state.waived_until:
        return CheckStanding.WAIVED
    return CheckStanding.FAILED if Verdict.FAIL in needed else CheckStanding.MISSING


def checks_before(plan: Plan, gate: Gate) -> list[Check]:
    """Every blocking check that a gate with `all_before` stands on: due at or before it, outside a rollback."""
    offset = gate.offset
    if offset is None:
        return []
    forward = {phase.id for phase in plan.phases if phase.flow_phase is not FlowPhase.ROLLBACK}
    return [
        check
        for check in plan.checks
        if check.blocking
        and check.phase in forward
        and check.offset is not None
        and (check.due if check.due is not None else check.offset) <= offset
    ]


def unmet(plan: Plan, state: LaunchState, gate: Gate, now: datetime) -> list[str]:
    """One sentence for each thing that keeps the gate from GO; empty when every criterion is met."""
    return _unmet(plan, state, gate, gate.criteria, now)


def unmet_of(plan: Plan, state: LaunchState, gate: Gate, criterion: Criterion, now: datetime) -> list[str] | None:
    """What is unmet of one criterion; None where the plan names nothing to go by, so that people judge it."""
    if not (criterion.checks or criterion.actions or criterion.all_before):
        return None
    return _unmet(plan, state, gate, [criterion], now)


def _unmet(plan: Plan, state: LaunchState, gate: Gate, criteria: Sequence[Criterion], now: datetime) -> list[str]:
    checks = {check.id: check for check in plan.checks}
    wanted: dict[str, Check] = {}
    actions: set[str] = set()
    for criterion in criteria:
        wanted |= {check: checks[check] for check in criterion.checks}
        actions |= set(criterion.actions)
        if criterion.all_before:
            wanted |= {check.id: check for check in checks_before(plan, gate)}
            actions |= _actions_before(plan, gate)
    sentences = [_unmet_check(check, state, now) for check in wanted.values()]
    sentences += [_unmet_action(action.id, state) for action in plan.actions if action.id in actions]
    return [sentence for sentence in sentences if sentence]


def evidence_hash(plan: Plan, state: LaunchState, gate: Gate, now: datetime) -> str:
    """Names what is on show at a gate: its unmet criteria and the verdicts of the checks it stands on."""
    shown = {
        "gate": gate.id,
        "unmet": unmet(plan, state, gate, now),
        "checks": {check.id: str(state.check(check.id).verdict) for check in checks_before(plan, gate)},
    }
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:16]


def refusal(
    plan: Plan,
    state: LaunchState,
    gate_id: str,
    *,
    opening: int,
    seat: str,
    person: str,
    reason: str,
    decision: Decision,
    now: datetime,
) -> str:
    """Why a ballot does not count, in one sentence; empty if it does."""
    if state.outcome is not None:
        return f"the launch is over: {state.outcome.value}"
    gate = next((gate for gate in plan.gates if gate.id == gate_id), None)
    if gate is None:
        return f"there is no gate {gate_id!r} in the plan"
    current = state.gate(gate_id)
    if not current.open:
        decided = f"; it decided {current.decision.value}" if current.decision else ""
        return f"gate {gate_id!r} is not open{decided}"
    if opening != current.opening:
        return f"this form belongs to opening {opening} of gate {gate_id!r}, which is now at opening {current.opening}"
    late = too_late(gate, current, now)
    if late:
        return late
    if decision is Decision.NO_GO and not reason.strip():
        return "a NO-GO needs a reason"
    if decision is Decision.HOLD:
        return "HOLD is not a ballot; use the hold command, or vote NO-GO with a reason"
    return _unseated(plan, gate, current, seat, person)


def too_late(gate: Gate, current: GateState, now: datetime) -> str:
    """Why a ballot comes too late for an open gate, in one sentence; empty in time.

    At its deadline a gate becomes what the plan says, also when nobody has written that down yet. One that extends
    itself still takes ballots.
    """
    if current.deadline is None or now < current.deadline:
        return ""
    if gate.at_deadline is DeadlineOutcome.EXTEND and current.extensions < gate.extensions:
        return ""
    return f"the deadline of gate {gate.id!r} passed at {current.deadline:%H:%M:%S} UTC; it takes no more ballots"


def _unseated(plan: Plan, gate: Gate, current: GateState, seat: str, person: str) -> str:
    """Why a person cannot fill a seat of a gate; empty if this person can."""
    known = next((candidate for candidate in plan.people if candidate.id == person), None)
    if known is None:
        return f"{person!r} is nobody of the plan"
    if seat not in {place.role for place in gate.seats}:
        return f"gate {gate.id!r} has no seat for {seat!r}"
    if seat not in known.roles:
        return f"{known.name} does not hold the role {seat!r}"
    cast = current.ballots.get(person)
    if cast is not None and cast.seat != seat:
        return f"{known.name} has filled the seat of {cast.seat!r} already; one person fills one seat"
    return ""


def seat_of(plan: Plan, state: LaunchState, gate: Gate, person: str) -> str | None:
    """The seat a person can fill at a gate: the one already filled, else the first free one of that person's roles."""
    known = next((candidate for candidate in plan.people if candidate.id == person), None)
    if known is None:
        return None
    current = state.gate(gate.id)
    if person in current.ballots:
        return current.ballots[person].seat
    places = [place for place in gate.seats if place.role in known.roles]
    free = [place for place in places if _filled(current, place.role) < place.count]
    return (free or places)[0].role if places else None


def rule(gate: Gate, current: GateState, unmet_criteria: list[str], now: datetime) -> GateRuling:
    """The gate's decision, if there is one now.

    A NO-GO of a signing seat, or of the only seat, decides at once; any other NO-GO decides when every seat has voted,
    unless a seat that may override said GO with a reason after it. GO needs every seat, every signing seat's GO and no
    unmet criterion. The deadline never says GO.
    """
    late = current.deadline is not None and now >= current.deadline
    ruling = (
        _by_people(gate, current, unmet_criteria)
        if gate.style is not GateStyle.AUTOMATIC
        else (GateRuling() if unmet_criteria else GateRuling(decision=Decision.GO, reason="every criterion is met"))
    )
    if ruling.decision is not None or not late:
        return ruling
    return _at_deadline(gate, current, unmet_criteria, now)


def missing_seats(gate: Gate, current: GateState) -> list[str]:
    """Roles whose seats nobody has filled yet."""
    return [place.role for place in gate.seats if _filled(current, place.role) < place.count]


def _by_people(gate: Gate, current: GateState, unmet_criteria: list[str]) -> GateRuling:
    against = [ballot for ballot in current.ballots.values() if ballot.decision is Decision.NO_GO]
    signing = {place.role for place in gate.seats if place.signs}
    final = [ballot for ballot in against if ballot.seat in signing or len(gate.seats) == 1]
    if final:
        return GateRuling(decision=Decision.NO_GO, reason=f"{final[0].person} ({final[0].seat}): {final[0].reason}")
    if missing_seats(gate, current):
        return GateRuling()
    if against and not _overridden(gate, current):
        told = "; ".join(f"{ballot.person} ({ballot.seat}): {ballot.reason}" for ballot in against)
        return GateRuling(decision=Decision.NO_GO, reason=told)
    if any(ballot.decision is not Decision.GO for ballot in current.ballots.values() if ballot.seat in signing):
        return GateRuling()
    if not any(ballot.decision is Decision.GO for ballot in current.ballots.values()) or unmet_criteria:
        return GateRuling()
    return GateRuling(decision=Decision.GO, reason="override recorded" if against else "every seat said GO")


def _overridden(gate: Gate, current: GateState) -> bool:
    overriding = {place.role for place in gate.seats if place.overrides}
    last_against = max(
        current.order.index(person) for person, ballot in current.ballots.items() if ballot.decision is Decision.NO_GO
    )
    return any(
        ballot.decision is Decision.GO and ballot.seat in overriding and ballot.reason.strip()
        for ballot in (current.ballots[person] for person in current.order[last_against + 1 :])
    )


def _at_deadline(gate: Gate, current: GateState, unmet_criteria: list[str], now: datetime) -> GateRuling:
    seats = missing_seats(gate, current)
    why = "; ".join(
        (["no ballot from " + ", ".join(seats)] if seats else [])
        + ([f"{_counted(len(unmet_criteria))} unmet: {unmet_criteria[0]}"] if unmet_criteria else []),
    )
    if gate.at_deadline is DeadlineOutcome.EXTEND and current.extensions < gate.extensions:
        extend_by = gate.extend_by or timedelta(0)
        return GateRuling(extended_to=now + extend_by, reason=why)
    decision = Decision.HOLD if gate.at_deadline is DeadlineOutcome.HOLD else Decision.NO_GO
    return GateRuling(decision=decision, reason=f"deadline passed undecided: {why or 'no decision'}")


def _counted(criteria: int) -> str:
    return "1 criterion" if criteria == 1 else f"{criteria} criteria"


def _filled(current: GateState, role: str) -> int:
    return sum(1 for ballot in current.ballots.values() if ballot.seat == role)


def _actions_before(plan: Plan, gate: Gate) -> set[str]:
    roles = {ActionRole.PREPARES, ActionRole.CHANGES}
    offset = gate.offset
    return {
        action.id
        for action in plan.actions
        if offset is not None and action.role in roles and action.offset is not None and action.offset <= offset
    }


def _unmet_check(check: Check, state: LaunchState, now: datetime) -> str:
    answers = state.check(check.id)
    match standing(check, answers, now):
        case CheckStanding.PASSED | CheckStanding.WAIVED:
            return ""
        case CheckStanding.FAILED:
            told = answers.sentence if answers.verdict is Verdict.FAIL else f"{answers.attested_by} vouches against it"
            return f"{check.id} failed: {told}"
        case _ if answers.verdict not in {None, Verdict.PASS}:
            return f"{check.id} has no clear answer: {answers.sentence}"
        case _ if check.action is not None and answers.verdict is None and _failed(check.action, state):
            return f"{check.id}: not asked, because {_unmet_action(check.action, state)}"
        case _:
            missing = "not attested yet" if check.mode is not Mode.AUTOMATED else "not asked yet"
            return f"{check.id}: {missing}"


def _failed(action: str, state: LaunchState) -> bool:
    effect = state.effect(action)
    return effect.result is not None and not effect.done


def _unmet_action(action: str, state: LaunchState) -> str:
    effect = state.effect(action)
    if effect.done:
        return ""
    if effect.result is None:
        return f"{action} is under way" if effect.under_way else f"{action} has not begun"
    return f"{action} {effect.result.value}: {effect.detail}"
