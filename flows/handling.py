"""Carries out what is due: one short method for each kind of entry on the agenda."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import assert_never

from flows.conductor import Conductor, Doing
from flows.effects import EffectHandler
from flows.exposing import ExposureHandler
from flows.gate_handling import GateHandler
from flows.guarding import GuardHandler
from flows.speaking import Speaker
from launch.agenda import (
    AdvanceStep,
    AnnounceDecision,
    AskAboutRange,
    AskCheck,
    AskPeople,
    CallSeats,
    ClearTrigger,
    DoEffect,
    Due,
    EndScope,
    FireTrigger,
    GoLive,
    HoldStep,
    MeasureCriterion,
    OpenGate,
    PostUpdate,
    PromoteTrigger,
    ReadExposure,
    SampleGuards,
    SampleStep,
    Scope,
    SettleGate,
    StartRollback,
    TakeSnapshot,
)
from launch.criteria import measured_from_ledger
from launch.errors import SystemFaultError
from launch.events import (
    CheckJudged,
    CheckpointEnded,
    CriterionMeasured,
    PhaseEnded,
    TriggerCleared,
    TriggerFired,
    TriggerPromoted,
    WentLive,
)
from launch.readings import Scalar
from launch.verdicts import Judgement, Verdict
from tasks.asking import ask_check, ask_check_at_once, judged


@dataclass(frozen=True)
class Callbacks:
    """What leads out of a phase: calling the rollback flow here and now."""

    roll_back: Callable[[str, str, str], Awaitable[None]]


class PhaseHandler:
    """Handles every entry of a phase's or checkpoint's agenda."""

    def __init__(self, conductor: Conductor, scope: Scope, callbacks: Callbacks) -> None:
        self.conductor = conductor
        self.scope = scope
        self.callbacks = callbacks
        self.effects = EffectHandler(conductor)
        self.exposure = ExposureHandler(conductor)
        self.speaker = Speaker(conductor)
        self.gates = GateHandler(conductor, self.speaker)
        self.guards = GuardHandler(conductor, self.speaker)

    async def __call__(self, due: object) -> Doing:
        return await self._handle(due)  # type: ignore[arg-type]  # the agenda of a scope holds only `Due`

    async def _handle(self, due: Due) -> Doing:  # noqa: C901, PLR0912  one line for each kind of due thing
        match due:
            case AskCheck():
                return await ask(self.conductor, due)
            case AskPeople():
                return await ask_people(self.conductor, due)
            case DoEffect():
                return await self.effects.do(due)
            case OpenGate():
                return self.gates.open(due)
            case CallSeats():
                return await self.gates.call(due)
            case AnnounceDecision():
                return await self.gates.announce(due)
            case SettleGate():
                return self.gates.settle(due)
            case SampleGuards():
                return await self.guards.sample(due)
            case PostUpdate():
                return await self.speaker.update(due)
            case FireTrigger():
                return Doing([TriggerFired(trigger=due.trigger.id, because=due.because)])
            case AskAboutRange():
                return self.guards.ask(due)
            case PromoteTrigger():
                return Doing([TriggerPromoted(trigger=due.trigger.id, tier=due.tier, because=due.because)])
            case ClearTrigger():
                return Doing([TriggerCleared(trigger=due.trigger.id, because=due.because)])
            case StartRollback():
                await self.callbacks.roll_back(due.trigger, due.tier, due.because)
                return Doing()
            case MeasureCriterion():
                return await self._measure(due)
            case TakeSnapshot() | ReadExposure() | SampleStep() | AdvanceStep() | HoldStep():
                return await self.exposure.do(due)
            case GoLive():
                return Doing([WentLive()])
            case EndScope():
                return self._end(due)
            case _:
                assert_never(due)

    async def _measure(self, due: MeasureCriterion) -> Doing:
        conductor, criterion = self.conductor, due.criterion
        limits = (*criterion.thresholds, *criterion.implied)
        if criterion.probes:
            try:
                judgement = await judged(criterion.probes, limits, conductor.systems, conductor.occasion())
            except SystemFaultError as fault:
                judgement = Judgement(verdict=Verdict.ERROR, sentence=str(fault))
        else:
            judgement = measured_from_ledger(conductor.plan, conductor.reader.state, criterion, conductor.now())
        event = CriterionMeasured(criterion=criterion.id, verdict=judgement.verdict, sentence=judgement.sentence)
        return Doing([event])

    def _end(self, due: EndScope) -> Doing:
        if self.scope.checkpoint is not None:
            return Doing([CheckpointEnded(checkpoint=self.scope.checkpoint, missed=due.missed)])
        if self.scope.phase is None:
            return Doing()
        return Doing([PhaseEnded(phase=self.scope.phase, decision=due.decision, reason=due.reason)])


async def ask(conductor: Conductor, due: AskCheck) -> Doing:
    """Asks a check as a Prefect task named by its id, and judges. A system that cannot be asked is verdict error."""
    check = due.check
    question = ask_check if conductor.stage.patient else ask_check_at_once
    try:
        judgement = await question(check, conductor.systems, conductor.occasion())
    except SystemFaultError as fault:
        judgement = Judgement(verdict=Verdict.ERROR, sentence=str(fault))
    event = CheckJudged(
        check=check.id,
        verdict=judgement.verdict,
        sentence=judgement.sentence,
        measured=_measured(judgement),
    )
    return Doing([event])


async def ask_people(conductor: Conductor, due: AskPeople) -> Doing:
    """Gives the roles that may vouch their forms. A desk that cannot is tried again at the next look."""
    await conductor.stage.people.ask_for_attestations(conductor.launch, conductor.plan, due.checks)
    conductor.memory.asked_people |= {check.id for check in due.checks}
    conductor.reader.refresh()
    return Doing()


def _measured(judgement: Judgement) -> dict[str, Scalar]:
    return {finding.metric: finding.measured for finding in judgement.findings}
