"""The rollback flow: safe to trigger twice and from anywhere. Whoever comes first claims it in the ledger."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from flows.beside import Beside, takes_time
from flows.conductor import Conductor, Doing
from flows.effects import EffectHandler
from flows.gate_handling import GateHandler
from flows.handling import ask, ask_people
from flows.phases import cancel_what_follows, close_if_over, draw
from flows.speaking import Speaker
from flows.staging import stage_for
from launch.acts import claim_rollback, take_over_rollback
from launch.agenda import AnnounceDecision, AskCheck, AskPeople, CallSeats, DoEffect, OpenGate, SettleGate
from launch.events import RollbackEnded, ServiceRestored, UndoSkipped
from launch.rollback import procedure_of
from launch.rolling_back import EndRollback, Restored, RollbackAgenda, SkipUndo, rollback_agenda

_A_LOOK = timedelta(seconds=5)
"""How often the ledger is looked at while a person's answer may come."""


@flow(name="roll-back", flow_run_name="roll back {launch}", persist_result=False)
async def roll_back(
    launch: str,
    *,
    trigger: str = "captain",
    tier: str = "urgent",
    by: str = "captain",
    reason: str = "",
    procedure: str = "",
) -> State[None]:
    """Takes the launch back: undoes what the ledger says was done, verifies, tells, and ends rolled back or partial.

    Safe to start twice at once: the second run sees the claim and leaves, or takes over from a run that has died.

    Args:
        launch: Id of the launch.
        trigger: Id of the plan's trigger, or `captain` for a person's own call.
        tier: How it was decided.
        by: Who decided it.
        reason: Why.
        procedure: Id of the procedure; empty for the trigger's, else the plan's first.

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
        procedure=procedure,
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
    # Beside the undoing: what has not begun can wait to be cancelled, and the server may be slow.
    cleared = asyncio.create_task(cancel_what_follows(stage, launch))
    if not stage.patient:
        await cleared
    await _undo(conductor, cleared)
    await cleared
    await close_if_over(conductor)
    await draw(conductor)
    ended = conductor.reader.state.rollback
    outcome = ended.outcome if ended is not None else None
    return Completed(message=f"{launch}: {outcome.value if outcome else 'unknown'}", name=(outcome or "over").title())


async def _undo(conductor: Conductor, cleared: asyncio.Task[None]) -> None:
    """The rollback's loop: what is due side by side, then wait, until it has ended.

    On the day each step, question and message goes its own way: what follows one step waits for no other, nor for a
    chat that hangs. A rehearsal does what is due at one moment together, because its course must be the same each time.
    """
    handler = RollbackHandler(conductor, cleared)
    beside = Beside(handler, conductor.write, takes=takes_time)
    while True:
        conductor.reader.refresh()
        claimed = conductor.reader.state.rollback
        if claimed is None or claimed.ended_at is not None:
            await beside.finish()
            return
        procedure = procedure_of(conductor.plan, claimed.trigger, claimed.procedure)
        if procedure is None:
            return
        look = rollback_agenda(conductor.plan, conductor.reader.state, conductor.now(), procedure, conductor.memory)
        due = beside.take(look.due) if conductor.stage.patient else look.due
        if due:
            await conductor.carry_out(due, handler)
        elif beside.working:
            await beside.next_end()
        elif not await _wait(conductor, look, beside):
            return


async def _wait(conductor: Conductor, look: RollbackAgenda, beside: Beside) -> bool:
    """Until the next moment, or sooner where a person or words may end a wait before it; False if there is none."""
    soon = conductor.now() + _A_LOOK
    if beside.speaking and look.next is None:
        await beside.next_end()
        return True
    if look.next is None and not look.waiting:
        return False
    until = min(look.next or soon, soon) if look.waiting or beside.speaking else look.next
    await conductor.stage.clock.until(until or soon)
    beside.reap()
    return True


class RollbackHandler:
    """Handles every entry of a rollback's agenda. Its own forms go out when the launch's earlier ones are `cleared`."""

    def __init__(self, conductor: Conductor, cleared: asyncio.Task[None]) -> None:
        self.conductor = conductor
        self.cleared = cleared
        self.effects = EffectHandler(conductor)
        self.gates = GateHandler(conductor, Speaker(conductor))

    async def __call__(self, due: object) -> Doing:  # noqa: C901  one line for each kind of due thing
        match due:
            case DoEffect():
                return await self.effects.do(due)
            case AskCheck():
                return await ask(self.conductor, due)
            case AskPeople():
                await self.cleared
                return await ask_people(self.conductor, due)
            case OpenGate():
                return self.gates.open(due)
            case CallSeats():
                await self.cleared
                return await self.gates.call(due)
            case SettleGate():
                return self.gates.settle(due)
            case AnnounceDecision():
                return await self.gates.announce(due)
            case SkipUndo():
                return Doing([UndoSkipped(action=due.action, why=due.why, residue=due.residue)])
            case Restored():
                return Doing([ServiceRestored(failed=due.failed)])
            case EndRollback():
                return Doing([RollbackEnded(outcome=due.outcome, residue=due.residue)])
            case _:
                message = f"{due!r} is nothing a rollback does"
                raise TypeError(message)
