"""Gates that are to be opened, decided or extended."""

from __future__ import annotations

from collections.abc import Iterator

from launch import gates
from launch.agenda.items import AnnounceDecision, CallSeats, Due, OpenGate, SettleGate
from launch.agenda.work import Work
from launch.calendar import moment_of
from launch.events import Decision
from launch.plan import ChannelKind, Gate
from launch.plan.execution import ActionRole
from launch.steps import asking_gates


class Gating(Work):
    """Gates open when due and nothing they stand on is under way; they are decided as `launch.gates` rules."""

    def _gate_openings(self, *, busy: bool) -> Iterator[Due]:
        for gate in self._gates():
            current = self.state.gate(gate.id)
            reopen = current.decision is Decision.HOLD and self.state.hold is None
            if gate.phase not in self.stages or gate.offset is None or (current.opening and not reopen):
                continue
            moment = moment_of(self.state, gate.offset)
            if moment > self.now:
                self.future.append(moment)
                self._leave_open_after(gate.offset)
                return
            if busy or self.state.hold is not None or self._unsettled(gate):
                self.open_work = True
                return
            yield OpenGate(gate, current.opening + 1)
            return

    def _unsettled(self, gate: Gate) -> bool:
        """Whether an effect that the gate stands on is still under way or about to begin."""
        for action in self.plan.actions:
            if action.offset is None or gate.offset is None or action.offset > gate.offset:
                continue
            if not self._in_phase(action.phase, action.id) or action.role is ActionRole.ALTERNATIVE:
                continue
            effect = self.state.effect(action.id)
            if not effect.done and not self._exhausted(action) and not self._blocked(action):
                return True
        return False

    def _settlements(self) -> Iterator[Due]:
        for gate in self._gates():
            current = self.state.gate(gate.id)
            if not current.open:
                continue
            self.open_work = True
            ruling = gates.rule(gate, current, gates.unmet(self.plan, self.state, gate, self.now), self.now)
            if ruling.decision is not None or ruling.extended_to is not None:
                yield SettleGate(gate, ruling)
            elif current.deadline is not None:
                self.future.append(current.deadline)

    def _calls(self) -> Iterator[Due]:
        for gate in self._gates():
            current = self.state.gate(gate.id)
            if current.open and gate.seats and f"{gate.id}/{current.opening}" not in self.memory.asked_people:
                yield CallSeats(gate, current.opening)

    def _announcements(self) -> Iterator[Due]:
        if not any(channel.kind is ChannelKind.CHAT and channel.system for channel in self.plan.comms.channels):
            return
        for gate in self._gates():
            current = self.state.gate(gate.id)
            key = f"gate/{gate.id}/{current.opening}/decided"
            if current.decision is not None and key not in self.state.messages:
                yield AnnounceDecision(gate, current.opening, key)

    def _no_go(self) -> str | None:
        for gate in self._gates():
            current = self.state.gate(gate.id)
            if gate.id in self._approvals | asking_gates(self.plan):
                continue
            if current.decision is Decision.NO_GO and gate.phase in self.stages:
                return f"{gate.name}: NO-GO ({current.reason})"
        return None
