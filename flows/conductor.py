"""The one conductor: ask the agenda what is due, do it side by side, write down what came of it, wait for the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from flows.beside import Beside, perform, speaks_or_asks
from flows.reader import Reader
from flows.stage import Stage
from launch.agenda import Agenda, Memory, Scope, agenda
from launch.errors import RefusedError
from launch.events import AnyEvent, Decision, PhaseStarted, RunTakenUp
from launch.ledger import ConflictError
from launch.plan.schedule import FlowPhase
from launch.ports import Occasion, Systems

_PATIENCE = timedelta(seconds=30)


@dataclass(frozen=True)
class Finished:
    """The scope is over."""

    decision: Decision | None = None


@dataclass(frozen=True)
class Handover:
    """Nothing is due for long: this run ends, and a run scheduled for `at` goes on from the ledger."""

    at: datetime


@dataclass
class Doing:
    """What came of one due thing: events to write in agenda order, then (after they are written) what starts."""

    events: list[AnyEvent] = field(default_factory=list)
    then: Callable[[], Awaitable[Sequence[AnyEvent]]] | None = None


class Handler(Protocol):
    """Carries out one kind of due thing."""

    async def __call__(self, due: object) -> Doing: ...


class Board(Protocol):
    """What is shown of a scope elsewhere; it never stands in the way of what is done."""

    def renew(self) -> None:
        """Begins to show what changed; returns at once."""

    async def finish(self) -> None:
        """Waits, not for long, until what changed is shown: this run's process may end after it."""


class Conductor:
    """Drives one scope of one launch on a stage. Everything it knows is in the ledger; `memory` may be lost."""

    def __init__(self, stage: Stage, launch: str) -> None:
        self.stage = stage
        self.reader = Reader(stage.ledger, launch)
        self.launch = launch
        self.memory = Memory()
        self.plan = self.reader.plan
        self._systems: Systems | None = None

    @property
    def systems(self) -> Systems:
        """The plan's systems in the launch's environment; each is loaded when it is first used."""
        if self._systems is None:
            self._systems = self.stage.systems(self.plan, self.reader.environment)
        return self._systems

    def now(self) -> datetime:
        """The moment on the launch clock."""
        return self.stage.clock.now()

    def occasion(self, key: str = "") -> Occasion:
        """The circumstances of a question or an effect now."""
        state = self.reader.state
        opened, t0 = state.opened, state.t0
        if opened is None or t0 is None:
            message = f"launch {self.launch} was not opened"
            raise RefusedError(message)
        return Occasion(
            launch=self.launch,
            now=self.now(),
            t0=t0,
            went_live=state.live_at,
            release=opened.release,
            key=key,
        )

    def write(self, *events: AnyEvent) -> None:
        """Appends events in order; an event that somebody else's writing overtook is simply written after it."""
        for event in events:
            self.stage.ledger.append(self.launch, event, at=self.now(), wall=self.stage.wall())
        self.reader.refresh()

    def write_if_unchanged(self, event: AnyEvent) -> bool:
        """Appends an event that rests on what was read; False when somebody wrote meanwhile (look again)."""
        try:
            self.stage.ledger.append(
                self.launch,
                event,
                at=self.now(),
                wall=self.stage.wall(),
                expected=self.reader.state.sequence,
            )
        except ConflictError:
            return False
        finally:
            self.reader.refresh()
        return True

    def begin(self, phase: FlowPhase) -> None:
        """Writes that a phase began, or that this run took it up."""
        run = self.stage.runs.current()
        known = self.reader.state.phase(phase)
        if known.started_at is None:
            self.write(PhaseStarted(phase=phase, run=run))
        elif run not in known.runs:
            self.write(RunTakenUp(phase=phase, run=run))

    async def conduct(self, scope: Scope, handle: Handler, board: Board | None = None) -> Finished | Handover:
        """Runs the loop until the scope is over, or until waiting is better done without a process.

        The board is renewed whenever nothing is due for the moment. On the day words go out and questions are asked
        beside the work: a chat that hangs delays nothing, and a system that does not answer keeps no guard from being
        sampled. In a rehearsal both come in their turn.
        """
        beside = Beside(handle, self.write, takes=speaks_or_asks)
        while True:
            beside.reap()
            self.reader.refresh()
            look = agenda(self.plan, self.reader.state, self.now(), scope, self.memory)
            work = beside.take(look.due) if self.stage.patient else look.due
            if work:
                await self.carry_out(work, handle)
                continue
            if look.due:
                await beside.next_end()
                continue
            if self._over(scope):
                await _settle_down(board, beside)
                return Finished(self._decision(scope))
            if board is not None:
                board.renew()
            handover = await self._wait(look, board, beside)
            if handover is not None:
                return handover

    async def carry_out(self, due: Sequence[object], handle: Handler) -> None:
        """Does everything that is due side by side.

        On the day, each result is written when it is there, so that a system that hangs keeps nobody from knowing what
        the others said. A rehearsal waits for all and writes in the order of the agenda, because its course must not
        depend on how fast they are.
        """
        if self.stage.patient:
            await asyncio.gather(*(perform(one, handle, self.write) for one in due))
            return
        doings = await asyncio.gather(*(handle(one) for one in due))
        for doing in doings:
            self.write(*doing.events)
        started = [doing.then() for doing in doings if doing.then is not None]
        for events in await asyncio.gather(*started):
            self.write(*events)

    async def _wait(self, look: Agenda, board: Board | None, beside: Beside) -> Handover | None:
        until = look.next or self.now() + _PATIENCE
        gate = look.waiting_for
        if gate is not None:
            await _settle_down(board, beside)
            opening = self.reader.state.gate(gate.id).opening
            await self.stage.people.wait_for_gate(self.launch, gate, opening, until)
            return None
        if not self.stage.clock.holds_process(until):
            await _settle_down(board, beside)
            return Handover(until)
        await self.stage.clock.until(until)
        return None

    def _over(self, scope: Scope) -> bool:
        state = self.reader.state
        if state.outcome is not None:
            return True
        if scope.checkpoint is not None:
            return scope.checkpoint in state.checkpoints
        return scope.phase is not None and state.phase(scope.phase).decision is not None

    def _decision(self, scope: Scope) -> Decision | None:
        return self.reader.state.phase(scope.phase).decision if scope.phase is not None else None


async def _settle_down(board: Board | None, beside: Beside) -> None:
    """This run's process may end after it: what is being said is said, or has failed, and what changed is shown."""
    await beside.finish()
    if board is not None:
        await board.finish()
