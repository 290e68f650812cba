"""The rollback flow: safe to trigger twice and from anywhere. Whoever comes first claims it in the ledger."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from flows.conductor import Conductor, Doing
from flows.effects import EffectHandler
from flows.handling import ask, ask_people
from flows.phases import cancel_what_follows, close_if_over
from flows.staging import stage_for
from launch.acts import claim_rollback, take_over_rollback
from launch.agenda import AskCheck, AskPeople, DoEffect
from launch.events import RollbackEnded, ServiceRestored, UndoSkipped
from launch.rollback import procedure_of
from launch.rolling_back import EndRollback, Restored, SkipUndo, rollback_agenda


@flow(name="roll-back", flow_run_name="roll back {launch}", persist_result=False)
async def roll_back(
    launch: str,
    trigger: str = "captain",
    tier: str = "urgent",
    by: str = "captain",
    reason: str = "",
) -> State[None]:
    """Takes the launch back: undoes what the ledger says was done, verifies, tells, and ends rolled back or partial.

    Safe to start twice at once: the second run sees the claim and leaves, or takes over from a run that has died.
    """
    stage = await stage_for(launch)
    conductor = Conductor(stage, launch)
    if conductor.reader.state.outcome is not None:
        return Cancelled(message=f"the launch is over: {conductor.reader.state.outcome.value}")
    run = stage.runs.current()
    now, wall = stage.clock.now(), stage.wall()
    mine = claim_rollback(
        stage.ledger,
        launch,
        trigger=trigger,
        tier=tier,
        by=by,
        at=now,
        wall=wall,
        reason=reason,
        run=run,
    )
    conductor.reader.refresh()
    claimed = conductor.reader.state.rollback
    if not mine and claimed is not None and claimed.ended_at is None:
        taken = not await stage.runs.alive(claimed.run) and take_over_rollback(
            stage.ledger,
            launch,
            dead=claimed.run,
            by=by,
            at=now,
            wall=wall,
            run=run,
        )
        if not taken:
            return Completed(message=f"run {claimed.run} is rolling back already", name="AlreadyUnderWay")
    await cancel_what_follows(stage, launch)
    await _undo(conductor)
    await close_if_over(conductor)
    ended = conductor.reader.state.rollback
    outcome = ended.outcome if ended is not None else None
    return Completed(message=f"{launch}: {outcome.value if outcome else 'unknown'}", name=(outcome or "over").title())


async def _undo(conductor: Conductor) -> None:
    """The rollback's loop: what is due side by side, then wait, until it has ended."""
    handler = RollbackHandler(conductor)
    while True:
        conductor.reader.refresh()
        claimed = conductor.reader.state.rollback
        if claimed is None or claimed.ended_at is not None:
            await conductor.finish_speaking()
            return
        procedure = procedure_of(conductor.plan, claimed.trigger)
        if procedure is None:
            return
        look = rollback_agenda(conductor.plan, conductor.reader.state, conductor.now(), procedure, conductor.memory)
        if look.due:
            await conductor.carry_out(look.due, handler)
        elif look.next is not None:
            await conductor.stage.clock.until(look.next)
        else:
            return


class RollbackHandler:
    """Handles every entry of a rollback's agenda."""

    def __init__(self, conductor: Conductor) -> None:
        self.conductor = conductor
        self.effects = EffectHandler(conductor)

    async def __call__(self, due: object) -> Doing:
        match due:
            case DoEffect():
                return await self.effects.do(due)
            case AskCheck():
                return await ask(self.conductor, due)
            case AskPeople():
                return await ask_people(self.conductor, due)
            case SkipUndo():
                return Doing([UndoSkipped(action=due.action, why=due.why, residue=due.residue)])
            case Restored():
                return Doing([ServiceRestored(failed=due.failed)])
            case EndRollback():
                return Doing([RollbackEnded(outcome=due.outcome, residue=due.residue)])
            case _:
                message = f"{due!r} is nothing a rollback does"
                raise TypeError(message)
