"""Commands on a launch: status, acts of persons, audit and report, on a ledger on disk."""

import json
import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.ledger import open_ledger
from console import ledgers
from console.main import run
from launch import events
from launch.events import Decision, EffectResult, GuardState, Outcome
from launch.ledger import verify_chain
from launch.plan.schedule import FlowPhase
from launch.plan_file import load_plan
from launch.verdicts import Verdict

MINUTE = timedelta(minutes=1)
ROOT = Path(__file__).parents[2]


def gate_opens(story) -> events.GateOpened:
    deadline = story.t0 - 25 * MINUTE
    return events.GateOpened(gate="go", plan_hash="p", evidence_hash="e", deadline=deadline)


def answered(capfdbinary) -> dict:
    return json.loads(capfdbinary.readouterr().out)


@pytest.fixture
def as_json(story, capfdbinary):
    def call(*arguments: str) -> dict:
        assert run([*arguments, "--ledger", story.url, "--json"]) == 0
        return answered(capfdbinary)

    return call


def test_status_says_what_is_next_and_what_blocks(story, as_json) -> None:
    story.then(-7 * timedelta(days=1), events.PhaseStarted(phase=FlowPhase.HARDENING))
    story.then(-2 * timedelta(days=1), events.CheckJudged(check="replica-near", verdict=Verdict.FAIL, sentence="9 s"))
    story.then(-2 * timedelta(days=1), gate_opens(story))
    story.then(-2 * timedelta(days=1), events.BallotCast(gate="go", seat="sre", person="ben", decision=Decision.GO))
    seen = as_json("status")
    assert seen["clock"].startswith("T-")
    assert seen["phases"][0] == {
        "phase": "hardening",
        "standing": "running",
        "started": seen["phases"][0]["started"],
        "ended": None,
        "reason": "",
    }
    gate = seen["gates"][0]
    assert (gate["standing"], gate["missing"], gate["ballots"]) == ("open", ["captain"], ["ben GO"])
    assert any("replica-near" in sentence for sentence in gate["unmet"])
    assert "gate go waits for a ballot of captain" in seen["blocks"]
    assert seen["checks"] == {"failed": 1, "not asked": 1}
    assert [one["id"] for one in seen["next"]][:2] == ["go", "deploy"]


def test_status_in_words(story, capfd) -> None:
    assert run(["status", "cockpit-1", "--ledger", story.url]) == 0
    out = capfd.readouterr().out
    assert "cockpit-1  Cockpit v2  (sandbox)" in out
    assert "hardening" in out


def test_status_shows_who_holds_the_exposure_and_why_and_each_service(story, capfd) -> None:
    held = events.ExposureHeld(by="watchdog", reason="alarm countdown/process/1: countdown has no process")
    story.then(-30 * MINUTE, held, events.AlarmRaised(what="countdown/process/1", detail="countdown has no process"))
    assert run(["status", "cockpit-1", "--ledger", story.url]) == 0
    told = capfd.readouterr().out
    assert "EXPOSURE HELD by watchdog: alarm countdown/process/1: countdown has no process" in told
    assert "alarm: countdown/process/1: countdown has no process" in told
    (service,) = [line.split() for line in told.splitlines() if line.startswith("api")]
    assert service[:2] == ["api", "v2.1.0"]


def test_an_act_is_taken_and_on_the_ledger(story, as_json) -> None:
    taken = as_json("attest", "staff-briefed", "--by", "ana", "--evidence", "stand-up of today")
    assert taken["taken"]["kind"] == "check-attested"
    as_json("hold", "--by", "ben", "--reason", "storm")
    assert as_json("status")["held"] == "ben: storm"
    as_json("hold", "--lift", "--by", "ben")
    later = story.t0 + timedelta(hours=2)
    as_json("slip", later.isoformat(), "--by", "ana", "--reason", "storm")
    assert datetime.fromisoformat(as_json("status")["t0"]) == later
    as_json("waive", "replica-near", "--by", "ana", "--reason", "known", "--for", "4h")
    verify_chain("cockpit-1", story.ledger.records("cockpit-1"))
    assert len(story.ledger.records("cockpit-1")) == 6


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["attest", "replica-near", "--by", "ana"], "is measured, nobody vouches for it"),
        (["attest", "staff-briefed", "--by", "ben"], "ben may not vouch for 'staff-briefed'"),
        (["attest", "staff-brief", "--by", "ana"], "did you mean 'staff-briefed'?"),
        (["hold", "--by", "eve", "--reason", "x"], "'eve' is nobody of the plan"),
        (["hold", "--by", "ana"], "a hold needs a reason"),
        (["hold", "--lift", "--by", "ana"], "the launch is not held"),
        (["hold", "--exposure", "--by", "ana", "--reason", "x"], "there is no rollout to hold"),
        (["hold", "--exposure", "--lift", "--by", "ana"], "the exposure is not held"),
        (["waive", "replica-near", "--by", "ben", "--reason", "x", "--for", "4h"], "ben may not waive"),
        (["slip", "2020-01-01T00:00Z", "--by", "ana", "--reason", "x"], "lie in the future"),
        (["rollback", "--by", "ben", "--reason", "x"], "ben may not declare a rollback; that takes one of captain"),
        (["rollback", "--by", "ana", "--reason", " "], "a rollback needs a reason"),
        (["rollback", "--by", "ana", "--reason", "x", "--procedure", "ful"], "did you mean 'full'?"),
        (["rollback", "--by", "ben", "--reason", "x", "--trigger", "too-many-errors"], "has changed nothing yet"),
    ],
)
def test_an_act_against_the_rules_exits_1_and_writes_nothing(story, capfd, arguments, sentence) -> None:
    assert run([*arguments, "--ledger", story.url]) == 1
    captured = capfd.readouterr()
    assert sentence in captured.err
    assert captured.out == ""
    assert len(story.ledger.records("cockpit-1")) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["status", "cockpit-9"], "no launch 'cockpit-9' in this ledger"),
        (["waive", "replica-near", "--by", "ana", "--reason", "x", "--for", "soon"], "--for: 'soon' is not a duration"),
        (["slip", "2030-01-01T00:00", "--by", "ana", "--reason", "x"], "has no zone"),
        (["status", "--watch", "--json"], "do not go together"),
    ],
)
def test_wrong_arguments_exit_2(story, capfd, arguments, sentence) -> None:
    assert run([*arguments, "--ledger", story.url]) == 2
    assert sentence in capfd.readouterr().err


def test_a_trigger_that_a_person_may_not_decide_alone_is_reported(story, small_plan, capfdbinary) -> None:
    opened = story.ledger.records("cockpit-1")[0]
    text = (
        small_plan.read_text()
        .replace("automatic: true", "decided_at: go")
        .replace("on_no_go: stop", "on_no_go: rollback")
    )
    plan = load_plan(text.replace("who: [captain]}", "who: [captain, sre], count: 2}", 1)).plan
    other = open_ledger(story.url.replace("ledger.db", "other.db"))
    other.append(
        "cockpit-2",
        opened.event.model_copy(update={"plan_text": plan.model_dump_json()}),
        at=opened.at,
        wall=opened.wall,
    )
    begun = events.EffectBegun(action="deploy", attempt=1, key="k")
    other.append("cockpit-2", begun, at=opened.at, wall=opened.wall)
    other.close()
    arguments = ["rollback", "--trigger", "too-many-errors", "--by", "ben", "--reason", "pages are white"]
    assert run([*arguments, "--ledger", other.url, "--json"]) == 0
    taken = answered(capfdbinary)["taken"]
    assert (taken["kind"], taken["by"]) == ("trigger-fired", "ben")


def test_audit_finds_an_intact_chain_and_where_it_is_broken(story, as_json, capfdbinary) -> None:
    story.then(-MINUTE, events.HoldPlaced(by="ana", reason="x"), events.HoldLifted(by="ana"))
    audit = as_json("audit", "verify")
    assert (audit["intact"], audit["events"], audit["broken_at"]) == (True, 3, None)
    connection = sqlite3.connect(story.url.removeprefix("sqlite:///"))
    connection.executescript("DROP TRIGGER event_delete; DELETE FROM event WHERE sequence = 2")
    connection.close()
    assert run(["audit", "verify", "--ledger", story.url]) == 1
    assert (
        "the ledger of cockpit-1 is broken at event 2: event 3 stands in its place"
        in capfdbinary.readouterr().err.decode()
    )


def at_the_gate(story) -> None:
    """The gate is open, both seats said GO, and one check is not vouched for yet."""
    day = timedelta(days=1)
    story.then(-2 * day, events.CheckJudged(check="replica-near", verdict=Verdict.PASS, sentence="1 s"))
    story.then(-2 * day, gate_opens(story))
    for person, seat in (("ana", "captain"), ("ben", "sre")):
        story.then(-2 * day, events.BallotCast(gate="go", seat=seat, person=person, decision=Decision.GO))


def test_what_an_open_gate_waited_for_decides_it_at_once(story, capfd) -> None:
    at_the_gate(story)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert run(["attest", "staff-briefed", "--by", "ana", "--ledger", story.url]) == 0
    told = capfd.readouterr().out
    assert (
        "gate go decided GO: every seat said GO; the Prefect server at http://127.0.0.1:9/api does not answer" in told
    )
    decided = [one.event for one in story.ledger.records("cockpit-1") if isinstance(one.event, events.GateDecided)]
    assert [one.decision for one in decided] == [Decision.GO]


def test_an_answer_that_decides_nothing_says_so_in_json(story, as_json) -> None:
    assert as_json("attest", "staff-briefed", "--by", "ana")["decided"] == []


def test_the_report_of_a_launch_that_was_rolled_back(story, capfd) -> None:
    story.then(
        -2 * timedelta(days=1),
        events.CheckJudged(
            check="replica-near", verdict=Verdict.FAIL, sentence="replication_lag is 9 s at database, expected < 5 s"
        ),
    )
    story.then(-41 * MINUTE, events.CheckWaived(check="replica-near", person="ana", reason="known", until=story.t0))
    story.then(-40 * MINUTE, gate_opens(story))
    story.then(
        -39 * MINUTE,
        events.BallotCast(gate="go", seat="captain", person="ana", decision=Decision.GO, reason="fine | really"),
    )
    story.then(
        -39 * MINUTE,
        events.BallotRefused(gate="go", person="eve", decision="NO-GO", reason="'eve' is nobody of the plan"),
    )
    story.then(-38 * MINUTE, events.GateDecided(gate="go", decision=Decision.GO, reason="every seat says GO"))
    story.then(-30 * MINUTE, events.EffectBegun(action="deploy", attempt=1, key="k"))
    story.then(-18 * MINUTE, events.EffectFinished(action="deploy", attempt=1, result=EffectResult.APPLIED))
    story.then(0 * MINUTE, events.WentLive())
    story.then(5 * MINUTE, events.GuardChanged(guard="errors-high", state=GuardState.FIRING, value=8.25, query="rate"))
    story.then(5 * MINUTE, events.TriggerFired(trigger="too-many-errors", because="errors-high fires"))
    story.then(5 * MINUTE, events.RollbackClaimed(trigger="too-many-errors", tier="immediate", by="conductor"))
    story.then(6 * MINUTE, events.EffectBegun(action="rb-deploy", attempt=1, key="r"))
    story.then(8 * MINUTE, events.EffectFinished(action="rb-deploy", attempt=1, result=EffectResult.APPLIED))
    story.then(8 * MINUTE, events.UndoSkipped(action="announce", why="words stay said", residue=True))
    story.then(9 * MINUTE, events.ServiceRestored())
    story.then(9 * MINUTE, events.MessageFailed(key="m", channel="war-room", why="503"))
    story.then(10 * MINUTE, events.RollbackEnded(outcome=Outcome.PARTIAL, residue=("announce: words stay said",)))
    story.then(10 * MINUTE, events.LaunchClosed(outcome=Outcome.PARTIAL, reason="rolled back"))
    assert run(["report", "--ledger", story.url]) == 0
    out = capfd.readouterr().out
    for words in (
        "# Launch report: Cockpit, cockpit-1",
        "| Outcome | partial: rolled back |",
        "v2 (api v2.1.0)",
        "### Go or no-go (`go`): GO at ",
        "| captain | ana | GO | fine \\| really |",
        "- **replica-near** (The standby is near): failed",
        "  - waived by ana until",
        "replication_lag is 9 s at database, expected < 5 s",
        "| deploy | applied |",
        "| 12m | 10m | 1 |",
        "| errors-high | firing | 8.25 | - | rate |",
        "| First undo after | 1m |",
        "| Service restored after | 4m (target unknown (the plan gives no figure)) |",
        "| Complete after | 5m (target unknown (the plan gives no figure)) |",
        "- announce: words stay said",
        "| one-hour | One hour | T+1h | - | unknown (it was not held) |",
        "| calm | No incident | unknown (it was not measured) |",
        "| war-room | failed | 503 |",
        "| a ballot was refused | eve at go: 'eve' is nobody of the plan |",
    ):
        assert words in out, words


def test_the_report_of_a_launch_that_has_hardly_begun_says_what_is_unknown_and_why(story, capfd) -> None:
    assert run(["report", "--ledger", story.url]) == 0
    out = capfd.readouterr().out
    assert "unknown (the launch is still open" in out
    assert "| Live | unknown (T0 has not been reached) |" in out
    assert "It was not opened." in out
    assert "There was none." in out


def test_a_closed_launch_is_shown_when_none_is_open(story, as_json) -> None:
    story.then(-MINUTE, events.LaunchClosed(outcome=Outcome.NO_GO, reason="storm"))
    seen = as_json("status")
    assert (seen["outcome"], seen["next"], seen["blocks"]) == ("no-go", [], [])
    assert seen["clock"] == "T-00:01:00"


def test_a_compressed_clock_is_the_launchs_own(story, as_json) -> None:
    wall = datetime.now(UTC)
    story.then(-8 * timedelta(days=1), events.ClockSet(wall=wall, at=story.t0 - timedelta(hours=3), speed=1.0))
    assert as_json("status")["clock"].startswith(("T-02:59", "T-03:00"))


def test_the_ledger_is_the_option_then_that_of_up_then_a_file_here(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ledgers.ledger_url("sqlite:///x.db") == "sqlite:///x.db"
    assert ledgers.ledger_url(None) == "sqlite:///.tminus/ledger.db"
    (tmp_path / ".tminus").mkdir()
    (tmp_path / ".tminus" / "up.json").write_text('{"ledger": "postgresql://h/d", "ui": "http://x"}')
    assert ledgers.ledger_url(None) == "postgresql://h/d"


def test_a_broken_note_of_up_and_a_missing_ledger_are_one_sentence(tmp_path, monkeypatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["status"]) == 2
    assert "there is no ledger at .tminus/ledger.db" in capfd.readouterr().err
    assert not (tmp_path / ".tminus").exists()
    (tmp_path / ".tminus").mkdir()
    (tmp_path / ".tminus" / "up.json").write_text("{}")
    assert run(["status"]) == 2
    assert ".tminus/up.json: it does not name a ledger" in capfd.readouterr().err


def test_the_report_with_its_plot_in_a_directory(story, tmp_path, capfd) -> None:
    story.then(5 * MINUTE, events.GuardChanged(guard="errors-high", state=GuardState.FIRING, value=9.0))
    assert run(["report", "--ledger", story.url, "--directory", str(tmp_path / "out")]) == 0
    assert capfd.readouterr().out.strip() == str(tmp_path / "out" / "report.md")
    assert "![Exposure and guards over time](course.svg)" in (tmp_path / "out" / "report.md").read_text()
    assert (tmp_path / "out" / "course.svg").read_bytes().startswith(b"<?xml")


def test_a_directory_that_cannot_be_written_is_one_sentence(story, tmp_path, capfd) -> None:
    (tmp_path / "out").write_text("a file")
    assert run(["report", "--ledger", story.url, "--directory", str(tmp_path / "out")]) == 2
    assert "the report cannot be written there: File exists" in capfd.readouterr().err


# --- where the Prefect server is --------------------------------------------------------------------------------------


def alone(story, tmp_path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, where `tminus up` wrote down a server that has gone since."""
    (tmp_path / ".tminus").mkdir()
    up = {"api": "http://127.0.0.1:9/api", "ui": "http://127.0.0.1:9", "ledger": story.url}
    (tmp_path / ".tminus" / "up.json").write_text(json.dumps(up))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "TMINUS_"))}
    return subprocess.run(
        [sys.executable, "-m", "console.main", *arguments],
        cwd=tmp_path,
        env=clean | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_rollback_is_asked_of_the_server_that_is_up_here_and_one_sentence_tells_when_it_is_not(
    story, tmp_path
) -> None:
    said = alone(story, tmp_path, "rollback", "--by", "ana", "--reason", "fog")
    assert said.returncode == 1
    assert said.stderr.startswith("tminus: the Prefect server at http://127.0.0.1:9/api does not answer")
    assert said.stderr.count("\n") == 1


def test_an_attestation_wakes_its_phase_on_the_server_that_is_up_here(story, tmp_path) -> None:
    at_the_gate(story)
    said = alone(story, tmp_path, "attest", "staff-briefed", "--by", "ana")
    assert said.returncode == 0
    assert "the Prefect server at http://127.0.0.1:9/api does not answer" in said.stdout
    assert said.stderr == ""
