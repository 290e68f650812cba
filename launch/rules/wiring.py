"""Rules on what is asked and where: probes measure what thresholds judge, environments reach every system used."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from launch.findings import PlanFinding, near
from launch.plan import Mode, Plan, Threshold
from launch.plan.checks import Comparator
from launch.plan_walk import walk
from launch.probes import Probe

_ADDRESS = re.compile(r"^[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*$")
_RANGE = {
    Comparator.IN: (re.compile(r"^-?\d+(\.\d+)?\.\.-?\d+(\.\d+)?$"), "low..high"),
    Comparator.AROUND: (re.compile(r"^-?\d+(\.\d+)?~\d+(\.\d+)?$"), "value~tolerance"),
}
_USES = (
    "checks[].probes[].of",
    "actions[].effect.on",
    "thresholds[].query.of",
    "thresholds[].baseline.of",
    "rollback.snapshot[].probe.of",
    "comms.channels[].system",
    "success_criteria[].probes[].of",
    "rollout.router",
)


def broken_wiring(plan: Plan) -> Iterator[PlanFinding]:
    """P240, P241, P242, P250, P251 and P252."""
    for at, check in enumerate(plan.checks):
        path = f"checks[{at}]"
        yield from _measured(path, check.thresholds, check.implied, check.probes)
        if check.mode is not Mode.ATTESTED and not check.limits:
            problem = f"every threshold of check {check.id!r} is `not_judged`, so nothing can make it fail"
            yield PlanFinding(code="P242", path=path, problem=problem, right="add a limit under `implied`")
    for at, criterion in enumerate(plan.success_criteria):
        yield from _measured(f"success_criteria[{at}]", criterion.thresholds, criterion.implied, criterion.probes)
    yield from _environments(plan)


def _measured(
    path: str,
    printed: Sequence[Threshold],
    implied: Sequence[Threshold],
    probes: Sequence[Probe],
) -> Iterator[PlanFinding]:
    metrics = set[str]().union(*(probe.metrics() for probe in probes))
    for name, limits in (("thresholds", printed), ("implied", implied)):
        for at, limit in enumerate(limits):
            place = f"{path}.{name}[{at}]"
            if probes and not limit.not_judged and limit.metric not in metrics:
                problem = f"no probe here measures {limit.metric!r}"
                right = near(limit.metric, metrics)
                yield PlanFinding(code="P240", path=f"{place}.metric", problem=problem, right=right)
            form = _RANGE.get(limit.comparator)
            if form is not None and not form[0].match(str(limit.value)):
                problem = f"{limit.value!r} does not fit the comparator {limit.comparator.value!r}"
                yield PlanFinding(code="P241", path=f"{place}.value", problem=problem, right=f"write {form[1]}")


def _environments(plan: Plan) -> Iterator[PlanFinding]:
    used: dict[str, str] = {}
    for pattern in _USES:
        for path, system in walk(plan, pattern):
            used.setdefault(str(system), path)
    known = {system.id for system in plan.systems}
    for at, environment in enumerate(plan.environments):
        for system, address in environment.blocks.items():
            if not _ADDRESS.match(address):
                problem = f"{address!r} is not the address of a block"
                path = f"environments[{at}].blocks.{system}"
                right = "write type-slug/block-name, for instance prometheus/production"
                yield PlanFinding(code="P250", path=path, problem=problem, right=right)
        for system, path in used.items():
            if system in known and system not in environment.blocks:
                problem = f'environment "{environment.id}" has no block for system "{system}", which {path} uses'
                right = f"add `{system}: type-slug/block-name`"
                yield PlanFinding(code="P251", path=f"environments[{at}].blocks", problem=problem, right=right)
    for at, one in enumerate(plan.systems):
        if one.id not in used:
            problem = f"nothing asks or changes system {one.id!r}"
            yield PlanFinding(code="P252", path=f"systems[{at}]", problem=problem, right="take it out, or use it")
