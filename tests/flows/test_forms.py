"""Forms of ballots and attestations, and the artifacts: what people are shown is what the ledger knows."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from prefect import flow, get_client
from pydantic import ValidationError

from flows.artifacts import checklist, gate_summary, rollout_percent, show_checklist, show_gate, show_rollout
from flows.forms import attest_form, attest_words, ballot_form, field_of, gate_words, holders
from launch.events import (
    AnyEvent,
    BallotCast,
    CheckAttested,
    CheckJudged,
    CheckWaived,
    Decision,
    EffectBegun,
    EffectFinished,
    EffectResult,
    GateDecided,
    GateOpened,
)
from launch.plan import FlowPhase, Gate, Plan
from launch.state import LaunchState
from launch.verdicts import Verdict
from tests.fakes import plans
from tests.fakes.agenda_player import Player
from tests.fakes.plans import T0

NOW = T0 - timedelta(minutes=40)
PLAN = plans.plan(
    checks=[
        plans.check("lag"),
        plans.check("briefed", "T-50m", phase="countdown", mode="attested"),
        plans.check("safe", "T-45m", phase="countdown", mode="both", attested_by=["lead"]),
    ],
    actions=[plans.action("flag"), plans.action("banner", "T-20m"), plans.undoing("rb-flag")],
    gates=[
        plans.gate(
            "go",
            quorum="both must say GO",
            criteria=[{"what": "the standby | is near", "checks": ["lag"]}, {"what": "all", "all_before": True}],
        )
    ],
)
OPENED = GateOpened(gate="go", plan_hash="", evidence_hash="abc123", deadline=T0 - timedelta(minutes=25))


def after(*events: AnyEvent, plan: Plan = PLAN) -> LaunchState:
    player = Player(plan, now=T0 - timedelta(days=8))
    player.now = NOW
    player.write(*events)
    return player.state


def gate() -> Gate:
    return PLAN.gates[0]


def ballot_words(*events: AnyEvent, note: str = "") -> str:
    return gate_words(PLAN, after(OPENED, *events), gate(), now=NOW, seat="sre", note=note)


# --- the ballot -------------------------------------------------------------------------------------------------------


def test_a_ballot_form_shows_the_gate_t0_the_deadline_and_the_rule() -> None:
    words = ballot_words()
    assert "go: your ballot as Sre" in words
    assert "T0 Mon 07 Dec 2026 07:00 UTC" in words
    assert "Decide by Mon 07 Dec 06:35:00 UTC (T-00:25:00)" in words
    assert "both must say GO" in words
    assert "release v1 to sandbox" in words
    assert "As of T-00:40:00" in words


def test_a_ballot_form_shows_criteria_open_points_and_the_evidence_it_is_bound_to() -> None:
    failed = CheckJudged(check="lag", verdict=Verdict.FAIL, sentence="replication_lag is 9 s, expected < 5 s")
    words = ballot_words(failed)
    assert "the standby \\| is near | 1 open" in words
    assert "lag failed: replication_lag is 9 s, expected < 5 s" in words
    assert "Evidence `abc123`" in words


def test_a_criterion_says_whether_it_is_met_and_whether_the_plan_can_tell() -> None:
    criteria = [{"what": "the standby is near", "checks": ["lag"]}, {"what": "risks were reviewed"}]
    plan = plans.plan(checks=[plans.check("lag")], gates=[plans.gate("go", criteria=criteria)])
    state = after(OPENED, CheckJudged(check="lag", verdict=Verdict.PASS, sentence=""), plan=plan)
    words = gate_words(plan, state, plan.gates[0], now=NOW)
    assert "| the standby is near | met |" in words
    assert "| risks were reviewed | for people to judge |" in words


def test_a_ballot_form_shows_who_has_said_what_and_who_is_missing() -> None:
    words = ballot_words(
        BallotCast(gate="go", seat="captain", person="ana", decision=Decision.NO_GO, reason="too\nearly")
    )
    assert "ana as Captain: **NO-GO**, too early" in words
    assert "not yet: Sre" in words


def test_a_refused_ballot_is_told_on_the_next_form() -> None:
    assert "**Your ballot did not count:** a NO-GO needs a reason" in ballot_words(note="a NO-GO needs a reason")


def test_many_open_points_are_counted_not_listed() -> None:
    plan = plans.plan(checks=[plans.check(f"c{n}") for n in range(20)], gates=[plans.gate("go")])
    state = after(OPENED, plan=plan)
    words = gate_words(plan, state, plan.gates[0], now=NOW)
    assert "Open points: 20" in words
    assert "and 8 more" in words


@pytest.mark.parametrize(
    "answer", [{"person": "", "decision": "GO"}, {"person": "ana"}, {"person": "ana", "decision": "HOLD"}]
)
def test_a_ballot_needs_a_person_and_a_decision(answer: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        ballot_form(["ana"], "words")(**answer)


def test_a_ballot_form_keeps_its_constraints_beside_its_words() -> None:
    form = ballot_form(["ana", "dan"], "words")
    fields = form.model_json_schema()["properties"]
    assert fields["decision"]["enum"] == ["GO", "NO-GO", "ABSTAIN"]
    assert fields["person"]["minLength"] == 1
    assert "ana, dan" in fields["person"]["description"]


# --- attestations -----------------------------------------------------------------------------------------------------


def test_an_attestation_form_has_a_dropdown_for_each_check() -> None:
    checks = [check for check in PLAN.checks if check.attested_by]
    fields = attest_form(checks, ["ana"], "words").model_json_schema()["properties"]
    assert fields[field_of("briefed")]["enum"] == ["not yet", "pass", "fail"]
    assert fields[field_of("briefed")]["title"] == "briefed"
    assert fields[field_of("safe")]["default"] == "not yet"


def test_an_attestation_form_shows_what_was_measured_of_a_check_that_needs_both() -> None:
    judged = CheckJudged(check="safe", verdict=Verdict.PASS, sentence="replication_lag is 1 s")
    words = attest_words(after(judged), PLAN.checks[1:], NOW, note="no evidence")
    assert "- safe: replication_lag is 1 s" in words
    assert "briefed:" not in words
    assert "**Not taken:** no evidence" in words


def test_the_people_of_a_seat_are_those_who_hold_the_role() -> None:
    assert holders(PLAN, ["sre"]) == ["ben", "cleo"]


# --- artifacts --------------------------------------------------------------------------------------------------------


def standings(*events: AnyEvent) -> dict[str, str]:
    rows = checklist(PLAN, after(*events), FlowPhase.COUNTDOWN, NOW)
    return {row["id"]: row["state"] for row in rows}


def test_a_checklist_lists_checks_and_actions_of_the_phase_by_time() -> None:
    rows = checklist(PLAN, after(), FlowPhase.COUNTDOWN, NOW)
    assert [(row["when"], row["id"]) for row in rows] == [
        ("T-50m", "briefed"),
        ("T-45m", "safe"),
        ("T-30m", "flag"),
        ("T-20m", "banner"),
    ]
    assert {row["state"] for row in rows} == {"not yet"}
    back = checklist(PLAN, after(), FlowPhase.ROLLBACK, NOW)
    assert [(row["when"], row["state"]) for row in back] == [("on trigger", "on trigger")]


@pytest.mark.parametrize(
    ("events", "item", "state"),
    [
        ([CheckAttested(check="briefed", person="ana", verdict=Verdict.PASS)], "briefed", "pass"),
        ([CheckAttested(check="briefed", person="ana", verdict=Verdict.FAIL, evidence="no")], "briefed", "fail"),
        ([CheckJudged(check="safe", verdict=Verdict.PASS, sentence="")], "safe", "half: needs both"),
        (
            [
                CheckJudged(check="safe", verdict=Verdict.PASS, sentence=""),
                CheckAttested(check="safe", person="dan", verdict=Verdict.PASS),
            ],
            "safe",
            "pass",
        ),
        (
            [
                CheckJudged(check="safe", verdict=Verdict.ERROR, sentence=""),
                CheckWaived(check="safe", person="ana", reason="known", until=T0),
            ],
            "safe",
            "waived",
        ),
        ([EffectBegun(action="flag", attempt=1, key="k")], "flag", "under way"),
        ([EffectFinished(action="flag", attempt=1, result=EffectResult.ALREADY)], "flag", "done"),
        ([EffectFinished(action="flag", attempt=1, result=EffectResult.FAILED)], "flag", "failed"),
    ],
)
def test_a_row_says_how_far_its_item_is(events: Sequence[AnyEvent], item: str, state: str) -> None:
    assert standings(*events)[item] == state


def test_a_gate_summary_begins_with_what_matters_now() -> None:
    assert gate_summary(PLAN, after(), gate(), NOW).startswith("# go: not open yet")
    assert "Waiting for captain, sre." in gate_summary(PLAN, after(OPENED), gate(), NOW)
    decided = GateDecided(gate="go", decision=Decision.NO_GO, reason="ana (captain): too early")
    assert gate_summary(PLAN, after(OPENED, decided), gate(), NOW).startswith("# go: NO-GO\n\nana (captain): too early")


def test_progress_is_the_share_of_production_changes_that_hold() -> None:
    assert rollout_percent(PLAN, after()) == 0.0
    done = EffectFinished(action="flag", attempt=1, result=EffectResult.APPLIED)
    assert rollout_percent(PLAN, after(done)) == 50.0


def test_progress_is_the_rollout_step_reached_where_the_plan_has_steps() -> None:
    steps = [
        {"n": 1, "percent": 10, "target": "canary", "actions": ["flag"]},
        {"n": 2, "percent": 100, "target": "all", "actions": ["banner"]},
    ]
    plan = plans.plan(
        actions=[plans.action("flag"), plans.action("banner", "T-20m")],
        rollout={"strategy": "flag-percentage", "steps": steps},
    )
    done = EffectFinished(action="flag", attempt=1, result=EffectResult.APPLIED)
    assert rollout_percent(plan, after(done, plan=plan)) == 10


@pytest.mark.harness
def test_artifacts_are_on_the_server_and_renewed_in_place(prefect_api: str) -> None:
    del prefect_api
    state = after(OPENED)
    state.launch = "shown-1"  # the server is the session's: other tests show launches of the usual name

    @flow(persist_result=False)
    async def show() -> list[str]:
        for _ in range(2):
            await show_checklist(PLAN, state, FlowPhase.COUNTDOWN, NOW)
            await show_gate(PLAN, state, gate(), NOW)
            await show_rollout(PLAN, state)
        async with get_client() as client:
            answer = await client.request("POST", "/artifacts/latest/filter", json={})
            return sorted(str(one["key"]) for one in answer.json() if "shown-1" in str(one["key"]))

    assert asyncio.run(show()) == ["countdown-shown-1", "go-shown-1", "rollout-shown-1"]
