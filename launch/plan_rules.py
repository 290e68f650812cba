"""The rules that no single item of a plan can see; each finding has a stable code, listed in the plan reference."""

from __future__ import annotations

from collections.abc import Iterator

from launch.findings import PlanFinding
from launch.plan import Plan
from launch.plan_references import broken_references
from launch.rules.decisions import broken_decisions
from launch.rules.effects import broken_effects
from launch.rules.moments import broken_moments
from launch.rules.rollbacks import broken_rollbacks
from launch.rules.rollout import broken_rollout
from launch.rules.watching import remarks_on_guards
from launch.rules.wiring import broken_wiring
from launch.rules.wording import broken_wording

CODES: dict[str, str] = {
    "P001": "YAML that a plan does not use: tags, keys that are not words",
    "P002": "a key written twice",
    "P003": "an unknown key",
    "P004": "a missing key",
    "P005": "a value of the wrong type or form",
    "P006": "an item that contradicts itself",
    "P101": "a reference to nothing",
    "P102": "an id used twice",
    "P201": "a phase, window or stretch that ends before it starts",
    "P202": "a moment outside its phase",
    "P203": "a moment that cannot come: due before it is asked, a checkpoint before go-live",
    "P210": "a seat that the plan's people cannot fill",
    "P211": "two gates that decide one thing",
    "P212": "a gate or trigger that nothing can decide",
    "P213": "an authority that does not fit the gate which decides its tier",
    "P214": "a trigger or promotion that nobody can decide",
    "P215": "a gate of a rollback that does not lead where it must",
    "P216": "a rollback procedure that cannot do what it says",
    "P220": "actions that wait for each other",
    "P221": "an undo that undoes nothing",
    "P222": "services or groups that wait for each other, or make actions do so",
    "P223": "a step of the rollout that can never be entered or left, or is out of order",
    "P224": "a gate or guard that a step or an action asks and that cannot answer it",
    "P225": "a load test whose figures no check judges",
    "P230": "a ballot (in a ballots file) of somebody who has no seat there",
    "P231": "an attestation (in a ballots file) of a check that is measured",
    "P240": "a threshold on a metric that none of its probes measures",
    "P241": "a threshold whose figure does not fit its comparator",
    "P242": "a check that nothing can make fail",
    "P243": "a guard that can never be judged (the plan can be launched; the guard stays inconclusive)",
    "P250": "a block address that is not `type-slug/block-name`",
    "P251": "a system that an environment does not say how to reach",
    "P252": "a system that nothing uses",
    "P260": "a template that does not parse",
    "P261": "channels that fall back on each other",
    "P262": "a template that names an action which does not exist",
    "P263": "an effect that needs what another action gives, and does not wait for that one",
    "P270": "a range of a metric with no response (the plan can be launched; in the range a step waits for a person)",
}


def broken_rules(plan: Plan) -> list[PlanFinding]:
    """Everything wrong with a plan whose items are each valid, without lines."""
    return list(_broken(plan))


def remarks(plan: Plan) -> list[PlanFinding]:
    """What is doubtful in a plan that is valid: the linter tells it, and it keeps nobody from launching. No lines."""
    return list(remarks_on_guards(plan))


def _broken(plan: Plan) -> Iterator[PlanFinding]:
    yield from broken_references(plan)
    yield from broken_moments(plan)
    yield from broken_decisions(plan)
    yield from broken_rollbacks(plan)
    yield from broken_effects(plan)
    yield from broken_rollout(plan)
    yield from broken_wiring(plan)
    yield from broken_wording(plan)
