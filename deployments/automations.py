"""Automations of the Prefect server: a dead run is found and recovered whatever its own process could still do."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

from deployments.definitions import GUARDED, HEARTBEAT_SECONDS
from flows.stage import RunKind

_SILENCE = timedelta(seconds=3 * HEARTBEAT_SECONDS)
_START = timedelta(seconds=90)
"""A run that was handed to a worker and does not run after this has lost its worker."""
_GUARDED_RUNS = {"prefect.resource.id": "prefect.flow-run.*"}
_RELATED = {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{GUARDED}"}
_ENDED = {
    "prefect.flow-run.Completed",
    "prefect.flow-run.Failed",
    "prefect.flow-run.Crashed",
    "prefect.flow-run.Cancelled",
}
# Without the waiting states a gate that waits for its approvers would be taken for a dead process.
_WAITS = {"prefect.flow-run.Suspended", "prefect.flow-run.Paused", "prefect.flow-run.AwaitingRetry"}


def automations(recover: UUID) -> list[AutomationCore]:
    """All of them; `recover` is the id of the deployment they call."""
    return [_dead(recover), _silent(), _stuck(recover)]


async def register_automations(client: PrefectClient) -> None:
    """Creates them, replacing those of an earlier registration."""
    deployment = await client.read_deployment_by_name(f"{RunKind.RECOVER.value}/{RunKind.RECOVER.value}")
    for automation in automations(deployment.id):
        for earlier in await client.read_automations_by_name(automation.name):
            await client.delete_automation(earlier.id)
        await client.create_automation(automation)


def _dead(recover: UUID) -> AutomationCore:
    return AutomationCore(
        name="tminus: recover a dead run",
        description="A phase, checkpoint, rollback or form that failed or crashed is started again, up to three times.",
        trigger=EventTrigger(
            expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed"},
            match=_GUARDED_RUNS,
            match_related=_RELATED,
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[_recover(recover, "{{ flow_run.state.name }}: {{ flow_run.state.message }}")],
    )


def _silent() -> AutomationCore:
    return AutomationCore(
        name="tminus: mark a run whose process is silent",
        description="A run that sends no heartbeat has lost its process; marked crashed, it is recovered.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.heartbeat", *_ENDED, *_WAITS},
            match=_GUARDED_RUNS,
            match_related=_RELATED,
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=_SILENCE,
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="its process sends no heartbeat any more")],
    )


def _stuck(recover: UUID) -> AutomationCore:
    return AutomationCore(
        name="tminus: recover a run that never started",
        description="A run that a worker took and did not start has lost its worker.",
        trigger=EventTrigger(
            after={"prefect.flow-run.Pending"},
            expect={"prefect.flow-run.Running", *_ENDED, *_WAITS},
            match=_GUARDED_RUNS,
            match_related=_RELATED,
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=_START,
        ),
        actions=[_recover(recover, "it was handed to a worker and did not start")],
    )


def _recover(recover: UUID, reason: str) -> RunDeployment:
    return RunDeployment(
        source="selected",
        deployment_id=recover,
        parameters={"run": _template("{{ flow_run.id }}"), "reason": _template(reason)},
    )


def _template(text: str) -> dict[str, str]:
    # A bare string would be rendered through JSON, which has no form for an id.
    return {"__prefect_kind": "jinja", "template": text}
