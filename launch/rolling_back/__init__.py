"""What is due in a rollback: undo all that can be undone, go on past what fails or is refused, verify, tell, end known.

`launch.rollback` says what there is to undo and in which order; here is when each step may begin and what follows.
"""

from __future__ import annotations

from datetime import datetime

from launch.agenda import Memory
from launch.plan import Plan, Procedure
from launch.rolling_back.items import EndRollback, Restored, RollbackAgenda, RollbackDue, RollbackLook, SkipUndo
from launch.rolling_back.whole import WholeRollback
from launch.state import LaunchState

__all__ = ["EndRollback", "Restored", "RollbackAgenda", "RollbackDue", "SkipUndo", "rollback_agenda"]


def rollback_agenda(
    plan: Plan,
    state: LaunchState,
    now: datetime,
    procedure: Procedure,
    memory: Memory,
) -> RollbackAgenda:
    """What is due at `now` in the rollback that the ledger says was claimed. Empty when it has ended."""
    if state.rollback is None or state.rollback.ended_at is not None:
        return RollbackAgenda(())
    return WholeRollback(RollbackLook(plan, state, state.rollback, procedure, now, memory)).build()
