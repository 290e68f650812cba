"""Triggers that fire, clear or become graver, the gates that decide them, and the rollbacks they lead to."""

from __future__ import annotations

from collections.abc import Iterator

from launch.agenda.items import (
    ClearTrigger,
    Due,
    EndScope,
    FireTrigger,
    OpenGate,
    PromoteTrigger,
    SampleGuards,
    SettleGate,
    StartRollback,
)
from launch.agenda.watching import Watching
from launch.events import Decision, GuardState
from launch.gates import GateRuling
from launch.moments import format_duration
from launch.plan import OnNoGo, Promotion
from launch.plan.rollback import Tier
from launch.rollback import production_changed
from launch.steps import asking_gates
from launch.triggers import Standing, breach, decision_on, is_clear, is_news, standing


class Triggers(Watching):
    """From a breach to a rollback: at once, after a gate's NO-GO, or after an evaluation, as the tier says."""

    def _triggers(self) -> Iterator[Due]:
        if self.state.rollback is not None or not production_changed(self.plan, self.state):
            return
        for trigger in self.plan.rollback.triggers:
            found = breach(self.state, trigger)
            if found is not None and is_news(self.plan, self.state, trigger, found[1]):
                yield FireTrigger(trigger, found[0])
        undecided = standing(self.plan, self.state)
        asked = False
        for one in undecided:
            moved = self._promoted(one) or self._cleared(one)
            if moved is not None:
                yield moved
            elif self._evaluated(one) and one.gate is not None and not one.at_once:
                # One gate at a time: the gravest decides, and what is left of the others afterwards is asked then.
                current = self.state.gate(one.gate.id)
                if current.open or not asked:
                    yield from self._ask(one)
                asked = True

    def _promoted(self, one: Standing) -> PromoteTrigger | None:
        graver = [(rule.to, why) for rule in self.plan.rollback.promotions if (why := self._why(rule, one))]
        if not graver:
            return None
        tier, because = min(graver, key=lambda found: tuple(Tier).index(found[0]))
        return PromoteTrigger(one.trigger, tier, because)

    def _why(self, rule: Promotion, one: Standing) -> str:
        """Why a promotion takes place now; empty if it does not."""
        if rule.of is not one.tier:
            return ""
        if rule.after is not None:
            moment = one.since + rule.after
            self.future.append(moment)
            return f"undecided for {format_duration(rule.after)}" if moment <= self.now else ""
        view = self.state.guards.get(rule.guard or "")
        return f"guard {rule.guard} fires" if view is not None and view.state is GuardState.FIRING else ""

    def _cleared(self, one: Standing) -> ClearTrigger | None:
        """A conditional trigger before its gate opens, or any whose gate held, is over when its condition is."""
        if one.gate is not None and self.state.gate(one.gate.id).open:
            return None
        may = one.tier is Tier.CONDITIONAL or decision_on(self.state, one) is Decision.HOLD
        over = may and is_clear(self.state, one.trigger, one.fired)
        return ClearTrigger(one.trigger, "what was measured is well again") if over else None

    def _evaluated(self, one: Standing) -> bool:
        """Whether it was watched for as long as the plan says, up to and with the sample of this moment."""
        if self.now < one.evaluated_at:
            self.future.append(one.evaluated_at)
            return False
        if one.evaluated_at == one.since:
            return True
        sampling = {guard.id for due in self._guards() if isinstance(due, SampleGuards) for guard in due.guards}
        return not sampling & set(one.trigger.guards)

    def _ask(self, one: Standing) -> Iterator[Due]:
        """Opens the gate of a trigger, or brings its deadline forward where it is open for something less grave."""
        if one.gate is None or decision_on(self.state, one) is Decision.NO_GO:
            return
        current = self.state.gate(one.gate.id)
        if not current.open:
            timed = one.gate.model_copy(update={"window": one.window})
            yield OpenGate(timed, current.opening + 1, one.fired.because)
        elif current.opened_at is not None and current.deadline is not None and one.since > current.opened_at:
            earlier = max(one.evaluated_at + one.window, self.now)
            if earlier < current.deadline:
                yield SettleGate(one.gate, GateRuling(extended_to=earlier, reason=one.fired.because))

    def _rollbacks(self) -> Iterator[Due]:
        if self.state.rollback is not None:
            if self.state.rollback.ended_at is None:
                yield StartRollback(self.state.rollback.trigger, self.state.rollback.tier, "a rollback was begun")
            else:
                yield EndScope(Decision.NO_GO, "rolled back")
            return
        for one in standing(self.plan, self.state):
            reason = one.fired.because
            if decision_on(self.state, one) is Decision.NO_GO and one.gate is not None:
                said = self.state.gate(one.gate.id).reason
                yield StartRollback(one.trigger.id, one.tier.value, f"{reason}; {said}")
            elif one.at_once and self._evaluated(one) and self._cleared(one) is None:
                yield StartRollback(one.trigger.id, one.tier.value, reason)
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
