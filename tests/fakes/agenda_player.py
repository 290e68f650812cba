"""Plays a launch on a virtual clock: the agenda, a ledger in memory, and a world that answers whatever is due.

It stands for the conductor and its flows, so that the agenda is tested by what it makes happen. `Crash` ends a run between any
two things it does; the ledger and the world outlive it, and another `Player` goes on from them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import singledispatchmethod

from launch import acts, gates
from launch.agenda import (
    AdvanceStep,
    Agenda,
    AnnounceDecision,
    AskCheck,
    AskPeople,
    CallSeats,
    ClearTrigger,
    DoEffect,
    EndScope,
    FireTrigger,
    GoLive,
    HoldStep,
    MeasureCriterion,
    Memory,
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
    agenda,
    phase_start,
)
from launch.calendar import FORWARD
from launch.closing import closing_event
from launch.errors import RefusedError
from launch.events import (
    AnyEvent,
    CheckJudged,
    CheckpointEnded,
    CriterionMeasured,
    Decision,
    EffectBegun,
    EffectFinished,
    EffectResult,
    GateDecided,
    GateExtended,
    GateOpened,
    GuardChanged,
    MessageSent,
    PhaseEnded,
    PhaseStarted,
    RollbackEnded,
    ServiceRestored,
    SnapshotTaken,
    StepAdvanced,
    StepHeld,
    StepSampled,
    TriggerCleared,
    TriggerFired,
    TriggerPromoted,
    UndoSkipped,
    WentLive,
)
from launch.exposure import seen
from launch.ledger import Ledger, Record
from launch.plan import FlowPhase, Plan
from launch.ports import State
from launch.release import Release
from launch.rollback import procedure_of
from launch.rolling_back import EndRollback, Restored, RollbackAgenda, SkipUndo, rollback_agenda
from launch.snapshot import unrecorded
from launch.state import LaunchState
from launch.verdicts import Verdict
from tests.fakes.agenda_world import Vote, World
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.plans import T0

LAUNCH = "cockpit-1"
START = T0 - timedelta(days=8)
_TOO_MANY = 1_000


class CrashError(Exception):
    """The run dies here."""


class StuckError(Exception):
    """The launch neither ends nor has a next moment, or never gets past one."""


@dataclass
class Doing:
    """Events to write in agenda order, then what starts after they are written."""

    events: list[AnyEvent] = field(default_factory=list)
    then: Callable[[], Sequence[AnyEvent]] | None = None


class Player:
    """One run of the whole launch. `crash_at` is the number of things (writes and applies) after which it dies."""

    def __init__(
        self,
        plan: Plan,
        world: World | None = None,
        ledger: Ledger | None = None,
        *,
        now: datetime = START,
    ) -> None:
        self.plan, self.world = plan, world or World()
        self.ledger: Ledger = ledger or MemoryLedger()
        self.now = now
        self.crash_at: int | None = None
        self.done = 0
        self.memories: dict[Scope | None, Memory] = {}
        if not self.ledger.launches():
            acts.open_launch(
                self.ledger, LAUNCH, plan=plan, plan_hash="hash", plan_path="", release=Release(version="v1"),
                t0=T0, environment="sandbox", opened_by="ana", at=now, wall=now,
            )  # fmt: skip
        self.state = LaunchState()
        self.refresh()

    # --- what tests read ---------------------------------------------------------------------------------------------

    @property
    def records(self) -> Sequence[Record]:
        """Everything written."""
        return self.ledger.records(LAUNCH)

    def begun(self, name: str) -> datetime | None:
        """When an effect first began."""
        return self.state.effect(name).first_begun_at

    def begins(self) -> list[str]:
        """Every effect begun, in order, as often as it was."""
        return [one.event.action for one in self.records if isinstance(one.event, EffectBegun)]

    def held(self) -> set[str]:
        """Effects whose desired state holds."""
        return {name for name, effect in self.state.effects.items() if effect.done}

    # --- playing -----------------------------------------------------------------------------------------------------

    def play(self, until: datetime | None = None) -> "Player":
        """Goes on to the end of the launch, or to a moment. Raises `StuckError` where a launch would hang."""
        looks = 0
        while self.state.outcome is None:
            looks += 1
            if looks > _TOO_MANY:
                message = f"no end of looking at {self.now - T0}"
                raise StuckError(message)
            moments = self._do_something()
            if moments is None:
                continue
            nexts = [one for one in (*moments, *self._coming()) if one > self.now]
            if until is not None and (not nexts or min(nexts) > until):
                self.now = until
                return self
            if not nexts:
                message = f"nothing comes after {self.now - T0}: {self.state.gates}"
                raise StuckError(message)
            self.now, looks = min(nexts), 0
        return self

    def _do_something(self) -> list[datetime] | None:
        """Does what is due now in one scope; the next moments of all scopes where nothing is."""
        closing = closing_event(self.plan, self.state)
        if closing is not None:
            self.write(closing)
            return None
        if self._act():
            return None
        moments = []
        for scope in self._scopes():
            look = self._look(scope)
            if look.due:
                self._carry_out(scope, look.due)
                return None
            if look.next is not None:
                moments.append(look.next)
        return moments

    def write(self, *events: AnyEvent) -> None:
        """Appends, and dies where the test says so."""
        for event in events:
            self.ledger.append(LAUNCH, event, at=self.now, wall=self.now)
            self.refresh()
            self._one_more()

    def refresh(self) -> None:
        """Reads what is new."""
        for record in self.ledger.records(LAUNCH, after=self.state.sequence):
            self.state.apply(record)

    def _one_more(self) -> None:
        self.done += 1
        if self.crash_at is not None and self.done >= self.crash_at:
            raise CrashError

    def _phase(self) -> FlowPhase | None:
        for phase in FORWARD:
            decision = self.state.phase(phase).decision
            if decision is None:
                return phase
            if decision is not Decision.GO:
                return None
        return None

    def _scopes(self) -> list[Scope | None]:
        """Scopes that have a run now; None is the rollback."""
        if self.state.rollback is not None and self.state.rollback.ended_at is None:
            return [None]
        scopes: list[Scope | None] = []
        phase = self._phase()
        start = phase_start(self.plan, self.state, phase) if phase is not None else None
        if phase is not None and start is not None and start <= self.now:
            if self.state.phase(phase).started_at is None:
                self.write(PhaseStarted(phase=phase))
            scopes.append(Scope(phase=phase))
        if self.state.live_at is not None:
            scopes += [Scope(checkpoint=one.id) for one in self.plan.checkpoints]
        return scopes

    def _coming(self) -> list[datetime]:
        phase = self._phase()
        start = phase_start(self.plan, self.state, phase) if phase is not None else None
        return [*([start] if start is not None else []), *(at for at, _ in self.world.acts), *self._ballots_to_come()]

    def _look(self, scope: Scope | None) -> Agenda | RollbackAgenda:
        memory = self.memories.setdefault(scope, Memory())
        if scope is not None:
            return agenda(self.plan, self.state, self.now, scope, memory)
        claimed = self.state.rollback
        procedure = procedure_of(self.plan, claimed.trigger, claimed.procedure) if claimed is not None else None
        assert procedure is not None
        return rollback_agenda(self.plan, self.state, self.now, procedure, memory)

    def _carry_out(self, scope: Scope | None, due: Sequence[object]) -> None:
        memory = self.memories[scope]
        doings = [self._end(scope, one) if isinstance(one, EndScope) else self._handle(one, memory) for one in due]
        for doing in doings:
            self.write(*doing.events)
        for doing in doings:
            if doing.then is not None:
                self.write(*doing.then())

    # --- people ------------------------------------------------------------------------------------------------------

    def _act(self) -> bool:
        """The next thing that a person does at this moment, if there is one."""
        for at, act in self.world.acts:
            if at <= self.now:
                self.world.acts.remove((at, act))
                act(self)
                self.refresh()
                self._one_more()
                return True
        for gate, vote, moment in self._ballots():
            if moment <= self.now:
                acts.cast_ballot(
                    self.ledger, LAUNCH, gate=gate, opening=self.state.gate(gate).opening, seat=vote.seat,
                    person=vote.person, decision=vote.decision, reason=vote.reason, at=self.now, wall=self.now,
                )  # fmt: skip
                self.refresh()
                self._one_more()
                return True
        return False

    def _ballots(self) -> list[tuple[str, Vote, datetime]]:
        found: list[tuple[str, Vote, datetime]] = []
        for gate in self.plan.gates:
            current = self.state.gate(gate.id)
            if not current.open or current.opened_at is None:
                continue
            votes = self.world.votes.get(gate.id, self._everyone(gate.id))
            still = (vote for vote in votes if vote.person not in current.ballots)
            found.extend((gate.id, vote, current.opened_at + vote.after) for vote in still)
        return found

    def _everyone(self, name: str) -> list[Vote]:
        gate = next(one for one in self.plan.gates if one.id == name)
        votes: list[Vote] = []
        for seat in gate.seats:
            taken = {vote.person for vote in votes}
            able = [one.id for one in self.plan.people if seat.role in one.roles and one.id not in taken]
            votes += [Vote(person, seat.role) for person in able[: seat.count]]
        return votes

    def _ballots_to_come(self) -> list[datetime]:
        return [moment for _, _, moment in self._ballots()]

    # --- one due thing -----------------------------------------------------------------------------------------------

    @singledispatchmethod
    def _handle(self, due: object, memory: Memory) -> Doing:
        raise TypeError(due)

    @_handle.register
    def _(self, due: AskCheck, memory: Memory) -> Doing:
        self.world.asked.append(due.check.id)
        verdict = self.world.verdict(due.check.id)
        return Doing([CheckJudged(check=due.check.id, verdict=verdict, sentence=f"it is {verdict.value}")])

    @_handle.register
    def _(self, due: AskPeople, memory: Memory) -> Doing:
        return Doing([], lambda: self._vouch(due, memory))

    @_handle.register
    def _(self, due: OpenGate, memory: Memory) -> Doing:
        opened = GateOpened(
            gate=due.gate.id,
            opening=due.opening,
            plan_hash="hash",
            evidence_hash=gates.evidence_hash(self.plan, self.state, due.gate, self.now),
            deadline=self.now + due.gate.window,
            because=due.because,
        )
        return Doing([opened])

    @_handle.register
    def _(self, due: CallSeats, memory: Memory) -> Doing:
        memory.asked_people.add(f"{due.gate.id}/{due.opening}")
        return Doing()

    @_handle.register
    def _(self, due: AnnounceDecision, memory: Memory) -> Doing:
        return Doing([MessageSent(key=due.key, channel="war-room")])

    @_handle.register
    def _(self, due: PostUpdate, memory: Memory) -> Doing:
        return Doing([MessageSent(key=due.key, channel=due.cadence.channel)])

    @_handle.register
    def _(self, due: FireTrigger, memory: Memory) -> Doing:
        return Doing([TriggerFired(trigger=due.trigger.id, because=due.because)])

    @_handle.register
    def _(self, due: PromoteTrigger, memory: Memory) -> Doing:
        return Doing([TriggerPromoted(trigger=due.trigger.id, tier=due.tier, because=due.because)])

    @_handle.register
    def _(self, due: ClearTrigger, memory: Memory) -> Doing:
        return Doing([TriggerCleared(trigger=due.trigger.id, because=due.because)])

    @_handle.register
    def _(self, due: StartRollback, memory: Memory) -> Doing:
        return Doing([], lambda: self._claim(due))

    @_handle.register
    def _(self, due: MeasureCriterion, memory: Memory) -> Doing:
        return Doing([CriterionMeasured(criterion=due.criterion.id, verdict=Verdict.PASS, sentence="")])

    @_handle.register
    def _(self, due: GoLive, memory: Memory) -> Doing:
        return Doing([WentLive()])

    @_handle.register
    def _(self, due: SkipUndo, memory: Memory) -> Doing:
        return Doing([UndoSkipped(action=due.action, why=due.why, residue=due.residue)])

    @_handle.register
    def _(self, due: Restored, memory: Memory) -> Doing:
        return Doing([ServiceRestored(failed=due.failed)])

    @_handle.register
    def _(self, due: EndRollback, memory: Memory) -> Doing:
        return Doing([RollbackEnded(outcome=due.outcome, residue=due.residue)])

    @_handle.register
    def _(self, due: DoEffect, memory: Memory) -> Doing:
        effect = self.state.effect(due.id)
        if due.id == due.action.id and not effect.under_way and unrecorded(self.state, due.action):
            return self._finished(due, effect.attempt + 1, EffectResult.FAILED)
        seen = self.world.look(due.id, self.now)
        memory.looked[due.id] = self.now
        if not effect.under_way:
            attempt = effect.attempt + 1
            if seen == "holds":
                return self._finished(due, attempt, EffectResult.ALREADY)
            begun = EffectBegun(action=due.id, attempt=attempt, key=f"{due.id}/{attempt}")
            return Doing([begun], lambda: self._apply(due, memory))
        assert effect.begun_at is not None
        if seen == "holds":
            return self._finished(due, effect.attempt, EffectResult.APPLIED)
        if seen == "absent" or (
            seen == "failed" and due.id not in memory.applied and self._tries(due) < effect.attempt
        ):
            return Doing([], lambda: self._apply(due, memory))
        if seen == "failed" or self.now >= effect.begun_at + due.action.within:
            return self._finished(due, effect.attempt, EffectResult.FAILED)
        return Doing()

    @_handle.register
    def _(self, due: TakeSnapshot, memory: Memory) -> Doing:
        unseen = {one.id: "503" for one in due.actions if self.world.unseen(one.id, self.now)}
        states: dict[str, State] = {one.id: {"was": "off"} for one in due.actions if one.id not in unseen}
        return Doing([SnapshotTaken(states=states, missing=unseen)])

    @_handle.register
    def _(self, due: ReadExposure, memory: Memory) -> Doing:
        memory.looked[f"step-{due.step.n}"] = self.now
        observations = self.world.exposed(due.step, self.now)
        if observations is None:
            return Doing()
        memory.read[due.step.n] = self.now
        event = seen(self.plan, due.step, observations)
        return Doing([] if event == self.state.step(due.step.n).seen else [event])

    @_handle.register
    def _(self, due: SampleStep, memory: Memory) -> Doing:
        return Doing([StepSampled(step=due.step.n, clean=due.clean, values=dict(due.values), why=due.why)])

    @_handle.register
    def _(self, due: AdvanceStep, memory: Memory) -> Doing:
        assert due.sequence == self.state.sequence
        return Doing([StepAdvanced(step=due.step.n, by=due.by, reason=due.reason)])

    @_handle.register
    def _(self, due: HoldStep, memory: Memory) -> Doing:
        return Doing([StepHeld(step=due.step.n, reason=due.reason)])

    def _tries(self, due: DoEffect) -> int:
        return sum(1 for name, _ in self.world.applied if name == due.id)

    def _apply(self, due: DoEffect, memory: Memory) -> Sequence[AnyEvent]:
        self.world.applied.append((due.id, self.now))
        memory.applied.add(due.id)
        memory.looked.pop(due.id, None)
        self._one_more()
        return ()

    def _finished(self, due: DoEffect, attempt: int, result: EffectResult) -> Doing:
        return Doing([EffectFinished(action=due.id, attempt=attempt, result=result)])

    def _vouch(self, due: AskPeople, memory: Memory) -> Sequence[AnyEvent]:
        for check in due.checks:
            self.world.formed.append(check.id)
            memory.asked_people.add(check.id)
            if check.id not in self.world.silent:
                evidence = "seen" if self.world.vouching is Verdict.FAIL else ""
                acts.attest(
                    self.ledger, LAUNCH, check=check.id, person="ana", verdict=self.world.vouching,
                    evidence=evidence, at=self.now, wall=self.now,
                )  # fmt: skip
                self.refresh()
                self._one_more()
        return ()

    @_handle.register
    def _(self, due: SettleGate, memory: Memory) -> Doing:
        opening = self.state.gate(due.gate.id).opening
        if due.ruling.decision is None:
            assert due.ruling.extended_to is not None
            return Doing([GateExtended(gate=due.gate.id, deadline=due.ruling.extended_to)])
        decision, reason = due.ruling.decision, due.ruling.reason
        return Doing([GateDecided(gate=due.gate.id, opening=opening, decision=decision, reason=reason)])

    @_handle.register
    def _(self, due: SampleGuards, memory: Memory) -> Doing:
        events: list[AnyEvent] = []
        for guard in due.guards:
            memory.sampled[guard.id] = self.now
            state, known = self.world.guards(guard.id, self.now), self.state.guards.get(guard.id)
            if known is None or known.state is not state:
                events.append(GuardChanged(guard=guard.id, state=state, value=9.0))
        return Doing(events)

    def _claim(self, due: StartRollback) -> Sequence[AnyEvent]:
        try:
            acts.claim_rollback(
                self.ledger, LAUNCH, trigger=due.trigger, tier=due.tier, by="conductor", reason=due.because,
                at=self.now, wall=self.now,
            )  # fmt: skip
        except RefusedError as refused:
            raise StuckError(str(refused)) from refused
        self.refresh()
        self._one_more()
        return ()

    @staticmethod
    def _end(scope: Scope | None, due: EndScope) -> Doing:
        assert scope is not None
        if scope.checkpoint is not None:
            return Doing([CheckpointEnded(checkpoint=scope.checkpoint, missed=due.missed)])
        assert scope.phase is not None
        return Doing([PhaseEnded(phase=scope.phase, decision=due.decision, reason=due.reason)])


def play(plan: Plan, world: World | None = None) -> Player:
    """The whole launch, played to its end."""
    return Player(plan, world).play()


def roll_back(plan: Plan, done: Sequence[AnyEvent], world: World | None = None) -> Player:
    """A launch that did these things and that its captain now takes back; play it to see how."""
    player = Player(plan, world)
    player.write(*done)
    acts.claim_rollback(
        player.ledger,
        LAUNCH,
        trigger="captain",
        tier="urgent",
        by="ana",
        at=player.now,
        wall=player.now,
    )
    player.refresh()
    return player


def crashed_at(point: int, start: Callable[[], Player], pause: timedelta) -> Player:
    """A run that dies after `point` things and a new run, `pause` later, that knows only the ledger; played to the end.

    A run that ends before it has done so many things is returned as it is.
    """
    first = start()
    first.crash_at = first.done + point
    try:
        return first.play()
    except CrashError:
        return Player(first.plan, first.world, first.ledger, now=first.now + pause).play()
