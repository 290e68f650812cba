"""How every phase is run: on its stage, after the phase before said GO, until it ends or hands over."""

from __future__ import annotations

from datetime import timedelta

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from flows.artifacts import show_course
from flows.board import PhaseBoard
from flows.conductor import Conductor, Finished, Handover
from flows.handling import Callbacks, PhaseHandler
from flows.stage import RunKind, Stage
from launch.agenda import Scope, moment_of, phase_end, phase_start
from launch.calendar import FORWARD
from launch.closing import closing_event
from launch.events import Decision, LaunchClosed, Outcome
from launch.plan.schedule import FlowPhase

KIND_OF = {
    FlowPhase.HARDENING: RunKind.HARDENING,
    FlowPhase.EVE: RunKind.EVE,
    FlowPhase.COUNTDOWN: RunKind.COUNTDOWN,
    FlowPhase.STABILIZATION: RunKind.STABILIZATION,
    FlowPhase.REVIEW: RunKind.REVIEW,
    FlowPhase.ROLLBACK: RunKind.ROLLBACK,
}
_LOOK_AGAIN = timedelta(seconds=15)


async def run_phase(stage: Stage, launch: str, phase: FlowPhase) -> State[None]:
    """Runs a phase to its end, or hands it over to a later run. The returned state says which."""
    conductor = Conductor(stage, launch)
    refused = await _wait_for_turn(conductor, phase)
    if isinstance(refused, Handover):
        return await _hand_over(conductor, KIND_OF[phase], refused, phase.value)
    if refused:
        return Cancelled(message=refused)
    conductor.begin(phase)
    scope = Scope(phase=phase)
    handler = PhaseHandler(conductor, scope, _callbacks(conductor))
    board = PhaseBoard(conductor, phase)
    board.renew()
    result = await conductor.conduct(scope, handler, board)
    if isinstance(result, Handover):
        return await _hand_over(conductor, KIND_OF[phase], result, phase.value)
    await _follow_up(conductor, phase)
    return _state_of(conductor, result, phase.value)


async def run_checkpoint(stage: Stage, launch: str, checkpoint: str) -> State[None]:
    """Runs one checkpoint, counted from the actual go-live."""
    conductor = Conductor(stage, launch)
    scope = Scope(checkpoint=checkpoint)
    handler = PhaseHandler(conductor, scope, _callbacks(conductor))
    result = await conductor.conduct(scope, handler)
    if isinstance(result, Handover):
        return await _hand_over(conductor, RunKind.CHECKPOINT, result, checkpoint)
    await close_if_over(conductor)
    return _state_of(conductor, result, checkpoint)


def _callbacks(conductor: Conductor) -> Callbacks:
    from flows.roll_back import roll_back

    async def start_rollback(trigger: str, tier: str, because: str) -> None:
        claimed = conductor.reader.state.rollback
        if claimed is None or not await conductor.stage.runs.alive(claimed.run):
            await roll_back(launch=conductor.launch, trigger=trigger, tier=tier, by="conductor", reason=because)
            conductor.reader.refresh()
            claimed = conductor.reader.state.rollback
        if claimed is not None and claimed.ended_at is None:
            # Another run has it: this phase waits for its end.
            await conductor.stage.clock.until(conductor.now() + _LOOK_AGAIN)

    async def went_live() -> None:
        await schedule_checkpoints(conductor)

    return Callbacks(start_rollback, went_live)


async def _follow_up(conductor: Conductor, phase: FlowPhase) -> None:
    """What the end of a phase sets off. A run killed before it is started again and comes here again."""
    if phase is FlowPhase.COUNTDOWN and conductor.reader.state.live_at is not None:
        await schedule_checkpoints(conductor)
    await close_if_over(conductor)
    await draw(conductor)


async def draw(conductor: Conductor) -> None:
    """Shows the course of the launch so far. Nobody opens the server of a rehearsal, so nothing is drawn there."""
    if conductor.stage.patient:
        await show_course(conductor.plan, conductor.stage.ledger.records(conductor.launch))


async def close_if_over(conductor: Conductor) -> None:
    """Writes the end of a launch that has come to it, once, whichever run comes first."""
    conductor.reader.refresh()
    while (event := closing_event(conductor.plan, conductor.reader.state)) is not None:
        if isinstance(event, LaunchClosed) and event.outcome is not Outcome.LIVE:
            await cancel_what_follows(conductor.stage, conductor.launch)
        conductor.write_if_unchanged(event)


async def schedule_checkpoints(conductor: Conductor) -> None:
    """Schedules every checkpoint from the actual go-live; a cancelled run's key stays used, so it has the moment.

    Done when it goes live, and again when its countdown has ended: a process killed between the two had not done it.
    """
    state = conductor.reader.state
    for point in conductor.plan.checkpoints:
        if point.id in state.checkpoints or state.rollback is not None:
            continue
        at = moment_of(state, point.offset)
        key = f"{conductor.launch}/{point.id}/{at.isoformat()}"
        await conductor.stage.runs.schedule(conductor.launch, RunKind.CHECKPOINT, at, key=key, subject=point.id)


async def schedule_phases(stage: Stage, launch: str) -> None:
    """Schedules every phase at its planned start, or now where that has passed."""
    conductor = Conductor(stage, launch)
    for phase in FORWARD:
        start = phase_start(conductor.plan, conductor.reader.state, phase)
        if start is None:
            continue
        at = max(start, stage.clock.now())
        t0 = conductor.reader.state.t0
        await stage.runs.schedule(launch, KIND_OF[phase], at, key=f"{launch}/{phase.value}/{t0}/{start.isoformat()}")


async def cancel_what_follows(stage: Stage, launch: str) -> None:
    """Cancels phases, checkpoints and forms that have not begun."""
    kinds = [*(KIND_OF[phase] for phase in FORWARD), RunKind.CHECKPOINT, RunKind.BALLOT, RunKind.ATTEST, RunKind.WAKE]
    await stage.runs.cancel(launch, kinds)


async def _wait_for_turn(conductor: Conductor, phase: FlowPhase) -> Handover | str:
    """Empty when the phase may start; else why not, or a handover while the phase before is still going."""
    while True:
        conductor.reader.refresh()
        state = conductor.reader.state
        if state.outcome is not None:
            return f"the launch is over: {state.outcome.value}"
        start = phase_start(conductor.plan, state, phase)
        if start is None:
            return f"the plan has no {phase.value}"
        before = _before(conductor, phase)
        ended = state.phase(before).decision if before else Decision.GO
        if ended is not None and ended is not Decision.GO:
            return f"{before.value if before else ''} ended {ended.value}, so {phase.value} does not start (STOP rule)"
        now = conductor.now()
        if ended is Decision.GO and start <= now:
            return ""
        # A phase before that is still going ends by its plan or later, unless everything ends with it.
        planned = phase_end(conductor.plan, state, before) if before is not None else None
        until = start if start > now else max(planned or now, now + _LOOK_AGAIN)
        if not conductor.stage.clock.holds_process(until):
            return Handover(until)
        await conductor.stage.clock.until(until)


def _before(conductor: Conductor, phase: FlowPhase) -> FlowPhase | None:
    """The nearest earlier phase that the plan has and that must have ended: the review watches beside stabilization."""
    present = {one.flow_phase for one in conductor.plan.phases}
    earlier = [one for one in FORWARD[: FORWARD.index(phase)] if one in present]
    return earlier[-1] if earlier else None


async def _hand_over(conductor: Conductor, kind: RunKind, handover: Handover, what: str) -> State[None]:
    subject = what if kind is RunKind.CHECKPOINT else ""
    key = f"{conductor.launch}/{what}/{handover.at.isoformat()}/{conductor.reader.state.sequence}"
    await conductor.stage.runs.schedule(conductor.launch, kind, handover.at, key=key, subject=subject)
    return Completed(message=f"{what} goes on at {handover.at:%a %d %b %H:%M:%S} UTC", name="HandedOver")


def _state_of(conductor: Conductor, result: Finished, what: str) -> State[None]:
    outcome = conductor.reader.state.outcome
    if result.decision is Decision.NO_GO:
        reason = conductor.reader.state.outcome_reason
        return Completed(message=f"{what} ended NO-GO {reason}".strip(), name="NoGo")
    ended = f"ended {result.decision.value}" if result.decision is not None else "is over"
    told = f"; the launch is {outcome.value}" if outcome else ""
    return Completed(message=f"{what} {ended}{told}")
