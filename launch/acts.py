"""What persons and runs may do to a launch: each act is checked against the rules, then written to the ledger.

Every act takes the instants of both clocks: `at` on the launch clock, `wall` on the machine's.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypeVar

from launch import gates
from launch.errors import RefusedError
from launch.events import (
    AnyEvent,
    BallotCast,
    BallotRefused,
    CheckAttested,
    CheckWaived,
    Decision,
    GateDecided,
    GateExtended,
    HoldLifted,
    HoldPlaced,
    LaunchOpened,
    ResumedWithoutBallot,
    RollbackClaimed,
    T0Slipped,
)
from launch.ledger import ConflictError, Ledger, Record
from launch.plan import Check, Mode, Plan
from launch.release import Release
from launch.rollback import procedure_of
from launch.state import LaunchState, fold
from launch.verdicts import Verdict

_TRIES = 20

Act = TypeVar("Act", bound=AnyEvent)


def plan_of(records: Sequence[Record]) -> Plan:
    """The plan a launch was opened with, read back from its first record."""
    opened = records[0].event
    if not isinstance(opened, LaunchOpened):
        message = "the ledger of this launch does not begin with its opening"
        raise RefusedError(message)
    return _plan(opened.plan_text)


@lru_cache(maxsize=8)
def _plan(text: str) -> Plan:
    """A plan does not change while its launch lasts, and validating it costs as much as a hundred decisions."""
    return Plan.model_validate_json(text)


def open_launch(
    ledger: Ledger,
    launch: str,
    *,
    plan: Plan,
    plan_hash: str,
    plan_path: str,
    release: Release,
    t0: datetime,
    environment: str,
    opened_by: str,
    at: datetime,
    wall: datetime,
) -> LaunchOpened:
    """Opens a launch. Raises `RefusedError` (T0 past, unknown service or environment) or `AlreadyOpenError`."""
    if t0.tzinfo is None:
        message = f"T0 {t0.isoformat()} has no zone; write for instance {t0.isoformat()}+00:00"
        raise RefusedError(message)
    if t0 <= at:
        message = f"T0 {t0.isoformat()} is in the past; it is now {at.isoformat(timespec='seconds')}"
        raise RefusedError(message)
    unknown = sorted(set(release.services) - {service.id for service in plan.rollout.services})
    if unknown:
        known = ", ".join(service.id for service in plan.rollout.services)
        message = f"the release names service {unknown[0]!r}, which the plan does not have; it has {known}"
        raise RefusedError(message)
    if environment not in {one.id for one in plan.environments}:
        known = ", ".join(one.id for one in plan.environments)
        message = f"the plan has no environment {environment!r}; it has {known}"
        raise RefusedError(message)
    event = LaunchOpened(
        product=plan.product.id,
        plan_hash=plan_hash,
        plan_path=plan_path,
        plan_text=plan.model_dump_json(by_alias=True),
        release=release,
        t0=t0,
        environment=environment,
        opened_by=opened_by,
    )
    ledger.append(launch, event, at=at, wall=wall, expected=0)
    return event


def cast_ballot(
    ledger: Ledger,
    launch: str,
    *,
    gate: str,
    opening: int,
    seat: str,
    person: str,
    decision: str,
    reason: str = "",
    proof: str = "",
    at: datetime,
    wall: datetime,
    run: str = "",
) -> BallotCast | BallotRefused:
    """Writes a ballot if it counts, and its refusal with the reason if not. Never raises for a bad ballot."""

    def decide(plan: Plan, state: LaunchState) -> BallotCast | BallotRefused:
        meant = next((one for one in Decision if one.value == decision.strip().upper()), None)
        why = f"{decision!r} is no decision; write GO, NO-GO or ABSTAIN"
        if meant is not None:
            why = gates.refusal(
                plan,
                state,
                gate,
                opening=opening,
                seat=seat,
                person=person,
                reason=reason,
                decision=meant,
            )
        if meant is None or why:
            return BallotRefused(gate=gate, person=person, decision=decision, reason=why, run=run)
        evidence = state.gate(gate).evidence_hash
        return BallotCast(
            gate=gate,
            opening=opening,
            seat=seat,
            person=person,
            decision=meant,
            reason=reason,
            proof=proof,
            evidence_hash=evidence,
            run=run,
        )

    return _append(ledger, launch, decide, at, wall)


def settle_gate(ledger: Ledger, launch: str, *, gate: str, at: datetime, wall: datetime) -> GateDecided | None:
    """Writes the gate's decision if its ballots, criteria or deadline decide it now; None while it stays open."""
    for _ in range(_TRIES):
        records = ledger.records(launch)
        plan, state = plan_of(records), fold(records)
        place = next(one for one in plan.gates if one.id == gate)
        current = state.gate(gate)
        if not current.open:
            return None
        ruling = gates.rule(place, current, gates.unmet(plan, state, place, at), at)
        event: GateDecided | GateExtended
        if ruling.decision is not None:
            event = GateDecided(gate=gate, opening=current.opening, decision=ruling.decision, reason=ruling.reason)
        elif ruling.extended_to is not None:
            event = GateExtended(gate=gate, deadline=ruling.extended_to)
        else:
            return None
        try:
            ledger.append(launch, event, at=at, wall=wall, expected=state.sequence)
        except ConflictError:
            continue
        return event if isinstance(event, GateDecided) else None
    return None


def note_resume(ledger: Ledger, launch: str, *, gate: str, at: datetime, wall: datetime, run: str = "") -> None:
    """Writes down that somebody resumed a waiting run without a ballot."""
    ledger.append(launch, ResumedWithoutBallot(gate=gate, run=run), at=at, wall=wall)


def attest(
    ledger: Ledger,
    launch: str,
    *,
    check: str,
    person: str,
    verdict: Verdict,
    evidence: str,
    at: datetime,
    wall: datetime,
) -> CheckAttested:
    """A person vouches for a check or against it. Raises `RefusedError` with the reason."""

    def decide(plan: Plan, state: LaunchState) -> CheckAttested:
        _still_open(state)
        item = _check(plan, check)
        if item.mode is Mode.AUTOMATED:
            message = f"check {check!r} is measured, nobody vouches for it; a waiver could cover it"
            raise RefusedError(message)
        _holds_role(plan, person, item.attested_by, f"vouch for {check!r}")
        if verdict is Verdict.FAIL and not evidence.strip():
            message = f"vouching against {check!r} needs the evidence in words"
            raise RefusedError(message)
        return CheckAttested(check=check, person=person, verdict=verdict, evidence=evidence)

    return _append(ledger, launch, decide, at, wall)


def waive(
    ledger: Ledger,
    launch: str,
    *,
    check: str,
    person: str,
    reason: str,
    lasting: timedelta,
    at: datetime,
    wall: datetime,
) -> CheckWaived:
    """Covers a check that did not pass, for a time. Only a person with a signing seat may. Raises `RefusedError`."""

    def decide(plan: Plan, state: LaunchState) -> CheckWaived:
        _still_open(state)
        _check(plan, check)
        signers = tuple({seat.role for gate in plan.gates for seat in gate.seats if seat.signs})
        _holds_role(plan, person, signers, f"waive {check!r}")
        if not reason.strip():
            message = "a waiver needs a reason"
            raise RefusedError(message)
        if lasting <= timedelta(0):
            message = "a waiver must last some time"
            raise RefusedError(message)
        return CheckWaived(check=check, person=person, reason=reason, until=at + lasting)

    return _append(ledger, launch, decide, at, wall)


def hold(ledger: Ledger, launch: str, *, person: str, reason: str, at: datetime, wall: datetime) -> HoldPlaced:
    """Holds the launch: no effect begins and no gate opens. Raises `RefusedError`."""

    def decide(plan: Plan, state: LaunchState) -> HoldPlaced:
        _still_open(state)
        _known(plan, person)
        if state.hold is not None:
            message = f"the launch is held already, by {state.hold.by}: {state.hold.reason}"
            raise RefusedError(message)
        if not reason.strip():
            message = "a hold needs a reason"
            raise RefusedError(message)
        return HoldPlaced(by=person, reason=reason)

    return _append(ledger, launch, decide, at, wall)


def lift(ledger: Ledger, launch: str, *, person: str, reason: str = "", at: datetime, wall: datetime) -> HoldLifted:
    """Ends the hold. Raises `RefusedError`."""

    def decide(plan: Plan, state: LaunchState) -> HoldLifted:
        _still_open(state)
        _known(plan, person)
        if state.hold is None:
            message = "the launch is not held"
            raise RefusedError(message)
        return HoldLifted(by=person, reason=reason)

    return _append(ledger, launch, decide, at, wall)


def slip(
    ledger: Ledger,
    launch: str,
    *,
    t0: datetime,
    person: str,
    reason: str,
    at: datetime,
    wall: datetime,
) -> T0Slipped:
    """Moves T0. Raises `RefusedError` after go-live, for a T0 in the past or without a zone."""

    def decide(plan: Plan, state: LaunchState) -> T0Slipped:
        _still_open(state)
        _known(plan, person)
        if state.live_at is not None:
            message = "the product is live; T0 cannot move any more"
            raise RefusedError(message)
        if t0.tzinfo is None or t0 <= at:
            message = f"the new T0 {t0.isoformat()} must have a zone and lie in the future"
            raise RefusedError(message)
        if not reason.strip():
            message = "slipping T0 needs a reason"
            raise RefusedError(message)
        return T0Slipped(t0=t0, by=person, reason=reason)

    return _append(ledger, launch, decide, at, wall)


def may_roll_back(plan: Plan, state: LaunchState, person: str, trigger: str) -> None:
    """Raises `RefusedError` unless this person may pull this trigger now ("captain" stands for a person's own call)."""
    _still_open(state)
    if not plan.rollback.procedures:
        message = "the plan has no rollback procedure"
        raise RefusedError(message)
    tier = next((one.tier.value for one in plan.rollback.triggers if one.id == trigger), "all")
    who = {role for one in plan.rollback.authority if one.tier in {tier, "all"} or tier == "all" for role in one.who}
    _holds_role(plan, person, tuple(sorted(who)), "declare a rollback")


def claim_rollback(
    ledger: Ledger,
    launch: str,
    *,
    trigger: str,
    tier: str,
    by: str,
    at: datetime,
    wall: datetime,
    reason: str = "",
    run: str = "",
) -> bool:
    """Takes the rollback upon this run; False when another run has it. Whoever comes first claims it in the ledger."""
    for _ in range(_TRIES):
        records = ledger.records(launch)
        plan, state = plan_of(records), fold(records)
        _still_open(state)
        if procedure_of(plan, trigger) is None:
            message = "the plan has no rollback procedure"
            raise RefusedError(message)
        if state.rollback is not None:
            return bool(run) and state.rollback.run == run
        event = RollbackClaimed(trigger=trigger, tier=tier, by=by, reason=reason, run=run)
        try:
            ledger.append(launch, event, at=at, wall=wall, expected=state.sequence)
        except ConflictError:
            continue
        return True
    return False


def take_over_rollback(
    ledger: Ledger,
    launch: str,
    *,
    dead: str,
    by: str,
    at: datetime,
    wall: datetime,
    run: str = "",
) -> bool:
    """Goes on with the rollback of run `dead` (the caller knows that it is); False when another run did so first."""
    for _ in range(_TRIES):
        state = fold(ledger.records(launch))
        rollback = state.rollback
        if rollback is None or rollback.ended_at is not None or rollback.run != dead:
            return False
        event = RollbackClaimed(trigger=rollback.trigger, tier=rollback.tier, by=by, run=run)
        try:
            ledger.append(launch, event, at=at, wall=wall, expected=state.sequence)
        except ConflictError:
            continue
        return True
    return False


def _append(
    ledger: Ledger,
    launch: str,
    decide: Callable[[Plan, LaunchState], Act],
    at: datetime,
    wall: datetime,
) -> Act:
    """Decides on what the ledger says now and writes; decides again when somebody wrote meanwhile."""
    for _ in range(_TRIES):
        records = ledger.records(launch)
        state = fold(records)
        event = decide(plan_of(records), state)
        try:
            ledger.append(launch, event, at=at, wall=wall, expected=state.sequence)
        except ConflictError:
            continue
        return event
    message = f"the ledger of {launch} is being written by too many at once; try again"
    raise RefusedError(message)


def _still_open(state: LaunchState) -> None:
    if state.outcome is not None:
        message = f"the launch is over: {state.outcome.value}"
        raise RefusedError(message)


def _known(plan: Plan, person: str) -> None:
    if person not in {one.id for one in plan.people}:
        known = ", ".join(one.id for one in plan.people)
        message = f"{person!r} is nobody of the plan; it has {known}"
        raise RefusedError(message)


def _holds_role(plan: Plan, person: str, roles: tuple[str, ...], act: str) -> None:
    _known(plan, person)
    held = next(one.roles for one in plan.people if one.id == person)
    if not set(held) & set(roles):
        message = f"{person} may not {act}; that takes one of {', '.join(sorted(roles))}"
        raise RefusedError(message)


def _check(plan: Plan, check: str) -> Check:
    item = next((one for one in plan.checks if one.id == check), None)
    if item is None:
        near = difflib.get_close_matches(check, [one.id for one in plan.checks], n=1)
        message = f"the plan has no check {check!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        raise RefusedError(message)
    return item
