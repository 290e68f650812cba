"""The step of the rollout that is held: read back, watched, and left upward only when everything allows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from launch.agenda.items import AdvanceStep, AskCheck, Due, HoldStep, OpenGate, ReadExposure, SampleStep, StartRollback
from launch.agenda.watching import Watching
from launch.exposure import StepRuling, begun_at, rule, unclear
from launch.moments import format_duration
from launch.plan import Mode, RolloutStep
from launch.plan.schedule import FlowPhase
from launch.steps import actions_of, before_live, current_step, gate_of, guards_of, step_checks, steps_of
from launch.verdicts import Verdict

_UNREAD = "what runs could not be read back"


class Exposing(Watching):
    """What is due for the current step. Nothing is ruled before it was read back and its guards were evaluated now."""

    def _refused_steps(self) -> Iterator[StartRollback]:
        """A step whose gate said NO-GO: nothing has to be looked at before that."""
        step = self._step()
        ruling = rule(self.plan, self.state, step, self.now) if step is not None else StepRuling()
        if step is not None and ruling.refused:
            yield StartRollback(f"step-{step.n}", "urgent", ruling.roll_back)

    def _exposure(self) -> Iterator[Due]:
        step = self._step()
        self._wait_for_steps(step)
        began = begun_at(self.plan, self.state, step) if step is not None else None
        if step is None or began is None:
            return
        if began > self.now:
            self.future.append(began)
            return
        tick = self._latest_tick(began)
        yield from self._look_at(step, tick) or self._settle_step(step, tick)

    def _step(self) -> RolloutStep | None:
        if self.scope.phase not in {FlowPhase.COUNTDOWN, FlowPhase.STABILIZATION}:
            return None
        return current_step(self.plan, self.state)

    def _wait_for_steps(self, step: RolloutStep | None) -> None:
        """Steps before T0 are complete before the product is live, and all of them before it is left to itself."""
        if step is None:
            return
        left = [one for one in steps_of(self.plan) if self.state.step(one.n).advanced_at is None]
        if self.scope.phase is FlowPhase.COUNTDOWN:
            left = [one for one in left if before_live(self.plan, one)]
            if left == [step] and rule(self.plan, self.state, step, self.now).complete:
                return
        actions = [action for one in left for action in actions_of(self.plan, one)]
        if actions and not any(self._exhausted(one) or self._blocked(one) for one in actions):
            self.open_work = True

    def _latest_tick(self, began: datetime) -> datetime:
        every = self.plan.rollout.every
        latest = began + every * ((self.now - began) // every)
        self.future.append(latest + every)
        return latest

    def _look_at(self, step: RolloutStep, tick: datetime) -> list[Due]:
        """What has to be read, evaluated and asked before anything is ruled."""
        due: list[Due] = []
        looked = self.memory.looked.get(f"step-{step.n}")
        if looked is None or looked < tick:
            due.append(ReadExposure(step, actions_of(self.plan, step)))
        sampled = self.memory.sampled
        guards = guards_of(self.plan, step)
        due += self._sample([one for one in guards if one.id not in sampled or sampled[one.id] < tick])
        return due

    def _settle_step(self, step: RolloutStep, tick: datetime) -> Iterator[Due]:
        view, guards = self.state.step(step.n), guards_of(self.plan, step)
        if self.sampling & {guard.id for guard in guards}:
            return
        if view.entered_at is not None and guards and (view.sampled_at is None or view.sampled_at < tick):
            yield self._sampled(step)
            return
        checks = list(self._step_checks(step))
        yield from checks
        ruling = rule(self.plan, self.state, step, self.now)
        self.future += ruling.moments
        read = self.memory.read.get(step.n)
        if read is None or read < tick:
            ruling = StepRuling(held=_UNREAD)
        if ruling.roll_back:
            yield StartRollback(f"step-{step.n}", "immediate", ruling.roll_back)
            return
        if ruling.advance and not checks:
            yield AdvanceStep(step, ruling.by, ruling.reason, self.state.sequence)
            return
        gate = gate_of(self.plan, step)
        if ruling.ask and gate is not None:
            because = f"step {step.n} ({step.target}): {ruling.held or ruling.reason}"
            yield OpenGate(gate, self.state.gate(gate.id).opening + 1, because)
        if ruling.held and ruling.held != view.held:
            yield HoldStep(step, ruling.held)

    def _sampled(self, step: RolloutStep) -> SampleStep:
        """Whether the sample is clean. A stretch in which nobody looked is not: it may have held anything."""
        view, every = self.state.step(step.n), self.plan.rollout.every
        problems = unclear(self.plan, self.state, step)
        if view.clean and view.sampled_at is not None and self.now - view.sampled_at > 2 * every:
            problems.append(f"nobody looked for {format_duration(self.now - view.sampled_at)}")
        values = tuple((guard.id, self.memory.values.get(guard.id)) for guard in guards_of(self.plan, step))
        return SampleStep(step, not problems, values, "; ".join(problems))

    def _step_checks(self, step: RolloutStep) -> Iterator[Due]:
        """Checks without a moment of their own: asked when the step is entered, and again until they pass."""
        view, own = self.state.step(step.n), step_checks(self.plan)
        if view.entered_at is None:
            return
        for check in self.plan.checks:
            if check.id not in step.checks or check.id not in own or check.mode is Mode.ATTESTED:
                continue
            answers = self.state.check(check.id)
            if answers.judged_at is None or answers.judged_at < view.entered_at:
                yield AskCheck(check)
            elif answers.verdict is not Verdict.PASS:
                again = answers.judged_at + self.plan.recheck.every
                if again <= self.now:
                    yield AskCheck(check)
                else:
                    self.future.append(again)
