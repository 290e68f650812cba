"""The whole plan, and the rules that no single item can see."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from launch.model import Model
from launch.moments import Duration
from launch.plan.checks import Check
from launch.plan.comms import Comms
from launch.plan.execution import Action
from launch.plan.gates import Gate
from launch.plan.items import Ambiguity
from launch.plan.people import Environment, Person, Product, Role, System
from launch.plan.review import Checkpoint, Drill, Monitoring, RecurringTask, Report, SuccessCriterion
from launch.plan.rollback import Rollback
from launch.plan.rollout import Rollout
from launch.plan.schedule import LaunchTime, Phase, TimelineEntry
from launch.plan.watch import Guard


class RunMode(StrEnum):
    """How much the launch asks its operator. No mode skips a gate's seats."""

    VALIDATE = "validate"
    INTERACTIVE = "interactive"
    UNATTENDED = "unattended"


class Recheck(Model):
    """How a check that did not pass is asked again before its gate: so often, at most so many times more."""

    every: Duration = timedelta(minutes=1)
    times: int = Field(default=2, ge=0, le=100)


class Plan(Model):
    """One launch plan: what is done, when, behind which gates, who decides, and how it is taken back.

    Cross references (roles, phases, systems, checks, actions, gates, ...) are verified by `launch.plan_rules`, which
    reports every broken one with its path and line.
    """

    schema_version: int = Field(ge=1, le=1)
    product: Product
    launch_time: LaunchTime
    run_modes: tuple[RunMode, ...] = (RunMode.INTERACTIVE,)
    roles: tuple[Role, ...]
    people: tuple[Person, ...]
    systems: tuple[System, ...]
    environments: tuple[Environment, ...]
    phases: tuple[Phase, ...]
    timeline: tuple[TimelineEntry, ...] = ()
    recheck: Recheck = Recheck()
    checks: tuple[Check, ...] = ()
    actions: tuple[Action, ...] = ()
    gates: tuple[Gate, ...] = ()
    rollout: Rollout
    thresholds: tuple[Guard, ...] = ()
    rollback: Rollback
    comms: Comms = Comms()
    checkpoints: tuple[Checkpoint, ...] = ()
    monitoring: tuple[Monitoring, ...] = ()
    reports: tuple[Report, ...] = ()
    success_criteria: tuple[SuccessCriterion, ...] = ()
    drills: tuple[Drill, ...] = ()
    recurring_tasks: tuple[RecurringTask, ...] = ()
    ambiguities: tuple[Ambiguity, ...] = ()
