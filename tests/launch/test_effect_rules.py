"""What `tminus lint` finds in actions that only tell that they were done."""

import pytest

from launch.plan_rules import broken_rules
from tests.fakes import plans

TRY = plans.action(
    "try",
    effect={"do": "run-load-test", "on": "load", "test": "checkout", "users": 50, "lasting": "4h"},
    undo={"how": "keep", "because": "it ends by itself"},
)
LIMITS = [{"metric": "errors", "comparator": "==", "value": 0}]


def judge(**fields):
    probe = {"ask": "load-test", "of": "load", "name": "checkout", "pilot_users": 25}
    return plans.check("bears", probes=[probe | fields], thresholds=LIMITS)


def found(*checks):
    return [one for one in broken_rules(plans.plan(actions=[TRY], checks=list(checks))) if one.code == "P225"]


def test_a_load_test_that_a_check_judges_is_clean():
    assert found(judge()) == []


@pytest.mark.parametrize("checks", [(), (judge(name="search"),), (judge(of="database"),)])
def test_a_load_test_that_no_check_judges_is_told(checks):
    (finding,) = found(*checks)
    assert finding.path == "actions[0].effect.test"
    assert finding.problem == "no check judges what load test 'checkout' finds"
