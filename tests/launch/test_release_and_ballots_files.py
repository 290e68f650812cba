"""Release and ballots files are refused with the same care as plans."""

from pathlib import Path

import pytest

from launch.ballots_file import load_ballots
from launch.events import Decision
from launch.findings import InvalidFileError
from launch.plan import Plan
from launch.plan_file import load_plan
from launch.release_file import load_release
from launch.verdicts import Verdict


@pytest.fixture(scope="module")
def plan(small_plan: Path) -> Plan:
    return load_plan(small_plan.read_text()).plan


def test_a_release_names_versions_of_the_plans_services(plan: Plan) -> None:
    release = load_release("version: v2\ncommit: 0012\nservices: {api: v2.5.0}".replace("0012", "'0012'"), plan)
    assert release.services == {"api": "v2.5.0"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("version: v2\nservices:\n  apo: v2", 'release: line 3: P101 services.apo: the plan has no service "apo"; did you mean "api"?'),
        ("version: 2.5", "release: line 1: P005 version: 2.5 does not fit: should be a valid string"),
        ("services: {}", "release: line 1: P004 version: 'version' is missing; add `version`"),
        ("version: v2\nversion: v3", "release: line 2: P002 version: the key 'version' is written twice; the first is in line 1; keep one of them"),
    ],
)  # fmt: skip
def test_a_wrong_release_is_one_sentence(plan: Plan, text: str, sentence: str) -> None:
    with pytest.raises(InvalidFileError) as caught:
        load_release(text, plan)
    assert str(caught.value) == sentence


def test_ballots_by_gate_and_attestations_by_check(plan: Plan) -> None:
    text = """
go:
  - {person: ana, decision: NO-GO, reason: wind}
  - {person: ben, decision: GO}
attestations:
  staff-briefed: {person: ana, verdict: fail, evidence: nobody came}
"""
    ballots = load_ballots(text, plan)
    assert [ballot.decision for ballot in ballots.gates["go"]] == [Decision.NO_GO, Decision.GO]
    assert ballots.attestations["staff-briefed"].verdict is Verdict.FAIL


def test_an_empty_ballots_file_says_nothing(plan: Plan) -> None:
    assert not load_ballots("", plan).gates


@pytest.mark.parametrize(
    ("text", "line", "path", "words"),
    [
        ("goo:\n  - {person: ana, decision: GO}", 1, "goo", 'no gate "goo"; did you mean "go"?'),
        ("go:\n  - {person: anna, decision: GO}", 2, "go[0].person", 'did you mean "ana"?'),
        ("go:\n  - {person: ana, decision: YES}", 2, "go[0].decision", "'GO', 'NO-GO'"),
        ("go: GO", 1, "go", "should be a valid"),
        ("attestations:\n  x: {person: ana, verdict: pass}", 2, "attestations.x", 'no check "x"'),
        ("attestations:\n  replica-near: {person: ana, verdict: pass}", 2, "attestations.replica-near", "is measured"),
        ("attestations:\n  staff-briefed: {person: ian, verdict: pass}", 2, "attestations.staff-briefed.person", "ana"),
    ],
)
def test_a_wrong_ballots_file_says_where(plan: Plan, text: str, line: int, path: str, words: str) -> None:
    with pytest.raises(InvalidFileError) as caught:
        load_ballots(text, plan)
    finding = caught.value.findings[0]
    assert (finding.line, finding.path) == (line, path)
    assert words in str(finding)


def test_a_person_without_a_seat_cannot_vote(small_plan: Path) -> None:
    text = small_plan.read_text().replace("      - {role: sre}\n", "")
    plan = load_plan(text).plan
    with pytest.raises(InvalidFileError, match=r'P230 .*ben has no seat at gate "go"; its seats are captain'):
        load_ballots("go:\n  - {person: ben, decision: GO}", plan)
