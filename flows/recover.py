"""What the automation calls for a run that failed, crashed or got no process: start it again, or call for help."""

from __future__ import annotations

from uuid import UUID

from prefect import flow, get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import AwaitingRetry, Completed

from flows.alarms import tell_alarms, write_alarm
from flows.runs import form_of
from flows.stage import RunKind, Stage
from flows.staging import stage_for
from launch.acts import plan_of
from launch.rollback import production_changed
from launch.state import fold
from launch.watch import Overdue

RESTARTS = 3
_ATTEMPT = "attempt:"
_FORMS = {RunKind.BALLOT, RunKind.ATTEST, RunKind.WAKE}
_WATCHING = {RunKind.COUNTDOWN, RunKind.STABILIZATION}


@flow(name="recover", flow_run_name="recover {run}", persist_result=False)
async def recover(run: str, reason: str = "") -> State[None]:
    """Restarts a dead run of a launch up to three times; then pages, and rolls back if production was changed.

    A form keeps the answer it was given, so it goes on in the same run; a phase goes on from the ledger in a new one.

    Args:
        run: Id of the flow run that is dead.
        reason: What was seen of its end.

    """
    async with get_client() as client:
        found = await client.read_flow_run(UUID(run))
        launch, kind = _tagged(found, "launch:"), _tagged(found, "kind:")
        if not launch or not kind:
            return Completed(message=f"{found.name} belongs to no launch")
        stage = await stage_for(launch)
        if fold(stage.ledger.records(launch)).outcome is not None:
            return Completed(message="the launch is over")
        attempt = int(_tagged(found, _ATTEMPT) or "1")
        if RunKind(kind) in _FORMS:
            return await _go_on(client, found)
        if attempt <= RESTARTS:
            return await _start_again(client, found, attempt + 1)
        form = await form_of(client, RunKind.ROLLBACK)
    return await _call_for_help(stage, launch, found, reason, form)


async def _go_on(client: PrefectClient, found: FlowRun) -> State[None]:
    state = found.state
    if state is not None and (state.is_paused() or state.is_completed() or state.is_cancelled()):
        return Completed(message=f"{found.name} is {state.name}: nothing to do")
    if found.run_count > RESTARTS:
        return Completed(message=f"{found.name} was started {found.run_count} times; leaving it", name="GaveUp")
    await client.set_flow_run_state(found.id, AwaitingRetry(), force=True)
    return Completed(message=f"{found.name} goes on")


async def _start_again(client: PrefectClient, found: FlowRun, attempt: int) -> State[None]:
    if found.deployment_id is None:
        return Completed(message=f"{found.name} has no deployment to start again")
    again = await client.create_flow_run_from_deployment(
        found.deployment_id,
        parameters=found.parameters,
        name=f"{found.name} (attempt {attempt})",
        tags=[tag for tag in found.tags if not tag.startswith(_ATTEMPT)] + [f"{_ATTEMPT}{attempt}"],
        idempotency_key=f"recover/{found.id}",
    )
    return Completed(message=f"{found.name} goes on as {again.name}")


async def _call_for_help(stage: Stage, launch: str, found: FlowRun, reason: str, form: str) -> State[None]:
    """Pages once, whatever becomes of the rollback; the rollback waits for nobody's phone."""
    records = stage.ledger.records(launch)
    plan, state = plan_of(records), fold(records)
    kind = _tagged(found, "kind:")
    told = f"{found.name} ended {RESTARTS + 1} times before its time: {reason or 'no reason given'}"
    changed = production_changed(plan, state) and state.rollback is None
    if changed:
        key = f"{launch}/recover/{found.id}/roll-back"
        await stage.runs.schedule(launch, RunKind.ROLLBACK, stage.clock.now(), key=key)
    write_alarm(stage, launch, Overdue(what=f"run/{kind}", detail=told, unwatched=RunKind(kind) in _WATCHING))
    await tell_alarms(stage, launch, form)
    return Completed(message=told + ("; rolling back" if changed else ""), name="HelpCalled")


def _tagged(run: FlowRun, prefix: str) -> str:
    return next((tag.removeprefix(prefix) for tag in run.tags if tag.startswith(prefix)), "")
