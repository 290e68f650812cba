"""Who may declare a rollback, and whose it is."""

from __future__ import annotations

from datetime import datetime

from launch.acts.writing import TRIES, holds_role, plan_of, still_open
from launch.errors import RefusedError
from launch.events import (
    RollbackClaimed,
)
from launch.ledger import ConflictError, Ledger
from launch.plan import Plan
from launch.rollback import procedure_of
from launch.state import LaunchState, fold


def may_roll_back(plan: Plan, state: LaunchState, person: str, trigger: str) -> None:
    """Raises `RefusedError` unless this person may pull this trigger now ("captain" stands for a person's own call)."""
    still_open(state)
    if not plan.rollback.procedures:
        message = "the plan has no rollback procedure"
        raise RefusedError(message)
    tier = next((one.tier.value for one in plan.rollback.triggers if one.id == trigger), "all")
    who = {role for one in plan.rollback.authority if one.tier in {tier, "all"} or tier == "all" for role in one.who}
    holds_role(plan, person, tuple(sorted(who)), "declare a rollback")


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
    for _ in range(TRIES):
        records = ledger.records(launch)
        plan, state = plan_of(records), fold(records)
        still_open(state)
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
    for _ in range(TRIES):
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
