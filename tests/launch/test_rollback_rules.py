"""What the linter says of triggers, authority, gates and procedures that do not fit each other."""

from typing import Any

import pytest

from launch.rules.rollbacks import broken_rollbacks
from tests.fakes import plans


def gate(name: str, *roles: str, phase: str = "watch", **more: Any) -> plans.Item:
    seats = [{"role": role} for role in roles or ("captain",)]
    fields = {"offset": None, "phase": phase, "criteria": [], "seats": seats, "on_no_go": "rollback"}
    return plans.gate(name) | fields | more


def trigger(**more: Any) -> plans.Item:
    return {"id": "bad", "tier": "urgent", "condition": "bad", "guards": ["errors"]} | more


def authority(*who: str, tier: str = "all", **more: Any) -> plans.Item:
    return {"tier": tier, "who": list(who or ("captain",))} | more


def found(
    *,
    triggers: list[plans.Item] | None = None,
    gates: list[plans.Item] | None = None,
    procedures: list[plans.Item] | None = None,
    **rollback: Any,
) -> list[tuple[str, str]]:
    """Code and place of each finding."""
    plan = plans.plan(
        checks=[plans.check("near", None, phase="back")],
        actions=[plans.action("deploy"), plans.undoing("rb-deploy")],
        guards=[plans.guard("errors")],
        triggers=[trigger(decided_at="decide")] if triggers is None else triggers,
        gates=[gate("decide")] if gates is None else gates,
        procedures=procedures,
        rollback=rollback,
    )
    return [(one.code, one.path) for one in broken_rollbacks(plan)]


@pytest.mark.parametrize(
    ("who", "count", "seats", "right"),
    [
        (("captain",), 1, ("captain",), True),
        (("captain", "sre"), 2, ("captain", "sre"), True),
        (("captain", "sre"), 1, ("sre",), True),
        (("captain", "sre"), 2, ("captain",), False),
        (("captain",), 1, ("captain", "sre"), False),
        (("captain",), 1, ("sre",), False),
        (("captain", "sre"), 0, ("sre",), False),
    ],
)
@pytest.mark.parametrize("by_trigger", [True, False])
def test_an_authority_has_the_people_and_the_number_of_its_gate(who, count, seats, right, by_trigger) -> None:
    decided = authority(*who, tier="urgent", count=count, gate=None if by_trigger else "decide")
    one = trigger(decided_at="decide" if by_trigger else None)
    at_once = count == 0 and not by_trigger
    findings = found(triggers=[one], gates=[gate("decide", *seats)], authority=[decided])
    assert findings == ([] if right or at_once else [("P213", "rollback.authority[0]")])


def test_an_authority_counts_no_more_people_than_there_are() -> None:
    seats = [{"role": "sre", "count": 3}]
    findings = found(gates=[gate("decide", seats=seats)], authority=[authority("sre", count=3)])
    assert findings == [("P213", "rollback.authority[0].count")]


@pytest.mark.parametrize(
    ("one", "rollback", "path"),
    [
        (trigger(automatic=True), {}, None),
        (trigger(decision_window="0m"), {}, None),
        (trigger(), {"authority": [authority(count=0)]}, None),
        (trigger(), {"authority": [authority(gate="decide")]}, None),
        (trigger(guards=[]), {}, None),
        (trigger(guards=[], only_noted=True), {"authority": []}, None),
        (trigger(decided_at="decide"), {"authority": [authority(tier="immediate")]}, "rollback.triggers[0]"),
        (trigger(), {}, "rollback.triggers[0]"),
        (trigger(guards=[]), {"authority": [authority("captain", "sre", count=2)]}, "rollback.triggers[0]"),
        (trigger(automatic=True, evaluation="5m"), {}, "rollback.triggers[0].evaluation"),
        (trigger(automatic=True, tier="conditional", evaluation="5m"), {}, None),
    ],
)
def test_every_trigger_has_somebody_who_decides_it(one, rollback, path) -> None:
    assert found(triggers=[one], **rollback) == ([("P214", path)] if path else [])


@pytest.mark.parametrize(
    ("immediate", "right"),
    [({"count": 0}, True), ({"gate": "decide"}, True), ({}, True), (None, True)],
)
def test_a_promotion_leads_to_people_or_to_a_rollback(immediate, right) -> None:
    rollback: dict[str, Any] = {"promotions": [{"id": "p2-p1", "of": "urgent", "to": "immediate", "after": "30m"}]}
    rollback["authority"] = [
        authority(),
        *([authority(tier="immediate", **immediate)] if immediate is not None else []),
    ]
    assert (found(**rollback) == []) is right


def test_a_promotion_of_what_starts_by_itself_to_what_nobody_decides_is_named() -> None:
    promotions = [{"id": "up", "of": "conditional", "to": "urgent", "after": "30m"}]
    one = trigger(tier="conditional", automatic=True)
    assert found(triggers=[one], promotions=promotions) == [("P214", "rollback.promotions[0].to")]


@pytest.mark.parametrize(
    ("changes", "tier", "path"),
    [
        ({}, "urgent", None),
        ({"on_no_go": "stop"}, "urgent", "gates[0].on_no_go"),
        ({"on_no_go": "hold"}, "conditional", "gates[0].on_no_go"),
        ({"at_deadline": "hold"}, "urgent", "gates[0].at_deadline"),
        ({"at_deadline": "hold"}, "immediate", "gates[0].at_deadline"),
        ({"at_deadline": "hold"}, "conditional", None),
        ({"at_deadline": "extend", "extend_by": "5m", "extensions": 1}, "urgent", None),
    ],
)
def test_the_gate_of_a_trigger_leads_to_the_rollback(changes, tier, path) -> None:
    findings = found(triggers=[trigger(tier=tier, decided_at="decide")], gates=[gate("decide", **changes)])
    assert findings == ([("P215", path)] if path else [])


@pytest.mark.parametrize("place", ["window", "if_sicker", "approval"])
@pytest.mark.parametrize(("changes", "right"), [({}, True), ({"phase": "watch"}, False), ({"offset": "T-5m"}, False)])
def test_a_gate_asked_within_a_rollback_is_of_a_rollback(place: str, changes, right) -> None:
    procedure = plans.procedure(["rb-deploy"])
    rollback: dict[str, Any] = {}
    if place == "window":
        rollback = {"window": [{"start": "T+24h", "what": "late", "approval": "drop"}]}
    elif place == "if_sicker":
        procedure |= {"healthier": ["near"], "if_sicker": "drop"}
    else:
        procedure["steps"][0]["approval"] = "drop"
    gates = [gate("decide"), gate("drop", **({"phase": "back"} | changes))]
    assert found(gates=gates, procedures=[procedure], **rollback) == ([] if right else [("P215", "gates[1].phase")])


@pytest.mark.parametrize(
    ("step", "more", "path"),
    [
        ({"actions": ["rb-deploy"], "takes_back": ["deploy"], "requires": ["near"]}, {}, None),
        ({"actions": ["rb-deploy"], "kill_switch": True}, {"kind": "flags-only"}, None),
        ({"actions": ["rb-deploy"]}, {"kind": "flags-only"}, ""),
        ({"actions": ["rb-deploy"]}, {"healthier": ["near"]}, ""),
        ({"actions": ["rb-deploy"], "kill_switch": True, "requires": ["near"]}, {}, ".steps[0]"),
        ({"actions": ["rb-deploy"], "kill_switch": True, "hold": "5m"}, {}, ".steps[0]"),
        ({"requires": ["near"]}, {}, ".steps[0]"),
        ({"actions": ["rb-deploy"], "takes_back": ["rb-deploy"]}, {}, ".steps[0].takes_back[0]"),
    ],
)
def test_a_procedure_can_do_what_it_says(step, more, path) -> None:
    procedure = plans.procedure() | {"steps": [{"n": 1, "what": "back"} | step]} | more
    findings = found(procedures=[procedure])
    assert findings == ([("P216", f"rollback.procedures[0]{path}")] if path is not None else [])
