"""Success criteria that the ledger itself can answer."""

from __future__ import annotations

from datetime import datetime

from launch import gates
from launch.plan import Plan, SuccessCriterion
from launch.plan.schedule import FlowPhase
from launch.readings import Quantity, Reading
from launch.state import LaunchState
from launch.verdicts import Judgement, Verdict, judge

_CHECKLIST = "checklist_completion"


def measured_from_ledger(plan: Plan, state: LaunchState, criterion: SuccessCriterion, now: datetime) -> Judgement:
    """Judges a criterion without probes; inconclusive unless the ledger knows its metric (checklist completion)."""
    limits = (*criterion.thresholds, *criterion.implied)
    if not any(limit.metric == _CHECKLIST for limit in limits):
        return Judgement(verdict=Verdict.INCONCLUSIVE, sentence="nothing measures this criterion")
    before_live = {phase.id for phase in plan.phases if phase.flow_phase in {FlowPhase.HARDENING, FlowPhase.EVE}}
    checks = [check for check in plan.checks if check.phase in before_live and check.blocking]
    done = [
        check for check in checks if gates.standing(check, state.check(check.id), now) is gates.CheckStanding.PASSED
    ]
    share = 100.0 * len(done) / len(checks) if checks else 0.0
    reading = Reading(values={_CHECKLIST: Quantity(value=share, unit="%")}, where="the ledger", at=now)
    return judge(limits, (reading,))
