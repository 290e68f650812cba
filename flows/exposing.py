"""The rollout's steps: record what is there before the first change, read back what runs, write what was ruled."""

from __future__ import annotations

import asyncio
from typing import assert_never

from pydantic import JsonValue

from flows.conductor import Conductor, Doing
from flows.effects import filled
from launch.agenda import AdvanceStep, HoldStep, ReadExposure, SampleStep, TakeSnapshot
from launch.effects import Restore
from launch.effects.base import Effect
from launch.errors import PlanError, SystemFaultError
from launch.events import SnapshotTaken, StepAdvanced, StepHeld, StepSampled
from launch.exposure import seen
from launch.plan import Action, Snapshot
from launch.ports import Observation, Occasion, Standing
from tasks.acting import look, look_at_once, read_back, read_back_at_once
from tasks.asking import record, record_at_once

_NOTHING_TO_SEE = Observation(standing=Standing.HOLDS, detail="cannot be read back")
ExposureDue = TakeSnapshot | ReadExposure | SampleStep | AdvanceStep | HoldStep


class ExposureHandler:
    """Carries out the entries of the rollout's steps."""

    def __init__(self, conductor: Conductor) -> None:
        self.conductor = conductor

    async def do(self, due: ExposureDue) -> Doing:
        """Does one of them."""
        match due:
            case TakeSnapshot():
                return await self._snapshot(due)
            case ReadExposure():
                return await self._read(due)
            case SampleStep(step=step, clean=clean, values=values, why=why):
                return Doing([StepSampled(step=step.n, clean=clean, values=dict(values), why=why)])
            case AdvanceStep():
                return self._advance(due)
            case HoldStep(step=step, reason=reason):
                return Doing([StepHeld(step=step.n, reason=reason)])
            case _:
                assert_never(due)

    async def _snapshot(self, due: TakeSnapshot) -> Doing:
        """Looks at everything side by side. What cannot be seen is named, and keeps its own change from beginning."""
        looks = await asyncio.gather(*(self._observed(action) for action in due.actions))
        answers = await asyncio.gather(*(self._recorded(item) for item in due.items))
        observed = dict(zip((action.id for action in due.actions), looks, strict=True))
        recorded = dict(zip((item.id for item in due.items), answers, strict=True))
        taken = SnapshotTaken(
            states={name: one.state for name, one in observed.items() if isinstance(one, Observation)},
            readings={name: one for name, one in recorded.items() if not isinstance(one, str)},
            missing={name: one for name, one in (observed | recorded).items() if isinstance(one, str)},
        )
        return Doing([taken])

    async def _read(self, due: ReadExposure) -> Doing:
        """Reads the step's targets back. A target that cannot be read says nothing, so nothing is written about it."""
        conductor, step = self.conductor, due.step
        now = conductor.now()
        conductor.memory.looked[f"step-{step.n}"] = now
        visible = {action.id: effect for action in due.actions if (effect := _visible(action)) is not None}
        observations = {action.id: _NOTHING_TO_SEE for action in due.actions if action.id not in visible}
        question = read_back if conductor.stage.patient else read_back_at_once
        try:
            targets = {name: self._target(name, effect) for name, effect in visible.items()}
            if targets:
                observations |= await question(f"step {step.n}", targets, conductor.systems)
        except (SystemFaultError, PlanError):
            return Doing()
        if any(one.standing is Standing.UNKNOWN for one in observations.values()):
            return Doing()
        conductor.memory.read[step.n] = now
        event = seen(conductor.plan, step, observations)
        known = conductor.reader.state.step(step.n).seen
        return Doing([] if known == event else [event])

    def _advance(self, due: AdvanceStep) -> Doing:
        """Written only if nothing was written since it was ruled: a person's hold in between keeps the exposure."""
        conductor = self.conductor
        if conductor.reader.state.sequence == due.sequence:
            conductor.write_if_unchanged(StepAdvanced(step=due.step.n, by=due.by, reason=due.reason))
        return Doing()

    def _target(self, action: str, effect: Effect) -> tuple[Effect, Occasion]:
        """Raises `PlanError` for a value that the effect wants filled in and the launch does not have."""
        conductor = self.conductor
        key = conductor.reader.state.effect(action).key or f"{conductor.launch}/{action}/1"
        return filled(conductor, effect), conductor.occasion(key)

    async def _observed(self, action: Action) -> Observation | str:
        """What the action's target is now, or why that cannot be seen."""
        visible = _visible(action)
        if visible is None:
            return _NOTHING_TO_SEE
        question = look if self.conductor.stage.patient else look_at_once
        try:
            effect, occasion = self._target(action.id, visible)
            found = await question(action.id, effect, None, self.conductor.systems, occasion)
        except (SystemFaultError, PlanError) as fault:
            return str(fault)
        return found if found.standing is not Standing.UNKNOWN else found.detail or "nobody can tell"

    async def _recorded(self, item: Snapshot) -> dict[str, JsonValue] | str:
        conductor = self.conductor
        question = record if conductor.stage.patient else record_at_once
        try:
            reading = await question(item, conductor.systems, conductor.occasion())
        except SystemFaultError as fault:
            return str(fault)
        return {name: one.value for name, one in reading.values.items()}


def _visible(action: Action) -> Effect | None:
    """The action's effect, where it has one that can be looked at."""
    return None if isinstance(action.effect, Restore) or not action.effect.observable else action.effect
