"""A drill: which plan it runs, and what its records say it measured."""

from datetime import timedelta
from typing import Any

import pytest

from launch import acts
from launch.drill import DRILL, LEAD, drill_plan, drill_product, refuse_guarded
from launch.drill_figures import DrillFigures, drill_figures, drill_rows
from launch.errors import RefusedError
from launch.events import (
    EffectBegun,
    EffectFinished,
    EffectResult,
    LaunchClosed,
    Outcome,
    RollbackEnded,
    ServiceRestored,
    SnapshotTaken,
    WentLive,
)
from launch.plan import FlowPhase, Plan
from launch.plan_rules import broken_rules
from launch.release import Release
from launch.rollback import plan_undo
from launch.state import fold
from tests.fakes import plans
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.plans import T0

SECOND = timedelta(seconds=1)
RECOVERY = {"id": "point", "what": "Recovery point", "recovery_point": "recovery_point_age"}
RECOVERY |= {"probe": {"ask": "recovery-point", "of": "database"}}


def launch_plan(**more: Any) -> Plan:
    """Two changes before T0, one after it, words, a clean-up, a gate, a guard and a rollback that also speaks."""
    return plans.plan(
        checks=[plans.check("lag"), plans.check("healthy", None, phase="back")],
        gates=[plans.gate("go")],
        guards=[plans.guard("errors")],
        actions=[
            plans.action("later", "T+20m", phase="watch"),
            plans.action("second", "T-10m"),
            plans.action("first", "T-30m", undo={"how": "by-action", "action": "first-back"}),
            plans.action("backup", "T-2d", phase="hardening", role="prepares", undo={"how": "keep", "because": "kept"}),
            plans.action("clean-up", "T+1h", phase="watch", while_clear=["errors"]),
            plans.telling("say", "T-5m"),
            plans.undoing("first-back"),
            plans.telling("sorry", None, phase="back", role="undoes"),
        ],
        procedures=[plans.procedure(["sorry"], ["first-back"], [], name="full", restore_within="10m", **more)],
    )


DRILLED = drill_plan(launch_plan())


def test_it_keeps_the_changes_in_their_order_and_nothing_that_speaks_asks_or_waits() -> None:
    assert [(one.id, set(one.after)) for one in DRILLED.actions] == [
        ("later", {"first", "second"}),
        ("second", {"first"}),
        ("first", set()),
        ("first-back", set()),
    ]
    assert {one.offset for one in DRILLED.actions if one.id != "first-back"} == {-LEAD}
    assert [one.id for one in DRILLED.checks] == ["healthy"]
    assert (DRILLED.gates, DRILLED.thresholds, DRILLED.checkpoints) == ((), (), ())
    assert [one.flow_phase for one in DRILLED.phases] == [FlowPhase.COUNTDOWN, FlowPhase.ROLLBACK]


def test_a_step_that_only_spoke_is_gone_and_the_verification_stays_where_it_was() -> None:
    (procedure,) = DRILLED.rollback.procedures
    assert [step.actions for step in procedure.steps] == [("first-back",), ()]


def test_it_is_a_valid_plan_of_a_product_of_its_own() -> None:
    assert DRILLED.product.id == drill_product("cockpit") == "cockpit-drill"
    unused = "P252"
    before = {one.code for one in broken_rules(launch_plan())}
    assert {one.code for one in broken_rules(DRILLED)} <= {*before, unused}


def test_what_a_change_waits_for_is_drilled_too() -> None:
    waiting = [plans.action("use", after=["build"]), plans.action("build", "T-2d", phase="hardening", role="prepares")]
    drilled = drill_plan(plans.plan(actions=waiting))
    assert [(one.id, one.after) for one in drilled.actions] == [("use", ("build",)), ("build", ())]


@pytest.mark.parametrize(
    ("plan", "procedure", "told"),
    [
        (plans.plan(actions=[plans.telling("say")]), None, "this plan changes nothing"),
        (launch_plan(), "quick", "no rollback procedure 'quick'; it has full"),
    ],
    ids=["nothing to deploy", "unknown procedure"],
)
def test_what_cannot_be_drilled_is_refused_in_one_sentence(plan: Plan, procedure: str | None, told: str) -> None:
    with pytest.raises(RefusedError, match=told):
        drill_plan(plan, procedure)


def test_an_environment_behind_a_gate_is_no_place_for_a_drill() -> None:
    places = [
        {"id": "staging", "title": "Staging", "blocks": {}},
        {"id": "production", "title": "Production", "blocks": {}, "guarded_by": "go"},
    ]
    plan = plans.plan(actions=[plans.action("first")], gates=[plans.gate("go")], environments=places)
    refuse_guarded(plan, "staging")
    with pytest.raises(RefusedError, match="gate 'go' guards environment 'production'"):
        refuse_guarded(plan, "production")
    assert [one.id for one in drill_plan(plan).environments] == ["staging"]


class Course:
    """Records of a drill, second by second from its opening."""

    def __init__(self, plan: Plan) -> None:
        self.ledger, self.start = MemoryLedger(), T0 - LEAD
        acts.open_launch(
            self.ledger, "d-1", plan=plan, plan_hash="hash", plan_path="", release=Release(version="v1"),
            t0=T0, environment="sandbox", opened_by="ana", at=self.start, wall=self.start,
        )  # fmt: skip

    def at(self, second: int, *events: Any) -> None:
        for event in events:
            moment = self.start + second * SECOND
            self.ledger.append("d-1", event, at=moment, wall=moment)

    def effect(self, name: str, begins: int, ends: int, result: EffectResult = EffectResult.APPLIED) -> None:
        self.at(begins, EffectBegun(action=name, attempt=1, key=name, before={}))
        self.at(ends, EffectFinished(action=name, attempt=1, result=result, detail=""))

    def claim(self, second: int) -> None:
        moment = self.start + second * SECOND
        acts.claim_rollback(self.ledger, "d-1", trigger=DRILL, tier="urgent", by="ana", at=moment, wall=moment)

    def figures(self) -> DrillFigures:
        return drill_figures(self.ledger.records("d-1"))


def run(*, back: int = 200, left: tuple[str, ...] = (), point: float | None = None, **more: Any) -> DrillFigures:
    """Deployed in 90 s, rolled back from second 100 on, service restored `back` s later."""
    plan = launch_plan(**more)
    rollback = plan.rollback.model_copy(update={"snapshot": ()})
    if point is not None:
        rollback = type(plan.rollback).model_validate(rollback.model_dump(by_alias=True) | {"snapshot": [RECOVERY]})
    course = Course(drill_plan(plan.model_copy(update={"rollback": rollback})))
    if point is not None:
        reading = {"recovery_point_age": {"value": point, "unit": "min"}}
        course.at(0, SnapshotTaken(readings={"point": reading}))
    course.effect("first", 0, 40)
    course.effect("second", 40, 60)
    course.effect("later", 60, 90)
    course.at(95, WentLive())
    course.claim(100)
    course.effect("undo-later", 100, 110)
    course.effect("undo-second", 110, 130)
    course.effect("first-back", 130, 100 + back)
    outcome = Outcome.PARTIAL if left else Outcome.ROLLED_BACK
    course.at(100 + back, ServiceRestored(failed=()))
    course.at(110 + back, RollbackEnded(outcome=outcome, residue=left), LaunchClosed(outcome=outcome))
    return course.figures()


def test_the_figures_are_those_of_the_records() -> None:
    figures = run()
    assert figures.passed
    assert (figures.deploy_seconds, figures.restored_seconds, figures.complete_seconds) == (90, 200, 210)
    assert [(one.id, one.after_seconds, one.took_seconds) for one in figures.deploy] == [
        ("first", 0, 40),
        ("second", 40, 20),
        ("later", 60, 30),
    ]
    assert [(one.id, one.after_seconds) for one in figures.undo] == [
        ("undo-later", 0),
        ("undo-second", 10),
        ("first-back", 30),
    ]


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        (run(back=601), "service was restored after 10m1s; the budget is 10m"),
        (run(left=("first: undo failed",)), "it ended partial; left: first: undo failed"),
        (run(complete_within="200s"), "the rollback was complete after 3m30s; the budget is 3m20s"),
        (run(lose_within="5m"), "a restore would cost the data of the last an unknown time; the budget is 5m"),
        (run(lose_within="5m", point=4), "a restore would cost the data of the last 5m40s; the budget is 5m"),
    ],
    ids=["restored late", "residue", "complete late", "recovery point unknown", "recovery point too old"],
)
def test_a_drill_does_not_pass_and_says_why(figures: DrillFigures, told: str) -> None:
    assert figures.failures == (told,)
    assert not figures.passed


def test_the_recovery_point_ages_from_the_snapshot_to_the_rollback() -> None:
    figures = run(lose_within="6m", point=4)
    assert figures.lost_seconds == 240 + 100
    assert figures.passed


def test_a_drill_under_way_is_no_passed_drill() -> None:
    course = Course(DRILLED)
    course.at(0, EffectBegun(action="first", attempt=1, key="first", before={}))
    figures = course.figures()
    assert figures.ended_at is None
    assert figures.failures[0] == "it ended not yet"
    assert next(row["result"] for row in drill_rows(figures)) == "under way"


def test_a_failed_deploy_is_a_failed_drill_whatever_the_rollback_did() -> None:
    course = Course(DRILLED)
    course.effect("first", 0, 40, EffectResult.FAILED)
    course.claim(50)
    course.at(
        60,
        ServiceRestored(failed=()),
        RollbackEnded(outcome=Outcome.ROLLED_BACK),
        LaunchClosed(outcome=Outcome.ROLLED_BACK),
    )
    assert course.figures().failures == ("first failed",)


def test_the_rollback_of_a_drill_undoes_every_change_in_reverse() -> None:
    course = Course(DRILLED)
    for at, name in enumerate(("first", "second", "later")):
        course.effect(name, at, at + 1)
    state = fold(course.ledger.records("d-1"))
    waits = {step.id: step.after for step in plan_undo(DRILLED, state, DRILLED.rollback.procedures[0]).steps}
    assert waits == {"undo-later": (), "undo-second": ("undo-later",), "first-back": ("undo-later", "undo-second")}
