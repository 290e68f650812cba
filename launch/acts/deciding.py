"""Ballots and the decisions of gates."""

from __future__ import annotations

from datetime import datetime

from launch import gates
from launch.acts.writing import TRIES, append_decided, plan_of
from launch.events import (
    BallotCast,
    BallotRefused,
    Decision,
    GateDecided,
    GateExtended,
    ResumedWithoutBallot,
)
from launch.ledger import ConflictError, Ledger
from launch.plan import Plan
from launch.state import LaunchState, fold


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
                now=at,
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

    return append_decided(ledger, launch, decide, at, wall)


def settle_gate(ledger: Ledger, launch: str, *, gate: str, at: datetime, wall: datetime) -> GateDecided | None:
    """Writes the gate's decision if its ballots, criteria or deadline decide it now; None while it stays open."""
    for _ in range(TRIES):
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
