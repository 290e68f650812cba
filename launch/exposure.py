"""The ruling over a step of the rollout: whether it may advance, and what keeps it. Nothing else raises exposure.

Everything here follows from plan, ledger and moment. Whether what runs was read back just now, and the guards just
evaluated, is the agenda's to see to before it acts on a ruling.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from launch import gates
from launch.calendar import moment_of
from launch.effects import Restore
from launch.events import Decision, ExposureSeen, GuardState
from launch.model import Model
from launch.moments import format_duration
from launch.plan import Action, AtMaximum, OnNoGo, Plan, RolloutStep
from launch.ports import Observation, Standing
from launch.state import GateState, LaunchState
from launch.steps import actions_of, earlier_steps, following_step, gate_of, guards_of, offset_of

_NEAR = 0.5
"""How far, in points of 100, the exposure read back may be from a step's share: routers round weights."""


class StepRuling(Model):
    """What is to be done about a step now.

    `complete` says that all is done for it to advance; `advance` that the next step may begin, too: until then it is
    held and watched. `held` tells why a step stays that would otherwise have advanced. `roll_back` tells why it goes
    back: its gate `refused`, or its longest hold has passed. `moments` are when to look again.
    """

    advance: bool = False
    complete: bool = False
    by: str = "conductor"
    reason: str = ""
    held: str = ""
    ask: bool = False
    roll_back: str = ""
    refused: bool = False
    moments: tuple[datetime, ...] = ()


def begun_at(plan: Plan, state: LaunchState, step: RolloutStep) -> datetime | None:
    """Since when the step could be held: all its actions hold, the step before was left, and its moment has come."""
    finished = [state.effect(action).finished_at for action in step.actions if state.effect(action).done]
    if len(finished) < len(step.actions):
        return None
    left = [state.step(one.n).advanced_at for one in earlier_steps(plan, step)]
    if None in left:
        return None
    reached = [one for one in (*finished, *left) if one is not None]
    offset = offset_of(plan, step)
    if offset is None or state.t0 is None:
        return max(reached)
    planned, live_at = state.t0 + offset, state.live_at
    if live_at is None or max(*reached, planned) > live_at:
        # Moments after T0 move with the actual go-live, but for what had come by then.
        planned = moment_of(state, offset)
    return max(*reached, planned)


def is_right(step: RolloutStep, percent: float | None) -> bool:
    """Whether the share of users read back is the step's; what decides on no share cannot be wrong about it."""
    return step.percent is None or percent is None or abs(step.percent - percent) <= _NEAR


def seen(plan: Plan, step: RolloutStep, observations: Mapping[str, Observation]) -> ExposureSeen:
    """What was read back of a step's actions: the largest share that any gives the release, and whether all is right.

    Where the rollout has a router, its actions alone decide on the share; a flag for a cohort has one of its own.
    """
    routed = {action.id for action in actions_of(plan, step) if _on_router(plan, action)}
    shares = {name: one.exposure for name, one in observations.items() if one.exposure is not None}
    percent = max((share for name, share in shares.items() if name in routed or not routed & set(shares)), default=None)
    wrong = [
        f"{name} is {one.standing.value}" for name, one in observations.items() if one.standing is not Standing.HOLDS
    ]
    if not is_right(step, percent):
        wrong.append(f"{percent:g} % are exposed, not {step.percent:g} %")
    return ExposureSeen(step=step.n, percent=percent, holds=not wrong, detail="; ".join(wrong))


def unclear(plan: Plan, state: LaunchState, step: RolloutStep) -> list[str]:
    """One sentence for each guard of the step that is not clear; firing, inconclusive and silent are not."""
    states = {guard.id: state_of(state, guard.id) for guard in guards_of(plan, step)}
    return [f"guard {name} is {found.value}" for name, found in states.items() if found is not GuardState.CLEAR]


def state_of(state: LaunchState, guard: str) -> GuardState:
    """A guard's newest state; one that nobody has evaluated has no data."""
    view = state.guards.get(guard)
    return view.state if view is not None else GuardState.NO_DATA


def rule(plan: Plan, state: LaunchState, step: RolloutStep, now: datetime) -> StepRuling:
    """The ruling over the current step. Empty while its actions are still to be done."""
    began = begun_at(plan, state, step)
    if began is None:
        return StepRuling()
    return _Rule(plan, state, step, now, began).ruling()


class _Rule:
    """One look at one step."""

    def __init__(self, plan: Plan, state: LaunchState, step: RolloutStep, now: datetime, began: datetime) -> None:
        self.plan, self.state, self.step, self.now, self.began = plan, state, step, now, began
        self.view = state.step(step.n)
        self.gate = gate_of(plan, step)
        entered = self.view.entered_at
        self.held_until = None if entered is None else entered + (step.minimum_hold or timedelta(0))
        self.paused = list(_paused(state))

    def ruling(self) -> StepRuling:
        keeps = [*self._keeps(), *self.paused]
        ready = self.held_until is not None and self.now >= self.held_until and not keeps
        answer, refused = self._answer()
        go, answered = answer is Decision.GO, answer in {Decision.GO, Decision.NO_GO}
        asked = self._asked()
        needs_go = not self.step.automatic or asked
        complete = ready and (go or not needs_go)
        late = self._late() and not complete
        roll_back = refused
        if late and not roll_back and self.step.at_maximum is AtMaximum.ROLLBACK:
            roll_back = f"step {self.step.n} did not come through within {format_duration(self._longest())}"
        ask = (
            self.gate is not None
            and not answered
            and not self.paused
            and not self._gate.open
            and ((ready and not self.step.automatic) or (late and self.step.at_maximum is AtMaximum.HOLD))
        )
        return StepRuling(
            complete=complete,
            advance=complete and may_follow(self.plan, self.state, self.step, self.now),
            by=self.gate.id if self.gate is not None and go else "conductor",
            reason=self._reason(),
            held=self._held(keeps, ready=ready, complete=complete),
            ask=ask and not roll_back,
            roll_back=roll_back,
            refused=bool(refused),
            moments=tuple(self._moments()),
        )

    @property
    def _gate(self) -> GateState:
        return self.state.gate(self.gate.id) if self.gate is not None else GateState()

    def _keeps(self) -> Iterator[str]:
        """Everything but time and people's holds that keeps the step."""
        if self.view.entered_at is None:
            if self.view.seen is not None:
                yield f"what runs is not what the step asks for: {self.view.seen.detail or 'read back otherwise'}"
            return
        yield from unclear(self.plan, self.state, self.step)
        if self.view.clean < self.step.clean_samples:
            yield f"fewer than {self.step.clean_samples} clean samples in a row"
        checks = {check.id: check for check in self.plan.checks}
        for name in self.step.checks:
            standing = gates.standing(checks[name], self.state.check(name), self.now)
            if standing not in {gates.CheckStanding.PASSED, gates.CheckStanding.WAIVED}:
                yield f"check {name} has not passed"
        if not self.step.automatic and self.gate is None:
            yield "no gate decides on it"

    def _answer(self) -> tuple[Decision | None, str]:
        """What the gate said to this hold, and why that takes it back. An answer to an earlier hold is none."""
        decided = self._gate
        since = self.view.entered_at or self.began
        if self.gate is None or decided.decided_at is None or decided.decided_at < since:
            return None, ""
        if decided.decision is Decision.NO_GO and self.gate.on_no_go is not OnNoGo.HOLD:
            return Decision.NO_GO, f"{self.gate.name} said NO-GO: {decided.reason}"
        return decided.decision, ""

    def _asked(self) -> bool:
        """Whether people were asked about this hold: then it does not advance without them."""
        opened = self._gate.opened_at
        return self._gate.open or (opened is not None and opened >= (self.view.entered_at or self.began))

    def _longest(self) -> timedelta:
        return self.step.maximum_hold or timedelta.max

    def _late(self) -> bool:
        """Past the longest hold. It is counted anew when a person's hold ends: to pause is not to fail."""
        return (
            self.step.maximum_hold is not None and not self.paused and self.now >= self._latest(self.step.maximum_hold)
        )

    def _latest(self, longest: timedelta) -> datetime:
        released = self.state.released_at
        return max(self.began, released) + longest if released is not None else self.began + longest

    def _held(self, keeps: list[str], *, ready: bool, complete: bool) -> str:
        due = self.held_until is None or self.now >= self.held_until
        if keeps and (due or self.paused):
            return "; ".join(keeps)
        if ready and not complete and self.gate is not None:
            return f"waits for gate {self.gate.id}"
        return ""

    def _reason(self) -> str:
        told = [f"held {format_duration(self.step.minimum_hold)}"] if self.step.minimum_hold else []
        told += [f"{self.step.clean_samples} clean samples"] if self.step.clean_samples else []
        told += [f"{len(self.step.checks)} checks passed"] if self.step.checks else []
        return ", ".join(told) or "its changes hold"

    def _moments(self) -> Iterator[datetime]:
        if self.held_until is not None:
            yield self.held_until
        if self.step.maximum_hold is not None:
            yield self._latest(self.step.maximum_hold)
        following = following_step(self.plan, self.step)
        offset = offset_of(self.plan, following) if following is not None else None
        if offset is not None:
            yield moment_of(self.state, offset)


def may_follow(plan: Plan, state: LaunchState, step: RolloutStep, now: datetime) -> bool:
    """Whether the next step may begin: its moment has come and no gate before it is undecided.

    A step is not left earlier, so that what is watched is watched until the exposure really grows.
    """
    following = following_step(plan, step)
    if following is None:
        return True
    offset = offset_of(plan, following)
    if offset is None:
        return True
    flow_phases = {phase.id: phase.flow_phase for phase in plan.phases}
    own = {flow_phases.get(action.phase) for action in actions_of(plan, following)}
    waiting = any(
        gate.offset is not None
        and gate.offset < offset
        and flow_phases.get(gate.phase) in own
        and state.gate(gate.id).decision is not Decision.GO
        for gate in plan.gates
    )
    return now >= moment_of(state, offset) and not waiting


def live_exposure(state: LaunchState) -> float | None:
    """The share of users that was read back last, of whatever step; None where no step decides on one."""
    read = [view for view in state.steps.values() if view.seen_at is not None]
    newest = max(read, key=lambda view: (view.seen_at, view.seen.step if view.seen else 0), default=None)
    return newest.seen.percent if newest is not None and newest.seen is not None else None


def hold_left(state: LaunchState, step: RolloutStep, now: datetime) -> timedelta:
    """How long the step is still held at least; the whole of its shortest hold while it is not entered."""
    shortest, entered = step.minimum_hold or timedelta(0), state.step(step.n).entered_at
    return shortest if entered is None else max(entered + shortest - now, timedelta(0))


def _on_router(plan: Plan, action: Action) -> bool:
    return not isinstance(action.effect, Restore) and action.effect.on == plan.rollout.router


def _paused(state: LaunchState) -> Iterator[str]:
    if state.exposure_hold is not None:
        yield f"exposure held by {state.exposure_hold.by}: {state.exposure_hold.reason}"
    if state.hold is not None:
        yield f"launch held by {state.hold.by}: {state.hold.reason}"
