"""Keeps what the Prefect UI shows of a phase as new as the ledger: its checklist, and the progress of the rollout."""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from flows.artifacts import checklist, rollout_percent, show_checklist, show_rollout
from flows.conductor import Conductor
from launch.plan import FlowPhase

_LONGEST = 10.0
"""Seconds that the end of a process waits for a showing."""
_logger = logging.getLogger("tminus.board")


class PhaseBoard:
    """Shows a phase beside the work, when something in it changed: approvers decide on what it says.

    A server that takes no artifact costs a line in the log and nothing else; the next look shows it again. A rehearsal,
    at which nobody looks, shows the end of each phase only.
    """

    def __init__(self, conductor: Conductor, phase: FlowPhase) -> None:
        self._conductor = conductor
        self._phase = phase
        self._shown: object = None
        self._showing: asyncio.Task[None] | None = None
        self._checklist: UUID | None = None
        self._rollout: UUID | None = None

    def renew(self) -> None:
        """Begins to show what changed since it was last shown, unless a showing is under way."""
        under_way = self._showing is not None and not self._showing.done()
        if self._conductor.stage.patient and not under_way and self._content() != self._shown:
            self._begin()

    async def finish(self) -> None:
        """Ends the showing under way, then shows what changed meanwhile; waits ten seconds for each at most."""
        if self._showing is not None:
            await self._end(self._showing)
        if self._content() != self._shown:
            await self._end(self._begin())

    def _content(self) -> object:
        conductor = self._conductor
        rows = checklist(conductor.plan, conductor.reader.state, self._phase, conductor.now())
        return rows, rollout_percent(conductor.plan, conductor.reader.state)

    def _begin(self) -> asyncio.Task[None]:
        self._showing = asyncio.create_task(self._show())
        # Nobody awaits what goes on beside the work: how it ended is told here.
        self._showing.add_done_callback(self._tell)
        return self._showing

    async def _show(self) -> None:
        conductor, content = self._conductor, self._content()
        plan, state = conductor.plan, conductor.reader.state
        self._checklist = await show_checklist(plan, state, self._phase, conductor.now(), self._checklist)
        self._rollout = await show_rollout(plan, state, self._rollout)
        self._shown = content

    @staticmethod
    async def _end(showing: asyncio.Task[None]) -> None:
        _, late = await asyncio.wait({showing}, timeout=_LONGEST)
        for task in late:
            task.cancel()

    def _tell(self, showing: asyncio.Task[None]) -> None:
        failure = f"no answer in {_LONGEST:g} s" if showing.cancelled() else showing.exception()
        if failure is not None:
            _logger.warning("the checklist of %s cannot be shown now: %s", self._phase.value, failure)
