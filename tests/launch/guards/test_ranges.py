"""Ranges in which a guard is in breach and nobody is told what to do: against a search over numbers, and a table."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch.guards import Range, breached, unanswered, unanswered_ranges
from launch.plan import Plan
from launch.plan_rules import remarks
from tests.fakes import plans

WATCHED = {"strategy": "rolling", "services": [{"id": "api"}]}


def errors(name: str, comparator: str, value: float | str, *, responds: bool = True, **changes: Any) -> plans.Item:
    """A guard on the error rate that is watched. One that must hold never responds by its text."""
    polarity = "must-hold" if comparator in {"<", "<=", "in"} else "breach"
    response = "page" if responds else ""
    guard = {"comparator": comparator, "value": value, "polarity": polarity, "response": response}
    return plans.guard(name, **(guard | changes))


def planned(*guards: plans.Item, pulled: tuple[str, ...] = (), advance: tuple[str, ...] = ()) -> Plan:
    """A plan with a trigger for each of `pulled`, and steps that advance while `advance` holds."""
    triggers = [
        {"id": f"trigger-{n}", "tier": "immediate", "condition": "errors", "guards": [name], "automatic": True}
        for n, name in enumerate(pulled)
    ]
    return plans.plan(guards=guards, triggers=triggers, rollout=WATCHED | {"watch": list(advance)})


ADVANCE = errors("advance", "<", 1, watched=[])
ROLL_BACK = errors("back", ">", 5, responds=False)


@pytest.mark.parametrize(
    ("guards", "pulled", "expected"),
    [
        ([ADVANCE, ROLL_BACK], ("back",), ["error_rate between 1 % and 5 % has no response"]),
        ([ADVANCE, ROLL_BACK], ("back", "advance"), []),
        ([ADVANCE, ROLL_BACK], (), []),
        ([ADVANCE, errors("alert", ">", 1), ROLL_BACK], ("back",), []),
        (
            [ADVANCE, errors("alert", ">", 2), ROLL_BACK],
            ("back",),
            ["error_rate between 1 % and 2 % has no response"],
        ),
        (
            [ADVANCE, errors("alert", ">", 2, responds=False), ROLL_BACK],
            ("back",),
            ["error_rate between 1 % and 5 % has no response"],
        ),
        ([ADVANCE, errors("back", ">=", 1)], ("back",), []),
        (
            [errors("normal", "in", "10..50", watched=[]), errors("flood", ">", 500)],
            (),
            [],
        ),
        (
            [errors("normal", "in", "10..50", query={"of": "metrics", "query": "errors"}), errors("flood", ">", 500)],
            (),
            ["error_rate below 10 % has no response", "error_rate between 50 % and 500 % has no response"],
        ),
        ([errors("advance", "<", 0.01, unit="ratio", watched=[]), ROLL_BACK], ("back",), ["0.01 ratio and 0.05 ratio"]),
        ([errors("advance", "<", 1, unit="s", watched=[]), ROLL_BACK], ("back",), []),
        ([errors("advance", "<", 1, query={"of": "metrics", "query": "other"}), ROLL_BACK], ("back",), []),
        ([errors("advance", "<", 1, query={"of": "metrics", "query": "errors", "step": "5s"}), ROLL_BACK], ("back",), ["1"]),
        ([errors("advance", "<", "low"), ROLL_BACK], ("back",), []),
        ([errors("floor", ">", 99, watched=[]), errors("fine", "<", 1, watched=[])], ("floor",), ["between 1 % and 99 %"]),
    ],
)  # fmt: skip
def test_a_range_with_no_response_is_named(guards: list[plans.Item], pulled, expected: list[str]) -> None:
    advance = tuple(one["id"] for one in guards if one["id"] in {"advance", "fine"})
    found = unanswered_ranges(planned(*guards, pulled=pulled, advance=advance))
    assert len(found) == len(expected)
    assert all(words in str(one) for one, words in zip(found, expected, strict=True))


def test_guards_that_nothing_evaluates_make_no_range() -> None:
    assert unanswered_ranges(planned(ADVANCE, ROLL_BACK, pulled=("back",))) == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.5, False), (1, True), (3, True), (5, True), (5.1, False), (None, False)],
)
def test_a_value_is_told_to_lie_in_the_range(value: float | None, expected) -> None:
    plan = planned(ADVANCE, ROLL_BACK, pulled=("back",), advance=("advance",))
    found = unanswered(plan, {"advance": value, "someone-else": 3})
    assert found == ((Range(metric="error_rate", low=1, high=5, unit="%", guards=("advance", "back")),) * expected)
    assert bool(unanswered(plan, {"advance": None, "back": value})) is expected


def test_the_linter_names_the_range_and_the_plan_can_be_launched() -> None:
    plan = planned(ADVANCE, ROLL_BACK, pulled=("back",), advance=("advance",))
    (found,) = remarks(plan)
    assert (found.code, found.path) == ("P270", "thresholds[0]")
    assert "error_rate between 1 % and 5 % has no response" in str(found)


guards = st.lists(
    st.tuples(st.sampled_from(["<", "<=", ">", ">="]), st.integers(0, 8), st.booleans()),
    min_size=1,
    max_size=4,
)


@given(guards)
def test_a_number_is_unanswered_where_a_search_over_the_guards_says_so(drawn) -> None:
    items = [
        errors(f"g{n}", sign, value, responds=responds, polarity="breach")
        for n, (sign, value, responds) in enumerate(drawn)
    ]
    plan = planned(*items)
    answering = {item["id"] for item in items if item["response"]}
    for number in (quarter / 4 for quarter in range(-4, 40)):
        breaching = {one.id for one in plan.thresholds if breached(one, number)}
        expected = bool(answering) and bool(breaching) and not breaching & answering
        found = unanswered(plan, {"g0": number})
        if number != int(number):
            assert bool(found) is expected, number
        elif found:
            # A single number between two ranges is no range.
            assert expected, number


# --- what can never be judged -----------------------------------------------------------------------------------------

BESIDE = {"kind": "side-by-side", "query": "stable"}


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"gap": "10s"}, "gap", "so nothing can last"),
        ({"unit": "ms", "baseline": BESIDE}, "unit", "write x or %"),
        (
            {"unit": "x", "baseline": {"kind": "earlier", "start": "T-30m", "end": "T+30m"}},
            "baseline.end",
            "watched from T0 on, before its baseline is over",
        ),
        (
            {"unit": "x", "baseline": BESIDE, "comparison": {}, "sustained": "4m"},
            "sustained",
            "4m cannot hold the 20 samples of the comparison; write at least 5m",
        ),
        (
            {"unit": "x", "baseline": BESIDE, "comparison": {"looks": 11}},
            "comparison.looks",
            "the looks are spent after 55m, and the guard is watched for 1h; write at least 12",
        ),
        (
            {"unit": "s", "objective": {"target": 99, "windows": [{"long": "1h", "short": "5m", "burn": 14.4}]}},
            "query.unit",
            "'s' is none",
        ),
    ],
)
def test_a_guard_that_can_never_be_judged_is_remarked_on(changes, path: str, words: str) -> None:
    (found,) = remarks(planned(plans.guard("errors-high", **changes)))
    assert (found.code, found.path) == ("P243", f"thresholds[0].{path}")
    assert words in str(found)


@pytest.mark.parametrize("changes", [{}, {"unit": "%", "baseline": BESIDE}, {"query": None, "watched": []}])
def test_a_guard_that_can_be_judged_is_not(changes) -> None:
    assert remarks(planned(plans.guard("errors-high", **changes))) == []
