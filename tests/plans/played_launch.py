"""The TEEI launch, played against the sandbox without Prefect: actions through the real blocks, checks as flows ask them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from console.systems import SandboxSystems
from launch.day_report import day_report
from launch.effects import EffectBase, Restore
from launch.errors import SystemFaultError
from launch.events import AnyEvent, EffectBegun, EffectFinished, EffectResult, LaunchOpened, RollbackClaimed, WentLive
from launch.ledger import Record
from launch.plan import Action, Plan, Threshold
from launch.plan.execution import ActionRole
from launch.plan.schedule import FlowPhase
from launch.plan_file import load_plan
from launch.ports import Acts, Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.release import Release
from launch.rollback import UndoStep, plan_undo, procedure_of
from launch.state import LaunchState
from launch.verdicts import Judgement, Verdict
from launch.wording import render_effect, words_of
from sandbox.town import Town
from sandbox.world import World
from tasks.asking import judged

PLAN = Path(__file__).parents[2] / "plans" / "teei-csr.yaml"
T0 = datetime(2026, 11, 23, 7, tzinfo=UTC)
ROLLBACK = timedelta(hours=49)
"""Offset of the rollback: after every other moment that is asked about, so that one launch serves all questions."""

_LAUNCH = "teei-csr-played"
_LEAD = timedelta(minutes=10)


@dataclass(frozen=True)
class Question:
    """A check or a success criterion that systems answer, and the offset from T0 at which it is asked."""

    id: str
    moment: timedelta
    probes: tuple[Probe, ...]
    limits: tuple[Threshold, ...]


def questions(plan: Plan) -> list[Question]:
    """Everything in the plan that systems answer, in the order in which it is asked."""
    asked = [
        Question(check.id, ROLLBACK if check.offset is None else check.offset, check.probes, check.limits)
        for check in plan.checks
        if check.probes
    ]
    asked += [
        Question(one.id, one.measured_at, one.probes, (*one.thresholds, *one.implied))
        for one in plan.success_criteria
        if one.probes
    ]
    return sorted(asked, key=lambda question: question.moment)


class PlayedLaunch:
    """One launch that goes forward through its moments. `start` takes seconds; `stop` leaves no process."""

    def __init__(self) -> None:
        loaded = load_plan(PLAN.read_text())
        self.plan: Plan = loaded.plan
        self.state = LaunchState()
        self._records: list[Record] = []
        self._back = {phase.id for phase in self.plan.phases if phase.flow_phase is FlowPhase.ROLLBACK}
        self._now = T0 + min(phase.start for phase in self.plan.phases if phase.start is not None) - _LEAD
        self._reached = timedelta.min
        needs = set(self.plan.environments[0].blocks.values())
        self.town = Town(World(now=lambda: self._now, t0=T0), needs=needs)
        services = {service.id: service.version for service in self.plan.rollout.services}
        self._write(
            LaunchOpened(
                product=self.plan.product.id, plan_hash=loaded.hash, plan_text=loaded.text, t0=T0,
                release=Release(version=services["reporting-api"], services=services),
                environment="sandbox", opened_by="tests",
            )
        )  # fmt: skip

    def start(self) -> None:
        """Brings the sandbox up and points the plan's systems at it."""
        self.town.start()
        self._systems = SandboxSystems(self.plan, "sandbox", self.town.blocks(), where={}).resolve_all()
        self.town.tick(self._now)

    def stop(self) -> None:
        """Ends every process of the sandbox."""
        self.town.stop()

    def reach(self, offset: timedelta) -> None:
        """Carries out every action up to this offset, in the order of the plan, and moves the clock there."""
        assert self._reached <= offset, "a launch goes forward only: run these tests in their order"
        self._reached = offset
        for action in sorted(self._forward(), key=lambda action: action.offset or timedelta(0)):
            if action.offset is not None and action.offset <= offset and not self.state.effect(action.id).done:
                self._go(T0 + action.offset)
                self._carry_out(action.id, action, action)
                assert self.state.effect(action.id).done, f"{action.id}: {self.state.effect(action.id).detail}"
        if offset >= timedelta(0) and self.state.live_at is None:
            self._write(WentLive())
        self._go(T0 + offset)
        if offset >= ROLLBACK and self.state.rollback is None:
            self._roll_back()

    def pass_time(self, duration: timedelta) -> None:
        """Moves the clock on."""
        self._go(self._now + duration)

    def ask(self, asked: Iterable[Question]) -> dict[str, Judgement]:
        """Puts questions side by side, as a phase does; a system that cannot be asked is an error, as in the ledger."""
        self.pass_time(timedelta(seconds=1))
        return asyncio.run(self._ask(tuple(asked)))

    async def _ask(self, asked: Sequence[Question]) -> dict[str, Judgement]:
        answers = await asyncio.gather(*(self._judgement(question) for question in asked))
        return {question.id: answer for question, answer in zip(asked, answers, strict=True)}

    async def _judgement(self, question: Question) -> Judgement:
        try:
            return await judged(question.probes, question.limits, self._systems, self._occasion())
        except SystemFaultError as fault:
            return Judgement(verdict=Verdict.ERROR, sentence=str(fault))

    def _forward(self) -> list[Action]:
        return [
            action
            for action in self.plan.actions
            if action.phase not in self._back and action.role is not ActionRole.ALTERNATIVE
        ]

    def _roll_back(self) -> None:
        """Every undo that the ledger's view asks for; each follows those it depends on."""
        trigger = self.plan.rollback.triggers[0].id
        self._write(RollbackClaimed(trigger=trigger, tier="immediate", by="tests"))
        procedure = procedure_of(self.plan, trigger)
        assert procedure is not None
        waiting = sorted(plan_undo(self.plan, self.state, procedure).steps, key=lambda step: step.closing)
        while waiting:
            ready = next(one for one in waiting if not set(one.after) & {other.id for other in waiting})
            waiting.remove(ready)
            self._undo(ready)

    def _undo(self, step: UndoStep) -> None:
        actions = {action.id: action for action in self.plan.actions}
        action = actions[step.action]
        target = actions[action.effect.of] if isinstance(action.effect, Restore) else action
        puts_back = isinstance(action.effect, Restore) or step.id != action.id
        self._carry_out(step.id, action, target, self.state.effect(target.id).before if puts_back else None)

    def _carry_out(self, name: str, action: Action, target: Action, before: State | None = None) -> None:
        """Looks, begins, applies, and looks until it holds, fails or its time is over; the view tells which."""
        assert not isinstance(target.effect, Restore)
        words = words_of(self.plan, self.state, self._now)
        effect = render_effect(target.effect, words | {"day_report": self._day_report})
        key = f"{_LAUNCH}/{name}/1"
        system = self._systems[effect.on]
        assert isinstance(system, Acts)
        seen = self._look(system, effect, before, key)
        self._write(EffectBegun(action=name, attempt=1, key=key, before=seen.state))
        if before is None:
            system.apply(effect, self._occasion(key))
        else:
            system.restore(effect, before, self._occasion(key))
        latest = self._now + action.within
        seen = self._look(system, effect, before, key)
        while seen.standing not in {Standing.HOLDS, Standing.FAILED} and self._now < latest and effect.observable:
            self.pass_time(action.poll)
            seen = self._look(system, effect, before, key)
        holds = seen.standing is Standing.HOLDS or not effect.observable
        result = EffectResult.APPLIED if holds else EffectResult.FAILED
        self._write(EffectFinished(action=name, attempt=1, result=result, detail=seen.detail))

    def _look(self, system: Acts, effect: EffectBase, before: State | None, key: str) -> Observation:
        if before is None:
            return system.observe(effect, self._occasion(key))
        return system.observe_restored(effect, before, self._occasion(key))

    def _day_report(self) -> str:
        return day_report(self.plan, self.state, self._records)

    def _occasion(self, key: str = "") -> Occasion:
        assert self.state.opened is not None
        return Occasion(
            launch=_LAUNCH,
            now=self._now,
            t0=T0,
            went_live=self.state.live_at,
            release=self.state.opened.release,
            key=key,
        )

    def _go(self, moment: datetime) -> None:
        if moment > self._now:
            self._now = moment
            self.town.tick(moment)

    def _write(self, event: AnyEvent) -> None:
        place = self.state.sequence + 1
        record = Record(
            launch=_LAUNCH, sequence=place, at=self._now, wall=self._now, event=event, previous="", hash=""
        )  # fmt: skip
        self._records.append(record)
        self.state.apply(record)
