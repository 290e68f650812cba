"""A rollback on the sandbox's wire with chat and status page down: not a second later, and what they keep is named.

As input: the TEEI launch from its countdown on, an error rate that sets its trigger off, with and without an outage of
Slack and Statuspage a minute before. As output we check the ledger. A chat that hangs is in `test_conductor.py`.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from console.prefect_server import RehearsalServer
from console.rehearsal import Rehearsed
from launch.ballots_file import Ballots
from launch.events import MessageFailed, Outcome, RollbackClaimed, ServiceRestored
from launch.ledger import verify_chain
from tests.fakes.runbooks import Rehearsal, rehearsable
from tests.flows.test_every_trigger_rehearsed import at, play

pytestmark = [pytest.mark.harness, pytest.mark.integration, pytest.mark.usefixtures("prefect_api")]

ERRORS = "error-rate@T+5m=8%"
OUTAGE = ("vendor-500:slack@T+4m", "vendor-500:statuspage@T+4m")


def rehearsed(server: RehearsalServer, folder: Path, *faults: str) -> Rehearsed:
    case = Rehearsal(trigger="trg-error-rate", guard="rb-error-rate", faults=faults, fires=timedelta(minutes=10))
    folder.mkdir()
    return play(rehearsable("teei-csr", whole=False), case, Ballots(), server, folder)


def test_with_chat_and_status_page_down_service_is_restored_not_a_second_later(
    prefect_server: RehearsalServer, tmp_path: Path
) -> None:
    well = rehearsed(prefect_server, tmp_path / "well", ERRORS)
    mute = rehearsed(prefect_server, tmp_path / "mute", *OUTAGE, ERRORS)
    assert well.state.outcome is Outcome.ROLLED_BACK
    for kind in (RollbackClaimed, ServiceRestored):
        assert at(mute, kind) == at(well, kind)
        assert at(well, kind)
    assert mute.state.outcome in {Outcome.ROLLED_BACK, Outcome.PARTIAL}
    assert all("Statuspage" in line or "Slack" in line for line in mute.state.rollback.residue)
    assert at(mute, MessageFailed), "the outage was felt"
    assert not at(well, MessageFailed)
    verify_chain(mute.launch, mute.records)
