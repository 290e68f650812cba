"""Attestations and waivers."""

from __future__ import annotations

from datetime import datetime, timedelta

from launch.acts.writing import append_decided, check_of, holds_role, still_open
from launch.errors import RefusedError
from launch.events import (
    CheckAttested,
    CheckWaived,
)
from launch.ledger import Ledger
from launch.plan import Mode, Plan
from launch.state import LaunchState
from launch.verdicts import Verdict


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
        still_open(state)
        item = check_of(plan, check)
        if item.mode is Mode.AUTOMATED:
            message = f"check {check!r} is measured, nobody vouches for it; a waiver could cover it"
            raise RefusedError(message)
        holds_role(plan, person, item.attested_by, f"vouch for {check!r}")
        if verdict is Verdict.FAIL and not evidence.strip():
            message = f"vouching against {check!r} needs the evidence in words"
            raise RefusedError(message)
        return CheckAttested(check=check, person=person, verdict=verdict, evidence=evidence)

    return append_decided(ledger, launch, decide, at, wall)


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
        still_open(state)
        check_of(plan, check)
        signers = tuple({seat.role for gate in plan.gates for seat in gate.seats if seat.signs})
        holds_role(plan, person, signers, f"waive {check!r}")
        if not reason.strip():
            message = "a waiver needs a reason"
            raise RefusedError(message)
        if lasting <= timedelta(0):
            message = "a waiver must last some time"
            raise RefusedError(message)
        return CheckWaived(check=check, person=person, reason=reason, until=at + lasting)

    return append_decided(ledger, launch, decide, at, wall)
