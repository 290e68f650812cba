"""Other flow runs of a launch on a Prefect server: scheduled by moment, found again by tags, woken, cancelled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.runtime import flow_run
from prefect.states import Cancelled, Scheduled
from prefect.utilities.urls import url_for

from flows.clocks import LaunchClock, machine_clock
from flows.stage import RunKind

ALL = "tminus"
"""Tag of every run that tminus schedules."""
_WAITING = (StateType.SCHEDULED, StateType.PAUSED)


def launch_tag(launch: str) -> str:
    """Tag of every run of a launch."""
    return f"launch:{launch}"


def kind_tag(kind: RunKind) -> str:
    """Tag of every run of a kind."""
    return f"kind:{kind.value}"


def gate_tag(gate: str, opening: int) -> str:
    """Tag of the ballot and wake runs of one opening of a gate."""
    return f"gate:{gate}/{opening}"


def pause_key(gate: str, opening: int, wake_up: int) -> str:
    """Key of a phase's suspension at a gate. Prefect takes lower case, digits and dashes only."""
    return f"phase-{gate}-{opening}-{wake_up}"


def waits_for(run_key: str, gate: str, opening: int) -> bool:
    """Whether a suspension's key is one of this opening of this gate."""
    return run_key.rpartition("-")[0] == f"phase-{gate}-{opening}"


def wake_mark(key: str) -> str:
    """Key of the note left with a suspended run when tminus itself resumes it; without one somebody pressed Resume."""
    return f"woken-{key}"


class PrefectRuns:
    """The port `Runs` on the server of this process's Prefect profile. Moments become wall instants by the clock."""

    def __init__(self, product: str, clock: LaunchClock) -> None:
        self._product = product
        self._clock = clock

    async def schedule(self, launch: str, kind: RunKind, at: datetime, *, key: str, subject: str = "") -> str:
        """Schedules a run once per key; a key stays used when its run is cancelled, so it carries what makes it new."""
        parameters: dict[str, object] = {"launch": launch}
        if kind is RunKind.CHECKPOINT:
            parameters["checkpoint"] = subject
        run = await self.start(launch, kind, parameters, key=key, at=self._clock.soonest(at), name=subject)
        return str(run.id)

    async def start(
        self,
        launch: str,
        kind: RunKind,
        parameters: dict[str, object],
        *,
        key: str,
        at: datetime | None = None,
        name: str = "",
        tags: Iterable[str] = (),
    ) -> FlowRun:
        """Creates a run of a deployment at a wall instant (None for now), once per key."""
        # Given no client, Prefect would open one and leave it open.
        async with get_client() as client:
            return await arun_deployment(
                f"{kind.value}/{kind.value}",
                client=client,
                parameters=parameters,
                scheduled_time=at,
                flow_run_name=f"{name or kind.value} {launch}",
                timeout=0,
                as_subflow=False,
                idempotency_key=key,
                tags=[ALL, launch_tag(launch), f"product:{self._product}", kind_tag(kind), *tags],
            )

    async def wake(self, launch: str, kind: RunKind) -> None:
        """Resumes the suspended runs of a kind and brings the scheduled ones forward to now."""
        async with get_client() as client:
            for run in await runs_with(client, [launch_tag(launch), kind_tag(kind)], _WAITING):
                await wake_run(client, run)

    async def cancel(self, launch: str, kinds: Sequence[RunKind]) -> None:
        """Cancels scheduled and suspended runs of these kinds; the run this is called in goes on."""
        async with get_client() as client:
            for kind in kinds:
                for run in await runs_with(client, [launch_tag(launch), kind_tag(kind)], _WAITING):
                    if str(run.id) != self.current():
                        await client.set_flow_run_state(run.id, Cancelled(message="not needed any more"), force=True)

    async def alive(self, run: str) -> bool:
        """Whether a run, and the run it is a subflow of, have not ended. A subflow of a killed process has."""
        async with get_client() as client:
            current: UUID | None = _as_uuid(run)
            while current is not None:
                try:
                    found = await client.read_flow_run(current)
                except ObjectNotFound:
                    return False
                if found.state is None or found.state.is_final():
                    return False
                if found.parent_task_run_id is None:
                    return True
                parent = await client.read_task_run(found.parent_task_run_id)
                current = parent.flow_run_id
        return False

    def current(self) -> str:
        """Id of the flow run around this call."""
        return str(flow_run.get_id() or "")


async def runs_with(client: PrefectClient, tags: Sequence[str], states: Sequence[StateType]) -> list[FlowRun]:
    """Every run that carries all these tags and is in one of these states, oldest first."""
    return await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            tags=FlowRunFilterTags(all_=list(tags)),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states))),
        ),
    )


async def form_of(client: PrefectClient, kind: RunKind) -> str:
    """Link to where a person starts a run of this kind by hand: its deployment in the UI; "" where there is none."""
    try:
        deployment = await client.read_deployment_by_name(f"{kind.value}/{kind.value}")
    except ObjectNotFound:
        return ""
    return url_for("deployment", deployment.id) or ""


async def wake_run(client: PrefectClient, run: FlowRun) -> bool:
    """Lets a waiting run go on now; False when it no longer waits. Waking twice is waking once."""
    state = run.state
    if state is not None and state.is_paused():
        await _mark(client, run.id, wake_mark(str(state.state_details.pause_key)))
        answer = await client.resume_flow_run(run.id)
        # Prefect answers a resume that it refuses with HTTP 200; only the status tells.
        return answer.status is SetStateStatus.ACCEPT
    if state is not None and state.is_scheduled() and state.name != "Resuming":
        now = machine_clock()
        planned = state.state_details.scheduled_time
        if planned is not None and planned > now:
            await client.set_flow_run_state(run.id, Scheduled(scheduled_time=now), force=True)
        return True
    return False


async def wake_gate(client: PrefectClient, launch: str, gate: str, opening: int) -> int:
    """Resumes every phase run that is suspended at this opening of a gate; how many went on."""
    waiting = await runs_with(client, [launch_tag(launch)], [StateType.PAUSED])
    at_gate = [run for run in waiting if waits_for(_pause_key(run), gate, opening)]
    return sum([await wake_run(client, run) for run in at_gate])


async def close_forms(client: PrefectClient, launch: str, gate: str, opening: int, *, but: str = "") -> None:
    """Cancels the ballot forms that a decided gate no longer needs, `but` the run this is called in."""
    for run in await runs_with(client, [launch_tag(launch), gate_tag(gate, opening)], [StateType.PAUSED]):
        if str(run.id) != but and kind_tag(RunKind.BALLOT) in run.tags:
            await client.set_flow_run_state(run.id, Cancelled(message="the gate is decided"), force=True)


async def call_off_wakes(client: PrefectClient, launch: str, gate: str, opening: int) -> None:
    """Cancels the runs that were to wake a phase at a gate's deadline, once the phase has been woken before it."""
    tags = [launch_tag(launch), gate_tag(gate, opening), kind_tag(RunKind.WAKE)]
    for run in await runs_with(client, tags, [StateType.SCHEDULED]):
        await client.set_flow_run_state(run.id, Cancelled(message="the gate is decided"), force=True)


def _pause_key(run: FlowRun) -> str:
    return str(run.state.state_details.pause_key or "") if run.state is not None else ""


async def _mark(client: PrefectClient, run: UUID, key: str) -> None:
    try:
        await client.create_flow_run_input(run, key, "tminus")
    except PrefectHTTPStatusError as error:
        if error.response.status_code != _CONFLICT:
            raise


_CONFLICT = 409


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
