"""Effects are reconciled: look first, write that it begins, apply, and look until it holds or its time is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flows.conductor import Conductor, Doing
from launch.agenda import DoEffect
from launch.day_report import day_report
from launch.effects import EffectBase, Restore
from launch.errors import PlanError, RefusedError, SystemFaultError
from launch.events import AnyEvent, EffectBegun, EffectFinished, EffectResult
from launch.plan import Action
from launch.ports import Observation, Occasion, Standing, State
from launch.snapshot import recorded_state, unrecorded
from launch.wording import render_effect, words_of
from tasks.acting import apply, look, look_at_once


def filled(conductor: Conductor, effect: EffectBase) -> EffectBase:
    """The effect with its words filled as they are now. Raises `PlanError`."""

    def report() -> str:
        return day_report(conductor.plan, conductor.reader.state, conductor.stage.ledger.records(conductor.launch))

    words = words_of(conductor.plan, conductor.reader.state, conductor.now()) | {"day_report": report}
    return render_effect(effect, words)


class EffectHandler:
    """Carries one effect as far as it can go now."""

    def __init__(self, conductor: Conductor) -> None:
        self.conductor = conductor

    async def do(self, due: DoEffect) -> Doing:
        """Looks, then begins the effect, finishes it, or leaves it to the next look."""
        state = self.conductor.reader.state.effect(due.id)
        unseen = unrecorded(self.conductor.reader.state, due.action) if due.id == due.action.id else ""
        if unseen and not state.under_way:
            return self._finished(due, state.attempt + 1, EffectResult.FAILED, unseen)
        attempt = state.attempt if state.under_way else state.attempt + 1
        try:
            target, effect, before = self._target(due)
        except PlanError as error:
            return self._finished(due, attempt, EffectResult.FAILED, str(error))
        key = state.key if state.under_way else f"{self.conductor.launch}/{due.id}/{attempt}"
        occasion = self.conductor.occasion(key)
        try:
            seen = await self._look(due, effect, before, occasion)
        except SystemFaultError as fault:
            seen = Observation(standing=Standing.UNKNOWN, detail=str(fault))
            if not state.under_way:
                return self._finished(due, attempt, EffectResult.FAILED, str(fault))
        self.conductor.memory.looked[due.id] = occasion.now
        if state.under_way:
            return self._go_on(due, target, effect, before, attempt=attempt, occasion=occasion, seen=seen)
        if seen.standing is Standing.HOLDS:
            return self._finished(due, attempt, EffectResult.ALREADY, seen.detail, seen.outputs)
        return self._begin(due, effect, before, attempt=attempt, occasion=occasion, seen=seen)

    def _begin(
        self,
        due: DoEffect,
        effect: EffectBase,
        before: State | None,
        *,
        attempt: int,
        occasion: Occasion,
        seen: Observation,
    ) -> Doing:
        begun = EffectBegun(action=due.id, attempt=attempt, key=occasion.key, before=seen.state)
        return Doing([begun], lambda: self._apply(due, effect, before, attempt, occasion))

    def _go_on(
        self,
        due: DoEffect,
        target: Action,
        effect: EffectBase,
        before: State | None,
        *,
        attempt: int,
        occasion: Occasion,
        seen: Observation,
    ) -> Doing:
        begun_at = self.conductor.reader.state.effect(due.id).begun_at
        mine = due.id in self.conductor.memory.applied
        late = begun_at is not None and occasion.now >= begun_at + due.action.within
        match seen.standing:
            case Standing.HOLDS:
                return self._finished(due, attempt, EffectResult.APPLIED, seen.detail, seen.outputs)
            case Standing.FAILED:
                return self._finished(due, attempt, EffectResult.FAILED, seen.detail)
            case Standing.UNKNOWN if not effect.observable and not mine:
                told = f"begun by a run that died; nobody can tell whether it happened ({target.id})"
                return self._finished(due, attempt, EffectResult.UNKNOWN, told)
            case Standing.ABSENT if not mine:
                return Doing([], lambda: self._apply(due, effect, before, attempt, occasion))
            case _ if late:
                told = f"not complete within its time: {seen.detail or seen.standing.value}"
                return self._finished(due, attempt, EffectResult.FAILED, told)
            case _:
                return Doing()

    async def _apply(
        self,
        due: DoEffect,
        effect: EffectBase,
        before: State | None,
        attempt: int,
        occasion: Occasion,
    ) -> Sequence[AnyEvent]:
        try:
            await apply(due.id, effect, before, self.conductor.systems, occasion)
        except SystemFaultError as fault:
            return self._finished(due, attempt, EffectResult.FAILED, str(fault)).events
        self.conductor.memory.applied.add(due.id)
        self.conductor.memory.looked.pop(due.id, None)
        if not effect.observable:
            return self._finished(due, attempt, EffectResult.APPLIED, "").events
        return ()

    async def _look(self, due: DoEffect, effect: EffectBase, before: State | None, occasion: Occasion) -> Observation:
        question = look if self.conductor.stage.patient else look_at_once
        return await question(due.id, effect, before, self.conductor.systems, occasion)

    def _target(self, due: DoEffect) -> tuple[Action, EffectBase, State | None]:
        """The action whose effect is meant, that effect with its words filled, and the state to put back (or None)."""
        actions = {action.id: action for action in self.conductor.plan.actions}
        action = due.action
        puts_back = due.undo is not None and due.id != action.id
        if isinstance(action.effect, Restore):
            action, puts_back = actions[action.effect.of], True
        if isinstance(action.effect, Restore):
            message = f"action {due.action.id!r} restores {action.id!r}, which itself only restores"
            raise RefusedError(message)
        state = self.conductor.reader.state
        before = recorded_state(state, action.id) if puts_back else None
        return action, filled(self.conductor, action.effect), before

    def _finished(
        self,
        due: DoEffect,
        attempt: int,
        result: EffectResult,
        detail: str,
        outputs: Mapping[str, str] | None = None,
    ) -> Doing:
        finished = EffectFinished(
            action=due.id, attempt=attempt, result=result, detail=detail, outputs=dict(outputs or {})
        )
        return Doing([finished])
