"""Success criteria from the ledger: what it does not know is never a success."""

import pytest

from launch.criteria import measured_from_ledger
from launch.events import CheckJudged, CheckWaived
from launch.plan import SuccessCriterion
from launch.verdicts import Verdict
from tests.fakes import plans
from tests.fakes.agenda_player import Player
from tests.fakes.plans import T0

PASS, FAIL, UNCLEAR = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def criterion(metric: str, value: float = 100) -> SuccessCriterion:
    limit = {"metric": metric, "comparator": ">=", "value": value, "unit": "%"}
    fields = {"id": "done", "what": "it is done", "thresholds": [limit], "measured_at": "T+1d", "mode": "automated"}
    return SuccessCriterion.model_validate(fields)


@pytest.mark.parametrize(
    ("verdicts", "needed", "expected"),
    [
        ({"disk": PASS, "lag": PASS}, 100, PASS),
        ({"disk": PASS, "lag": FAIL}, 100, FAIL),
        ({"disk": PASS}, 100, FAIL),
        ({"disk": PASS}, 50, PASS),
        ({"disk": PASS, "lag": UNCLEAR}, 51, FAIL),
        ({}, 1, FAIL),
    ],
)
def test_the_checklist_is_the_share_of_blocking_checks_that_passed_before_live(verdicts, needed, expected) -> None:
    checks = [
        plans.check("disk"),
        plans.check("lag", "T-12h", phase="eve"),
        plans.check("nice", blocking=False),
        plans.check("late", "T-10m", phase="countdown"),
    ]
    player = Player(plans.plan(checks=checks))
    player.write(*(CheckJudged(check=check, verdict=one, sentence="so") for check, one in verdicts.items()))
    found = measured_from_ledger(player.plan, player.state, criterion("checklist_completion", needed), T0)
    assert found.verdict is expected


def test_a_waived_check_was_not_completed() -> None:
    player = Player(plans.plan(checks=[plans.check("disk")]))
    player.write(CheckWaived(check="disk", person="ana", reason="known", until=T0))
    found = measured_from_ledger(player.plan, player.state, criterion("checklist_completion"), player.now)
    assert found.verdict is FAIL
    assert found.sentence == "checklist_completion is 0% at the ledger, expected >= 100%"


def test_a_plan_without_checks_has_completed_nothing() -> None:
    player = Player(plans.plan())
    assert measured_from_ledger(player.plan, player.state, criterion("checklist_completion"), T0).verdict is FAIL


def test_what_the_ledger_does_not_know_is_no_clear_answer() -> None:
    player = Player(plans.plan())
    found = measured_from_ledger(player.plan, player.state, criterion("uptime"), T0)
    assert (found.verdict, found.sentence) == (UNCLEAR, "nothing measures this criterion")
