"""Ids: each one once, and every reference to one that exists."""

from __future__ import annotations

from collections.abc import Iterator

from launch.findings import PlanFinding, unknown
from launch.plan import Plan
from launch.plan.items import Item
from launch.plan_ids import KINDS, OWN_NAMES, ids
from launch.plan_walk import items, walk

# Pattern of a reference -> kinds it may name.
_REFERENCES: dict[str, tuple[str, ...]] = {
    "people[].roles[]": ("roles",),
    "environments[].guarded_by": ("gates",),
    "environments[].blocks{}": ("systems",),
    "timeline[].phase": ("phases",),
    "checks[].phase": ("phases",),
    "checks[].probes[].of": ("systems",),
    "checks[].attested_by[]": ("roles",),
    "checks[].action": ("actions",),
    "checks[].gate": ("gates",),
    "checks[].thresholds[].service": ("services",),
    "checks[].implied[].service": ("services",),
    "actions[].phase": ("phases",),
    "actions[].effect.on": ("systems",),
    "actions[].effect.of": ("actions",),
    "actions[].after[]": ("actions",),
    "actions[].undo.action": ("actions",),
    "actions[].service": ("services",),
    "actions[].approval": ("gates",),
    "actions[].while_clear[]": ("thresholds",),
    "actions[].alternative_to[]": ("actions",),
    "gates[].phase": ("phases",),
    "gates[].attendees[]": ("roles",),
    "gates[].seats[].role": ("roles",),
    "gates[].criteria[].checks[]": ("checks",),
    "gates[].criteria[].actions[]": ("actions",),
    "rollout.router": ("systems",),
    "rollout.steps[].actions[]": ("actions",),
    "rollout.steps[].gate": ("gates",),
    "rollout.steps[].watch[]": ("thresholds",),
    "rollout.steps[].checks[]": ("checks",),
    "rollout.watch[]": ("thresholds",),
    "rollout.services[].depends_on[]": ("services", "systems"),
    "rollout.groups[].services[]": ("services",),
    "rollout.groups[].after[]": ("service_groups",),
    "thresholds[].query.of": ("systems",),
    "thresholds[].baseline.of": ("systems",),
    "rollback.triggers[].guards[]": ("thresholds",),
    "rollback.triggers[].checks[]": ("checks",),
    "rollback.triggers[].decided_at": ("gates",),
    "rollback.triggers[].procedure": ("procedures",),
    "rollback.authority[].gate": ("gates",),
    "rollback.promotions[].guard": ("thresholds",),
    "rollback.window[].approval": ("gates",),
    "rollback.window[].checks[]": ("checks",),
    "rollback.snapshot[].probe.of": ("systems",),
    "rollback.procedures[].healthier[]": ("checks",),
    "rollback.procedures[].if_sicker": ("gates",),
    "rollback.procedures[].steps[].requires[]": ("checks",),
    "rollback.procedures[].steps[].approval": ("gates",),
    "rollback.procedures[].steps[].takes_back[]": ("actions",),
    "rollback.authority[].who[]": ("roles",),
    "rollback.authority[].executor[]": ("roles",),
    "rollback.authority[].verifier[]": ("roles",),
    "rollback.procedures[].steps[].actions[]": ("actions",),
    "rollback.procedures[].verification[]": ("checks",),
    "comms.channels[].system": ("systems",),
    "comms.channels[].fallback": ("channels",),
    "comms.templates[].channel": ("channels",),
    "comms.cadences[].channel": ("channels",),
    "comms.cadences[].owner": ("roles",),
    "comms.cadences[].template": ("templates",),
    "comms.escalation[].who[]": ("roles",),
    "checkpoints[].participants[]": ("roles",),
    "checkpoints[].criteria[]": ("checks",),
    "checkpoints[].actions[]": ("actions",),
    "success_criteria[].probes[].of": ("systems",),
    "success_criteria[].thresholds[].service": ("services",),
    "success_criteria[].implied[].service": ("services",),
    "drills[].checks[]": ("checks",),
    "recurring_tasks[].owner": ("roles",),
}
_NAMES = {
    "roles": "role",
    "gates": "gate",
    "systems": "system",
    "phases": "phase",
    "actions": "action",
    "services": "service",
    "checks": "check",
    "service_groups": "service group",
    "thresholds": "guard",
    "procedures": "procedure",
    "channels": "channel",
    "templates": "template",
}


def broken_references(plan: Plan) -> Iterator[PlanFinding]:
    """P101: a reference to nothing. P102: an id used twice."""
    known = {kind: set(ids(plan, kind)) for kind in KINDS}
    for pattern, kinds in _REFERENCES.items():
        names = set[str]().union(*(known[kind] for kind in kinds))
        kind = " or ".join(_NAMES[kind] for kind in kinds)
        for path, name in walk(plan, pattern):
            if name not in names:
                yield unknown(path, kind, str(name), names)
    yield from _timeline(plan, known)
    yield from _notes(plan, known["ambiguities"])
    yield from _twice(plan)


def _timeline(plan: Plan, known: dict[str, set[str]]) -> Iterator[PlanFinding]:
    anything = set[str]().union(*known.values())
    for path, name in walk(plan, "timeline[].refs[]"):
        if name not in anything:
            yield unknown(path, "item", str(name), anything)


def _notes(plan: Plan, ambiguities: set[str]) -> Iterator[PlanFinding]:
    for path, item in items(plan):
        if isinstance(item, Item):
            for at, note in enumerate(item.notes):
                if note.id not in ambiguities:
                    yield unknown(f"{path}.notes[{at}].id", "ambiguity", note.id, ambiguities)


def _twice(plan: Plan) -> Iterator[PlanFinding]:
    spaces = [[kind] for kind in OWN_NAMES] + [[kind for kind in KINDS if kind not in OWN_NAMES]]
    for space in spaces:
        first: dict[str, str] = {}
        for kind in space:
            for path, value in walk(plan, KINDS[kind]):
                name = str(value)
                if name in first:
                    problem = f'the id "{name}" is taken by {first[name]}'
                    yield PlanFinding(code="P102", path=path, problem=problem, right="give it a name of its own")
                else:
                    first[name] = path.removesuffix(".id")
