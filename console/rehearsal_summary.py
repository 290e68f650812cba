"""The end of a rehearsal as one document: the output contract of `tminus rehearse --json`."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from pydantic import JsonValue

from console.rehearsal import Rehearsed
from launch.acts import plan_of
from launch.events import EffectBegun, GateDecided, RollbackClaimed, RollbackEnded, ServiceRestored, TriggerFired
from launch.ledger import event_hash
from launch.rollback_times import rollback_times


def summary(rehearsed: Rehearsed) -> dict[str, JsonValue]:
    """Outcome, hashes, times, verdicts, gate decisions, residue and the rollback's durations in virtual seconds."""
    state, records = rehearsed.state, rehearsed.records
    verdicts = Counter(check.verdict.value for check in state.checks.values() if check.verdict is not None)
    attested = Counter(
        f"attested-{check.attested.value}" for check in state.checks.values() if check.attested is not None
    )
    gates: list[JsonValue] = [
        {"id": record.event.gate, "decision": record.event.decision.value}
        for record in records
        if isinstance(record.event, GateDecided)
    ]
    return {
        "launch": rehearsed.launch,
        "outcome": state.outcome.value if state.outcome else "unfinished",
        "standstill": rehearsed.standstill,
        "events": len(records),
        "event_hash": event_hash(records),
        "virtual_seconds": rehearsed.virtual_seconds,
        "wall_seconds": round(rehearsed.wall_seconds, 3),
        "checks": {**verdicts, **attested},
        "gates": gates,
        "residue": list(state.rollback.residue) if state.rollback else [],
        "rollback": _rollback(rehearsed),
    }


def _rollback(rehearsed: Rehearsed) -> JsonValue:
    rollback = rehearsed.state.rollback
    if rollback is None:
        return None
    fired = first = restored = ended = None
    claimed = False
    for record in rehearsed.records:
        match record.event:
            case TriggerFired(trigger=trigger) if trigger == rollback.trigger:
                fired = record.at
            case RollbackClaimed() if not claimed:
                claimed, fired = True, fired or record.at
            case EffectBegun() if claimed and first is None:
                first = record.at
            case ServiceRestored():
                restored = record.at
            case RollbackEnded():
                ended = record.at

    def since(moment: datetime | None) -> float | None:
        return (moment - fired).total_seconds() if moment is not None and fired is not None else None

    times = rollback_times(plan_of(rehearsed.records), rollback)
    return {
        "trigger": rollback.trigger,
        "tier": rollback.tier,
        "first_action_seconds": since(first),
        "restored_seconds": since(restored),
        "complete_seconds": since(ended),
        "procedure": times.procedure,
        "claim_to_restored_seconds": _seconds(times.restored.took),
        "claim_to_complete_seconds": _seconds(times.complete.took),
        "restore_within_seconds": _seconds(times.restored.within),
        "complete_within_seconds": _seconds(times.complete.within),
    }


def _seconds(duration: timedelta | None) -> float | None:
    return duration.total_seconds() if duration is not None else None
