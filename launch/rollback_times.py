"""How long a rollback took, against what its procedure allows: until service is restored, until it is all said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from launch.plan import Plan
from launch.rollback import procedure_of
from launch.state import RollbackState


@dataclass(frozen=True)
class Took:
    """One duration from the claim, and its budget. None where it is not over yet, or the plan gives no figure."""

    took: timedelta | None
    within: timedelta | None

    @property
    def over(self) -> timedelta | None:
        """By how much it was too slow; None where it was not, or where that cannot be told."""
        if self.took is None or self.within is None or self.took <= self.within:
            return None
        return self.took - self.within


@dataclass(frozen=True)
class RollbackTimes:
    """Both durations of a rollback."""

    procedure: str
    restored: Took
    complete: Took


def rollback_times(plan: Plan, rollback: RollbackState) -> RollbackTimes:
    """Measured from the claim, so that what a decision took is not in it."""
    procedure = procedure_of(plan, rollback.trigger, rollback.procedure)

    def since(moment: datetime | None) -> timedelta | None:
        return moment - rollback.claimed_at if moment is not None else None

    return RollbackTimes(
        procedure=procedure.id if procedure is not None else rollback.procedure,
        restored=Took(since(rollback.restored_at), procedure.restore_within if procedure is not None else None),
        complete=Took(since(rollback.ended_at), procedure.complete_within if procedure is not None else None),
    )
