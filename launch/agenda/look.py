"""One look at a launch at one moment: whose items, what has been reached, what comes later."""

from __future__ import annotations

from datetime import datetime, timedelta

from launch.agenda.items import (
    Agenda,
    Due,
    Memory,
    Scope,
)
from launch.calendar import moment_of, phase_end, phase_start
from launch.events import Decision
from launch.plan import Action, Gate, Plan
from launch.plan.schedule import FlowPhase
from launch.state import LaunchState
from launch.steps import asking_gates
from launch.triggers import deciding_gates


class Look:
    """Collects every future moment it meets, and whether work is left, while the topics built on it say what is due."""

    def __init__(self, plan: Plan, state: LaunchState, now: datetime, scope: Scope, memory: Memory) -> None:
        self.plan, self.state, self.now, self.scope, self.memory = plan, state, now, scope, memory
        self.future: list[datetime] = []
        self.open_work = False
        self.open_words = False
        self.open_later = False
        """Whether something is left that is planned after T0 and whose moment has not come."""
        self.stages = {one.id for one in plan.phases if one.flow_phase is scope.phase}
        self._approvals = {action.approval for action in plan.actions if action.approval is not None}
        self.at_checkpoint = {check for point in plan.checkpoints for check in point.criteria}
        self.at_checkpoint |= {action for point in plan.checkpoints for action in point.actions}

    def _agenda(self, due: list[Due]) -> Agenda:
        waiting = next((gate for gate in self._gates() if self.state.gate(gate.id).open), None)
        later = [moment for moment in self.future if moment > self.now]
        return Agenda(tuple(due), min(later) if later else None, waiting)

    def _in_phase(self, phase: str, item: str) -> bool:
        return phase in self.stages and item not in self.at_checkpoint

    def _gates(self) -> list[Gate]:
        """The phase's own gates by time, then those that a trigger, a step or an action opened."""
        own = [gate for gate in self.plan.gates if gate.phase in self.stages and gate.offset is not None]
        own.sort(key=lambda gate: gate.offset or timedelta(0))
        called_for = deciding_gates(self.plan) | asking_gates(self.plan) | self._approvals
        called = [gate for gate in self.plan.gates if gate.id in called_for and self.state.gate(gate.id).opening]
        return own + [gate for gate in called if gate not in own]

    def _barrier(self) -> timedelta | None:
        """Offset of the first own gate that has not said GO: later items of the phase wait for it."""
        waiting = [
            gate.offset
            for gate in self._gates()
            if gate.offset is not None
            and gate.phase in self.stages
            and self.state.gate(gate.id).decision is not Decision.GO
        ]
        return min(waiting) if waiting else None

    def _reached(self, offset: timedelta | None, barrier: timedelta | None) -> bool:
        """Whether an item's moment has come; notes it as future work otherwise."""
        if offset is None:
            return False
        moment = moment_of(self.state, offset)
        if barrier is not None and offset > barrier:
            self._leave_open_after(barrier)
            return False
        if moment > self.now:
            self.future.append(moment)
            self._leave_open_after(offset)
            return False
        return True

    def _leave_open_after(self, offset: timedelta) -> None:
        """Something comes at this offset or later. What comes after T0 keeps nothing from going live."""
        if offset > timedelta(0):
            self.open_later = True
        else:
            self.open_work = True

    def _exhausted(self, action: Action, key: str | None = None) -> bool:
        return self.state.effect(key or action.id).exhausted(action.attempts)

    def _span(self) -> tuple[datetime, datetime]:
        phase = self.scope.phase or FlowPhase.STABILIZATION
        start = phase_start(self.plan, self.state, phase) or self.now
        end = phase_end(self.plan, self.state, phase) or self.now
        return start, end

    def _tick(
        self,
        start: timedelta,
        end: timedelta,
        every: timedelta,
        since: datetime,
        until: datetime,
    ) -> tuple[datetime | None, datetime | None]:
        """The latest tick of a repeating thing at or before now, and the next one, within this phase's span."""
        first, last = moment_of(self.state, start), min(moment_of(self.state, end), until)
        first = first if first >= since else first + every * -((first - since) // every)
        if first > last:
            return None, None
        if first > self.now:
            return None, first
        count = min((self.now - first) // every, (last - first) // every)
        latest, following = first + every * count, first + every * (count + 1)
        return latest, following if following <= last else None
