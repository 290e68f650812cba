"""What the automation calls for a run that failed, crashed or got no process: start it again, or call for help."""

from __future__ import annotations

import logging
from uuid import UUID

from prefect import flow, get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import AwaitingRetry, Completed

from flows.stage import RunKind, Stage
from flows.staging import stage_for
from launch.acts import plan_of
from launch.errors import LaunchError
from launch.events import AlarmRaised, AnyEvent, MessageSent
from launch.plan import Channel, ChannelKind, Plan
from launch.rollback import production_changed
from launch.state import fold
from tasks.telling import Message, tell

RESTARTS = 3
_ATTEMPT = "attempt:"
_logger = logging.getLogger("tminus.recover")
_FORMS = {RunKind.BALLOT, RunKind.ATTEST, RunKind.WAKE}


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
    return await _call_for_help(stage, launch, found, reason)


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


async def _call_for_help(stage: Stage, launch: str, found: FlowRun, reason: str) -> State[None]:
    """Pages once, whatever becomes of the rollback; the rollback waits for nobody's phone."""
    records = stage.ledger.records(launch)
    plan, state = plan_of(records), fold(records)
    what = f"run/{_tagged(found, 'kind:')}"
    told = f"{found.name} ended {RESTARTS + 1} times before its time: {reason or 'no reason given'}"
    changed = production_changed(plan, state) and state.rollback is None
    if changed:
        key = f"{launch}/recover/{found.id}/roll-back"
        await stage.runs.schedule(launch, RunKind.ROLLBACK, stage.clock.now(), key=key)
    await raise_alarm(stage, launch, plan, what, told)
    return Completed(message=told + ("; rolling back" if changed else ""), name="HelpCalled")


async def raise_alarm(stage: Stage, launch: str, plan: Plan, what: str, detail: str) -> None:
    """Writes the alarm once, pages on the plan's paging channel and tells its war room; each once it gets through.

    Called again for the same alarm it tries the channels that nobody was reached on.
    """
    state = fold(stage.ledger.records(launch))
    if not any(alarm.what == what for alarm in state.alarms):
        _write(stage, launch, AlarmRaised(what=what, detail=detail))
    left = {f"alarm/{what}/{channel.id}": channel for channel in alarm_channels(plan)}
    left = {key: channel for key, channel in left.items() if key not in state.messages}
    if not left:
        return
    systems = stage.systems(plan, state.opened.environment if state.opened else "")
    # One key for all channels: a pager that got it already takes it for the same incident.
    message = Message(key=f"{launch}/alarm/{what}", subject=f"{launch} stands still", text=f"{launch}: {detail}")
    for key, channel in left.items():
        try:
            link = await tell.fn(channel, message, systems)
        except LaunchError as error:
            # The alarm is on the ledger; the next channel may still be reached, and this one at the next try.
            _logger.warning("%s: nobody was reached on %s: %s", launch, channel.id, error)
            continue
        sent = MessageSent(key=key, channel=channel.id, subject=message.subject, text=message.text, link=link)
        _write(stage, launch, sent)


def _write(stage: Stage, launch: str, event: AnyEvent) -> None:
    stage.ledger.append(launch, event, at=stage.clock.now(), wall=stage.wall())


def alarm_channels(plan: Plan) -> list[Channel]:
    """The first paging channel, then the first chat, that a system carries."""
    carried = [one for one in plan.comms.channels if one.system]
    kinds = (ChannelKind.PAGING, ChannelKind.CHAT)
    found = [next((one for one in carried if one.kind is kind), None) for kind in kinds]
    return [one for one in found if one is not None]


def _tagged(run: FlowRun, prefix: str) -> str:
    return next((tag.removeprefix(prefix) for tag in run.tags if tag.startswith(prefix)), "")
