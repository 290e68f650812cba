"""Who may declare a rollback, and whose it is."""

from __future__ import annotations

import difflib
from datetime import datetime

from launch.acts.writing import TRIES, append_decided, known, plan_of, still_open
from launch.errors import RefusedError
from launch.events import RollbackClaimed, TriggerFired
from launch.ledger import ConflictError, Ledger
from launch.plan import Plan, Procedure
from launch.rollback import procedure_of, production_changed
from launch.state import LaunchState, fold
from launch.triggers import alone, authority_of, decides_alone, gate_of, standing


def may_roll_back(plan: Plan, state: LaunchState, person: str, trigger: str, procedure: str = "") -> None:
    """Raises `RefusedError` unless this person alone may start this rollback now.

    "captain" stands for a person's own call: whoever decides some tier alone may make it.
    """
    still_open(state)
    _procedure(plan, trigger, procedure)
    known(plan, person)
    tier = next((one.tier.value for one in plan.rollback.triggers if one.id == trigger), None)
    tiers = {tier} if tier is not None else {one.tier for one in plan.rollback.authority}
    if not any(decides_alone(plan, person, one) for one in tiers):
        raise RefusedError(_not_alone(plan, person, tiers))


def report_trigger(
    ledger: Ledger,
    launch: str,
    *,
    trigger: str,
    person: str,
    reason: str,
    at: datetime,
    wall: datetime,
) -> TriggerFired:
    """Writes that a person saw a trigger's condition: the gate of its tier then opens.

    Anybody of the plan may report; who decides is the gate's affair. Raises `RefusedError` for a trigger that stands
    already, that no gate decides, or before anything was changed.
    """

    def decide(plan: Plan, state: LaunchState) -> TriggerFired:
        still_open(state)
        known(plan, person)
        named = next((one for one in plan.rollback.triggers if one.id == trigger), None)
        if named is None:
            message = f"the plan has no trigger {trigger!r}" + _near(
                trigger, [one.id for one in plan.rollback.triggers]
            )
            raise RefusedError(message)
        if not reason.strip():
            message = "say what was seen"
            raise RefusedError(message)
        if state.rollback is not None or not production_changed(plan, state):
            what = "is being taken back already" if state.rollback is not None else "has changed nothing yet"
            message = f"the launch {what}"
            raise RefusedError(message)
        if any(one.trigger.id == trigger for one in standing(plan, state)):
            message = f"{trigger} has fired already and is being decided"
            raise RefusedError(message)
        if gate_of(plan, named, named.tier) is None:
            message = f"no gate decides {trigger}; {_not_alone(plan, person, {named.tier.value})}"
            raise RefusedError(message)
        return TriggerFired(trigger=trigger, because=f"{person}: {reason}", by=person)

    return append_decided(ledger, launch, decide, at, wall)


def _procedure(plan: Plan, trigger: str, chosen: str) -> Procedure:
    found = procedure_of(plan, trigger, chosen)
    if found is None:
        names = [one.id for one in plan.rollback.procedures]
        message = f"the plan has no procedure {chosen!r}{_near(chosen, names)}" if names else ""
        raise RefusedError(message or "the plan has no rollback procedure")
    return found


def _not_alone(plan: Plan, person: str, tiers: set[str]) -> str:
    roles = ", ".join(sorted(alone(plan, tiers | {"all"})))
    together = next((one for tier in sorted(tiers) if (one := authority_of(plan, tier)) and one.count > 1), None)
    needs = f"one of {roles}" if roles else "a gate: report a trigger"
    if not roles and together is not None:
        needs = f"{together.count} of {', '.join(together.who)}: report the trigger, so that its gate opens"
    return f"{person} may not declare a rollback; that takes {needs}"


def _near(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


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
    procedure: str = "",
) -> bool:
    """Takes the rollback upon this run; False when another run has it. Whoever comes first claims it in the ledger.

    `procedure` is the one that runs; empty for the trigger's, else the plan's first.
    """
    for _ in range(TRIES):
        records = ledger.records(launch)
        plan, state = plan_of(records), fold(records)
        still_open(state)
        if state.rollback is not None:
            return bool(run) and state.rollback.run == run
        meant = _procedure(plan, trigger, procedure)
        event = RollbackClaimed(trigger=trigger, tier=tier, by=by, procedure=meant.id, reason=reason, run=run)
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
        event = RollbackClaimed(
            trigger=rollback.trigger,
            tier=rollback.tier,
            by=by,
            procedure=rollback.procedure,
            run=run,
        )
        try:
            ledger.append(launch, event, at=at, wall=wall, expected=state.sequence)
        except ConflictError:
            continue
        return True
    return False
