"""What a Prefect server is told about tminus: prefect.yaml, the programmatic registration and the flows agree."""

from pathlib import Path
from uuid import UUID

import pytest
import yaml
from prefect import Flow
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema

from deployments.automations import automations
from deployments.definitions import DEFINITIONS, GUARDED, HEARTBEAT_SECONDS, Definition, text
from flows.open_launch import open_launch, plan_names
from flows.stage import RunKind

ROOT = Path(__file__).parents[2]
RECOVER = UUID("11111111-1111-1111-1111-111111111111")
FORMS = {RunKind.BALLOT, RunKind.ATTEST}


def trigger(automation: AutomationCore) -> EventTrigger:
    assert isinstance(automation.trigger, EventTrigger)
    return automation.trigger


def test_prefect_yaml_says_what_the_definitions_say() -> None:
    assert (ROOT / "prefect.yaml").read_text() == text(), "write it again: python -m deployments.definitions"


def test_prefect_yaml_names_every_deployment_once() -> None:
    written = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    assert [one["name"] for one in written["deployments"]] == [kind.value for kind in RunKind]


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda one: one.name)
def test_every_entrypoint_is_a_flow_of_that_name_with_every_parameter_told(definition: Definition) -> None:
    flow: Flow[..., object] = load_flow_from_entrypoint(definition.entrypoint)
    assert flow.name == definition.name
    assert flow.description
    assert ":" not in definition.entrypoint, "a script path would put flows/ first on sys.path"


def test_opening_a_launch_is_a_form_of_dropdowns_and_typed_fields() -> None:
    schema = parameter_schema(open_launch).model_dump_for_openapi()
    fields = schema["properties"]
    assert fields["plan"]["enum"] == plan_names() == ["teei-csr"]
    assert fields["t0"]["format"] == "date-time"
    assert fields["environment"]["enum"] == ["sandbox", "staging", "production"]
    assert fields["services"]["items"] == {"$ref": "#/definitions/ServiceVersion"}
    assert all(field.get("description") for field in fields.values())
    assert set(schema["required"]) == {"plan", "t0", "version"}


def test_the_recovery_is_not_recovered_by_itself() -> None:
    unguarded = {one.kind for one in DEFINITIONS if GUARDED not in one.tags}
    assert unguarded == {RunKind.OPEN, RunKind.OPEN_DRILL, RunKind.RECOVER}


@pytest.mark.parametrize("automation", automations(RECOVER), ids=lambda one: one.name)
def test_automations_watch_the_guarded_runs_only(automation: AutomationCore) -> None:
    related = trigger(automation).match_related
    assert "tag" in str(related)
    assert f"prefect.tag.{GUARDED}" in str(related)


def test_silence_is_never_taken_from_a_run_that_waits_for_people() -> None:
    proactive = [one for one in automations(RECOVER) if trigger(one).posture is Posture.Proactive]
    assert proactive
    for automation in proactive:
        assert {"prefect.flow-run.Suspended", "prefect.flow-run.Paused"} <= trigger(automation).expect
        assert trigger(automation).within.total_seconds() >= 2 * HEARTBEAT_SECONDS
