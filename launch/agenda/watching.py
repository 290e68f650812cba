"""Guards to be sampled, triggers that fire, and the rollbacks they lead to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from launch.agenda.gating import Gating
from launch.agenda.items import (
    Due,
    EndScope,
    FireTrigger,
    OpenGate,
    SampleGuards,
    StartRollback,
)
from launch.events import Decision, GuardState
from launch.plan import OnNoGo, Trigger
from launch.plan.schedule import FlowPhase
from launch.rollback import production_changed
from launch.steps import asking_gates
from launch.verdicts import Verdict


class Watching(Gating):
    """What the launch is watched for, and what a breach leads to."""

    def _guards(self) -> Iterator[Due]:
        due = []
        if self.scope.phase not in {FlowPhase.STABILIZATION, FlowPhase.COUNTDOWN}:
            return
        start, end = self._span()
        for guard in self.plan.thresholds:
            ticks = [self._tick(one.start, one.end, one.every, start, end) for one in guard.watched]
            latest = max((last for last, _ in ticks if last is not None), default=None)
            self.future += [following for _, following in ticks if following is not None]
            sampled = self.memory.sampled.get(guard.id)
            if latest is not None and (sampled is None or sampled < latest):
                due.append(guard)
        if due:
            yield SampleGuards(tuple(due))

    def _triggers(self) -> Iterator[Due]:
        if self.state.rollback is not None or not production_changed(self.plan, self.state):
            return
        for trigger in self.plan.rollback.triggers:
            because = self._breach(trigger)
            fired = self.state.triggers.get(trigger.id)
            if because is None:
                continue
            text, since = because
            if fired is None or fired.fired_at < since:
                yield FireTrigger(trigger, text)
        yield from self._trigger_gates()

    def _breach(self, trigger: Trigger) -> tuple[str, datetime] | None:
        for name in trigger.guards:
            view = self.state.guards.get(name)
            if view is not None and view.state is GuardState.FIRING and view.changed_at is not None:
                return f"guard {name} fires at {view.value:g}" if view.value is not None else name, view.changed_at
        for name in trigger.checks:
            answers = self.state.check(name)
            if answers.verdict is Verdict.FAIL and answers.judged_at is not None:
                return f"check {name} failed: {answers.sentence}", answers.judged_at
        return None

    def _trigger_gates(self) -> Iterator[Due]:
        opened: set[str] = set()
        for trigger in self.plan.rollback.triggers:
            fired = self.state.triggers.get(trigger.id)
            gate = next((one for one in self.plan.gates if one.id == trigger.decided_at), None)
            if fired is None or gate is None or gate.id in opened:
                continue
            current = self.state.gate(gate.id)
            if not current.open and (current.decided_at is None or current.decided_at < fired.fired_at):
                opened.add(gate.id)
                window = trigger.decision_window or gate.window
                timed = gate.model_copy(update={"window": window})
                yield OpenGate(timed, current.opening + 1, fired.because)

    def _rollbacks(self) -> Iterator[Due]:
        if self.state.rollback is not None:
            if self.state.rollback.ended_at is None:
                yield StartRollback(self.state.rollback.trigger, self.state.rollback.tier, "a rollback was begun")
            else:
                yield EndScope(Decision.NO_GO, "rolled back")
            return
        for trigger in self.plan.rollback.triggers:
            fired = self.state.triggers.get(trigger.id)
            if fired is None:
                continue
            reason = fired.because
            if trigger.automatic:
                yield StartRollback(trigger.id, trigger.tier.value, reason)
            current = self.state.gate(trigger.decided_at or "")
            said_no = current.decision is Decision.NO_GO and current.decided_at is not None
            if said_no and current.decided_at is not None and current.decided_at >= fired.fired_at:
                yield StartRollback(trigger.id, trigger.tier.value, f"{reason}; {current.reason}")
        yield from self._gate_rollbacks()

    def _gate_rollbacks(self) -> Iterator[Due]:
        if not production_changed(self.plan, self.state):
            return
        for gate in self._gates():
            current = self.state.gate(gate.id)
            if gate.id in self._approvals | asking_gates(self.plan):
                continue
            if current.decision is Decision.NO_GO and gate.phase in self.stages and gate.on_no_go is not OnNoGo.HOLD:
                yield StartRollback(gate.id, "urgent", f"{gate.name} said NO-GO: {current.reason}")
