"""A rollback without a ledger or a plan's other phases, small enough to be simulated ten thousand times.

As input: a plan, what was done, and the steps that fail for good; an effect ends within the look that begins it. As
output: the look in which each step began and ended, and how the rollback ended.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from launch.agenda import AskCheck, DoEffect, Memory
from launch.events import (
    AnyEvent,
    CheckJudged,
    EffectBegun,
    EffectFinished,
    EffectResult,
    Outcome,
    RollbackClaimed,
    RollbackEnded,
    ServiceRestored,
    UndoSkipped,
)
from launch.ledger import Record
from launch.plan import Plan
from launch.rolling_back import EndRollback, Restored, RollbackDue, SkipUndo, rollback_agenda
from launch.state import LaunchState
from launch.verdicts import Verdict
from tests.fakes.plans import T0

_TOO_MANY = 200


@dataclass
class Simulated:
    """How one rollback went: `began` and `ended` are looks, by step."""

    began: dict[str, int] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    outcome: Outcome | None = None
    residue: tuple[str, ...] = ()


def simulate(plan: Plan, done: Sequence[AnyEvent], failing: Collection[str]) -> Simulated:
    """Plays the plan's first procedure to its end. Raises `AssertionError` where it would hang."""
    state, now, memory = LaunchState(), T0, Memory()
    for event in (*done, RollbackClaimed(trigger="captain", tier="urgent", by="ana")):
        _write(state, event, now)
    found, procedure = Simulated(), plan.rollback.procedures[0]
    for look in range(_TOO_MANY):
        agenda = rollback_agenda(plan, state, now, procedure, memory)
        for due in agenda.due:
            for event in _done(due, state, failing):
                _write(state, event, now)
                match event:
                    case EffectBegun():
                        found.began.setdefault(event.action, look)
                    case EffectFinished():
                        found.ended[event.action] = look
                    case RollbackEnded():
                        found.outcome, found.residue = event.outcome, event.residue
                        return found
        if not agenda.due:
            assert agenda.next is not None, "a rollback that waits for nothing has not ended"
            now = agenda.next
    message = "a rollback goes on for ever"
    raise AssertionError(message)


def _write(state: LaunchState, event: AnyEvent, now: datetime) -> None:
    sequence = state.sequence + 1
    state.apply(Record.model_construct(launch="simulated", sequence=sequence, at=now, wall=now, event=event))


def _done(due: RollbackDue, state: LaunchState, failing: Collection[str]) -> list[AnyEvent]:
    match due:
        case DoEffect():
            effect = state.effect(due.id)
            attempt = effect.attempt + 1
            result = EffectResult.FAILED if due.id in failing else EffectResult.APPLIED
            begun = EffectBegun(action=due.id, attempt=attempt, key=due.id)
            return [begun, EffectFinished(action=due.id, attempt=attempt, result=result)]
        case AskCheck():
            return [CheckJudged(check=due.check.id, verdict=Verdict.PASS, sentence="it is")]
        case SkipUndo():
            return [UndoSkipped(action=due.action, why=due.why, residue=due.residue)]
        case Restored():
            return [ServiceRestored(failed=due.failed)]
        case EndRollback():
            return [RollbackEnded(outcome=due.outcome, residue=due.residue)]
        case _:
            raise TypeError(due)
