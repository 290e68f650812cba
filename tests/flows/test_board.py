"""What the Prefect UI shows of a phase follows the ledger, in one artifact, and stands in nobody's way."""

from __future__ import annotations

import asyncio

import pytest
from prefect import flow, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.board import PhaseBoard
from flows.conductor import Conductor
from launch.events import CheckJudged
from launch.plan import FlowPhase
from launch.verdicts import Verdict
from tests.fakes.flown_launch import LAUNCH, FlownLaunch
from tests.fakes.plans import check, plan

pytestmark = [
    pytest.mark.harness,
    pytest.mark.usefixtures("prefect_api"),
]

PASSED = CheckJudged(check="near", verdict=Verdict.PASS, sentence="replication_lag is 1 s")


def conductor_of(*, patient: bool) -> Conductor:
    launch = FlownLaunch(plan(checks=[check("near")]), patient=patient)
    return Conductor(launch.stage(launch.ledger), LAUNCH)


async def shown() -> dict[str, str]:
    """What each version of the hardening checklist says, as JSON, by its id."""
    async with get_client() as client:
        chosen = {"artifacts": {"key": {"any_": [f"hardening-{LAUNCH}"]}}}
        answer = await client.request("POST", "/artifacts/filter", json=chosen)
        return {str(one["id"]): str(one["data"]) for one in answer.json()}


@flow(persist_result=False)
async def work_on(board: PhaseBoard, conductor: Conductor) -> dict[str, str]:
    """A run that shows the phase, learns something and ends; what it has shown."""
    earlier = await shown()
    board.renew()
    await board.finish()
    conductor.write(PASSED)
    board.renew()
    await board.finish()
    return {version: data for version, data in (await shown()).items() if version not in earlier}


@pytest.mark.parametrize("patient", [True, False])
def test_a_checklist_is_renewed_in_place_before_a_run_ends(*, patient: bool) -> None:
    conductor = conductor_of(patient=patient)
    versions = asyncio.run(work_on(PhaseBoard(conductor, FlowPhase.HARDENING), conductor))
    (now,) = versions.values()
    assert "replication_lag is 1 s" in now


def test_a_server_that_takes_no_artifact_costs_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    board = PhaseBoard(conductor_of(patient=True), FlowPhase.HARDENING)

    async def without_a_server() -> None:
        with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}):
            await board.finish()

    asyncio.run(without_a_server())
    assert "the checklist of hardening cannot be shown now" in caplog.text
