"""What `tminus lint` finds in actions that only tell that they were done, or need what another one gives."""

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


def tell(name, text, **fields):
    effect = {"do": "post-message", "on": "chat", "channel": "launch", "message": name, "text": text}
    return plans.action(name, effect=effect, undo={"how": "keep", "because": "words"}, **fields)


BACK = {"phase": "rollback", "offset": None, "role": "undoes"}
GIVES = '{{ actions["clone"].outputs.address }}'


@pytest.mark.parametrize(
    ("giver", "reader", "is_clean"),
    [
        ({}, {"after": ["clone"]}, True),
        ({}, {"after": ["between"]}, True),
        ({}, {}, False),
        ({}, BACK, True),
        (BACK, BACK, False),
        (BACK, BACK | {"after": ["clone"]}, True),
        (BACK, {}, False),
    ],
)
@pytest.mark.parametrize("text", [GIVES, "{{ actions.clone.finished_at }}"])
def test_who_needs_what_another_gives_waits_for_it(giver, reader, is_clean, text):
    between = tell("between", "words", after=["clone"])
    actions = [tell("clone", "words", **giver), between, tell("switch", text, **reader)]
    findings = [one for one in broken_rules(plans.plan(actions=actions)) if one.code == "P263"]
    assert [(one.path, one.right) for one in findings] == (
        [] if is_clean else [("actions[2].effect.text", "`after: [clone]`")]
    )


@pytest.mark.parametrize("text", ['{{ actions["clone"].began_at }}', '{{ actions["gone"].outputs.address }}'])
def test_a_beginning_is_known_before_the_end_and_an_unknown_name_is_another_finding(text):
    findings = broken_rules(plans.plan(actions=[tell("clone", "words"), tell("switch", text)]))
    assert [one.code for one in findings if one.code.startswith("P26")] == (["P262"] if "gone" in text else [])
