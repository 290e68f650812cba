"""The five runbooks' rollback triggers: what each says of them, as plans that can be played, and set off in rehearsals.

`tests/data/triggers/` has triggers, authority and windows; `tests/data/rollouts/` has the rollout and its way back on
real systems; `tests/data/faults/` sets each trigger off. `rehearsable` makes one plan of the first two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

from launch.document_text import read_document, read_model
from launch.model import Id, Model
from launch.moments import Duration, Offset
from launch.plan import FlowPhase, Gate, Plan, Trigger
from launch.plan_file import load_plan
from launch.plan_rules import broken_rules

DATA = Path(__file__).parents[1] / "data"
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Told:
    """What a runbook says of one trigger. No `guard`: a person reports it. No `who`: nobody is asked."""

    trigger: str
    tier: str
    guard: str | None = None
    who: tuple[str, ...] = ()
    window: timedelta | None = None
    evaluation: timedelta = timedelta(0)
    procedure: str = ""
    never: bool = False


COMMANDER, SENIOR = "launch-commander", "senior-engineer"
PAIR, TRIO = (COMMANDER, SENIOR), (COMMANDER, "engineering-lead", "product-owner")

RUNBOOKS: dict[str, tuple[Told, ...]] = {
    "teei-csr": (
        Told("trg-p0", "immediate", "p0-5xx", ("sre-lead",), 5 * MINUTE),
        Told("trg-error-rate", "urgent", "rb-error-rate"),
        Told("trg-latency", "urgent", "rb-latency-p95"),
        Told("trg-feature", "urgent", None, ("sre-lead",), 15 * MINUTE),
    ),
    "statusboard-v2": (
        Told("trg-perf", "immediate", "slo-board-p95", procedure="emergency-rollback"),
        Told("trg-perf", "immediate", "slo-drawer-avg", procedure="emergency-rollback"),
        Told("trg-perf", "immediate", "slo-error-rate", procedure="emergency-rollback"),
        Told("trg-functional", "urgent", None, ("release-captain",), 15 * MINUTE, procedure="full-rollback"),
        Told(
            "trg-occ",
            "conditional",
            "slo-occ-conflicts",
            evaluation=5 * MINUTE,
            procedure="emergency-rollback",
        ),
        Told("trg-postlaunch", "urgent", None, ("release-captain",), 15 * MINUTE, procedure="full-rollback"),
        Told("trg-glitch", "conditional", None, never=True),
    ),
    "production-launch": (Told("trg-major-incident", "urgent", "alert-20pct", ("launch-lead", SENIOR), 60 * MINUTE),),
    "erpgo": (
        Told("trg-crash", "immediate", None, ("launch-coordinator",), 5 * MINUTE, procedure="immediate"),
        Told("trg-corruption", "immediate", None, ("launch-coordinator",), 5 * MINUTE, procedure="immediate"),
        Told("trg-breach", "immediate", None, ("launch-coordinator",), 5 * MINUTE, procedure="immediate"),
        Told("trg-degradation", "urgent", "rb-degradation", ("launch-coordinator",), 15 * MINUTE, procedure="planned"),
        Told("trg-functionality", "urgent", None, ("launch-coordinator",), 15 * MINUTE, procedure="planned"),
        Told(
            "trg-error-rate", "conditional", "rb-error-rate", ("launch-coordinator",), 30 * MINUTE, procedure="planned"
        ),
    ),
    "media-gateway": (
        Told("trg-imm-errors", "immediate", "imm-error-rate"),
        Told("trg-imm-outage", "immediate", None, (SENIOR,), 5 * MINUTE),
        Told("trg-imm-corruption", "immediate", None, (SENIOR,), 5 * MINUTE),
        Told("trg-imm-breach", "immediate", None, (SENIOR,), 5 * MINUTE),
        Told("trg-imm-p1", "immediate", None, (SENIOR,), 5 * MINUTE),
        Told("trg-urg-errors", "urgent", "urg-error-rate", PAIR, 10 * MINUTE),
        Told("trg-urg-latency", "urgent", "urg-latency", PAIR, 10 * MINUTE),
        Told("trg-urg-complaints", "urgent", None, PAIR, 10 * MINUTE),
        Told("trg-urg-functionality", "urgent", None, PAIR, 10 * MINUTE),
        Told("trg-urg-resources", "urgent", "urg-resource", PAIR, 10 * MINUTE),
        Told("trg-cond-errors", "conditional", "cond-error-rate", TRIO, 15 * MINUTE, 30 * MINUTE),
        Told("trg-cond-latency", "conditional", "cond-latency", TRIO, 15 * MINUTE, 30 * MINUTE),
        Told("trg-cond-intermittent", "conditional", None, TRIO, 15 * MINUTE, 30 * MINUTE),
        Told("trg-cond-feature", "conditional", None, TRIO, 15 * MINUTE, 30 * MINUTE),
        Told("trg-cond-regression", "conditional", None, TRIO, 15 * MINUTE, 30 * MINUTE),
    ),
}


class Rehearsal(Model):
    """One trigger set off: the faults that make its guard fire, and when it fires."""

    trigger: Id
    guard: Id
    faults: tuple[str, ...]
    fires: Offset
    at_once: bool = False
    whole: bool = False


class Faults(Model):
    """The rehearsals of one runbook. `restored`: how soon service has to be back, by procedure; None: unstated."""

    rollout: str
    restored: Mapping[Id, Duration]
    rehearsals: tuple[Rehearsal, ...]


@cache
def plan_of(runbook: str) -> Plan:
    """A runbook's triggers, authority, windows and procedures in a small plan."""
    return load_plan((DATA / "triggers" / f"{runbook}.yaml").read_text(), runbook).plan


@cache
def faults_of(runbook: str) -> Faults:
    """What sets off each of its triggers."""
    return read_model(read_document((DATA / "faults" / f"{runbook}.yaml").read_text(), runbook), Faults, runbook)


def told_of(runbook: str, rehearsal: Rehearsal) -> Told:
    """What the runbook says of the trigger: by its guard, where it says different things of several."""
    told = [one for one in RUNBOOKS[runbook] if one.trigger == rehearsal.trigger]
    return next((one for one in told if one.guard == rehearsal.guard), told[0])


@cache
def rehearsable(runbook: str, *, whole: bool = True) -> Plan:
    """The plan to rehearse; raises `AssertionError` where it would not pass the linter."""
    rollout = load_plan((DATA / faults_of(runbook).rollout).read_text(), runbook).plan
    plan = rollout if runbook == "teei-csr" else decided_as(rollout, plan_of(runbook))
    plan = plan if whole else from_the_countdown(plan)
    findings = broken_rules(plan)
    assert not findings, findings
    return plan


def decided_as(rollout: Plan, triggers: Plan) -> Plan:
    """The rollout's plan, its triggers fired by its own guards and decided by whom the triggers' plan says.

    From the triggers' plan come tiers, windows, evaluations, authority, promotions and the gates that decide; guards,
    procedures and everything they do stay the rollout's.
    """
    stages = {one.flow_phase: one.id for one in rollout.phases}
    fired_by = {one.id: one.guards for one in rollout.rollback.triggers}
    decided = tuple(one.model_copy(update={"guards": fired_by[one.id]}) for one in triggers.rollback.triggers)
    deciding = {one.decided_at for one in decided} | {one.gate for one in triggers.rollback.authority}
    replaced = {one.decided_at for one in rollout.rollback.triggers} | {one.gate for one in rollout.rollback.authority}
    gates = [one for one in rollout.gates if one.id not in replaced | deciding]
    gates += [
        one.model_copy(update={"phase": stages[FlowPhase.STABILIZATION]})
        for one in triggers.gates
        if one.id in deciding
    ]
    rollback = rollout.rollback.model_copy(
        update={
            "triggers": decided,
            "authority": triggers.rollback.authority,
            "promotions": triggers.rollback.promotions,
        },
    )
    return Plan.model_validate(
        rollout.model_copy(update={"gates": tuple(gates), "rollback": rollback}).model_dump(by_alias=True)
    )


def held_shortly(plan: Plan, longest: timedelta, then: timedelta) -> Plan:
    """The plan with no step held longer than `longest`, and watched for no longer than `then` after its last step.

    The same steps, rules and places in less launch time: every half minute of it is looked at.
    """
    steps = [
        one.model_copy(update={"minimum_hold": one.minimum_hold and min(one.minimum_hold, longest)})
        for one in plan.rollout.steps
    ]
    last = steps[-1]
    assert last.offset is not None
    assert last.minimum_hold is not None
    end = last.offset + last.minimum_hold + then
    phases = [one.model_copy(update={"end": one.end and min(one.end, end)}) for one in plan.phases]
    thresholds = [
        one.model_copy(
            update={
                "watched": tuple(
                    watched.model_copy(update={"end": min(watched.end, end)})
                    for watched in one.watched
                    if watched.start < end
                )
            }
        )
        for one in plan.thresholds
    ]
    short = plan.model_copy(
        update={
            "phases": tuple(phases),
            "thresholds": tuple(thresholds),
            "rollout": plan.rollout.model_copy(update={"steps": tuple(steps)}),
        }
    )
    short = Plan.model_validate(short.model_dump(by_alias=True))
    findings = broken_rules(short)
    assert not findings, findings
    return short


def from_the_countdown(plan: Plan) -> Plan:
    """The plan without what comes before the countdown and after the stabilization, nor what stands on that."""
    kept = {FlowPhase.COUNTDOWN, FlowPhase.STABILIZATION, FlowPhase.ROLLBACK}
    phases = {one.id for one in plan.phases if one.flow_phase in kept}
    actions = [one for one in plan.actions if one.phase in phases]
    names = {one.id for one in actions}
    checks = [one for one in plan.checks if one.phase in phases and (one.action is None or one.action in names)]
    asked = {one.id for one in checks}
    cut = plan.model_copy(
        update={
            "environments": tuple(one for one in plan.environments if one.guarded_by is None),
            "phases": tuple(one for one in plan.phases if one.id in phases),
            "timeline": (),
            "checks": tuple(checks),
            "actions": tuple(
                one.model_copy(update={"after": tuple(name for name in one.after if name in names)}) for one in actions
            ),
            "gates": tuple(_without(one, asked) for one in plan.gates if one.phase in phases),
            "checkpoints": (),
            "monitoring": (),
            "reports": (),
            "success_criteria": (),
            "drills": (),
            "recurring_tasks": (),
        },
    )
    return _without_idle_systems(cut)


def _without_idle_systems(plan: Plan) -> Plan:
    """What nothing asks or changes is not started either."""
    idle = [plan.systems[int(one.path[8:-1])].id for one in broken_rules(plan) if one.code == "P252"]
    places = (
        one.model_copy(update={"blocks": {name: block for name, block in one.blocks.items() if name not in idle}})
        for one in plan.environments
    )
    systems = tuple(one for one in plan.systems if one.id not in idle)
    services = (
        one.model_copy(update={"depends_on": tuple(name for name in one.depends_on if name not in idle)})
        for one in plan.rollout.services
    )
    rollout = plan.rollout.model_copy(update={"services": tuple(services)})
    cut = plan.model_copy(update={"systems": systems, "environments": tuple(places), "rollout": rollout})
    return Plan.model_validate(cut.model_dump(by_alias=True))


def _without(gate: Gate, asked: set[str]) -> Gate:
    criteria = (
        one.model_copy(update={"checks": tuple(name for name in one.checks if name in asked)}) for one in gate.criteria
    )
    return gate.model_copy(update={"criteria": tuple(criteria)})


def deciding_gate(plan: Plan, told: Told) -> Gate | None:
    """Where the people whom the runbook names decide."""
    found = (one for one in plan.gates if told.who and {seat.role for seat in one.seats} == set(told.who))
    candidates = [one for one in found if one.offset is None]
    trigger = next(one for one in plan.rollback.triggers if one.id == told.trigger)
    return next(iter(sorted(candidates, key=lambda one: one.id not in _named(plan, trigger))), None)


def _named(plan: Plan, trigger: Trigger) -> Iterator[str | None]:
    yield trigger.decided_at
    yield from (one.gate for one in plan.rollback.authority if one.tier in {trigger.tier.value, "all"})


def named(cases: Sequence[tuple[str, Told]]) -> list[str]:
    """What pytest calls them."""
    return [f"{runbook} {told.trigger} {told.guard or 'reported'}" for runbook, told in cases]
