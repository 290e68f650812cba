"""Every id of a plan by kind: the names that references are held against, and what `tminus plans ids` prints."""

from __future__ import annotations

from launch.plan import Plan
from launch.plan_walk import walk

KINDS: dict[str, str] = {
    "checks": "checks[].id",
    "actions": "actions[].id",
    "gates": "gates[].id",
    "phases": "phases[].id",
    "timeline": "timeline[].id",
    "thresholds": "thresholds[].id",
    "triggers": "rollback.triggers[].id",
    "procedures": "rollback.procedures[].id",
    "promotions": "rollback.promotions[].id",
    "snapshot": "rollback.snapshot[].id",
    "checkpoints": "checkpoints[].id",
    "monitoring": "monitoring[].id",
    "reports": "reports[].id",
    "success_criteria": "success_criteria[].id",
    "drills": "drills[].id",
    "recurring_tasks": "recurring_tasks[].id",
    "templates": "comms.templates[].id",
    "cadences": "comms.cadences[].id",
    "escalation": "comms.escalation[].id",
    "timers": "comms.timers[].id",
    "ambiguities": "ambiguities[].id",
    "roles": "roles[].id",
    "channels": "comms.channels[].id",
    "people": "people[].id",
    "systems": "systems[].id",
    "environments": "environments[].id",
    "services": "rollout.services[].id",
    "service_groups": "rollout.groups[].id",
}
"""Kind to the pattern of its ids. Steps of rollout and procedures have numbers instead, see `ids_by_kind`."""

OWN_NAMES = ("roles", "channels", "people", "systems", "environments", "services", "service_groups")
"""Kinds with a name space each; all other kinds share one, so that an id alone says what it is."""


def ids(plan: Plan, kind: str) -> list[str]:
    """The ids of one kind in the order of the plan."""
    return [str(value) for _, value in walk(plan, KINDS[kind])]


def ids_by_kind(plan: Plan) -> dict[str, list[str]]:
    """Every id of the plan; steps of the rollout and of procedures as `step-1` and `<procedure>/step-1`."""
    found = {kind: ids(plan, kind) for kind in KINDS}
    found["rollout_steps"] = [f"step-{step.n}" for step in plan.rollout.steps]
    found["rollback_steps"] = [
        f"{procedure.id}/step-{step.n}" for procedure in plan.rollback.procedures for step in procedure.steps
    ]
    return found
