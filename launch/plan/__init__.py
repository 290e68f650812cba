"""The plan: one validated, frozen document that says what a launch does, when, behind which gates and back."""

from launch.plan.checks import Check, Mode, Threshold
from launch.plan.comms import Cadence, Channel, ChannelKind, Comms, Escalation, Template, Timer
from launch.plan.document import Plan
from launch.plan.execution import Action, ActionRole, Undo
from launch.plan.gates import DeadlineOutcome, Gate, GateStyle, OnNoGo, Seat
from launch.plan.items import Integration, Item, Note
from launch.plan.people import Environment, Person, Product, Role, System
from launch.plan.review import Checkpoint, Drill, Monitoring, Report, SuccessCriterion
from launch.plan.rollback import Authority, Procedure, Rollback, RollbackStep, Tier, Trigger, ViabilityWindow
from launch.plan.rollout import Rollout, RolloutStep, Service, ServiceGroup, Strategy
from launch.plan.schedule import FlowPhase, LaunchTime, Phase, TimelineEntry
from launch.plan.watch import Guard, GuardPolarity, NoData

__all__ = [
    "Action",
    "ActionRole",
    "Authority",
    "Cadence",
    "Channel",
    "ChannelKind",
    "Check",
    "Checkpoint",
    "Comms",
    "DeadlineOutcome",
    "Drill",
    "Environment",
    "Escalation",
    "FlowPhase",
    "Gate",
    "GateStyle",
    "Guard",
    "GuardPolarity",
    "Integration",
    "Item",
    "LaunchTime",
    "Mode",
    "Monitoring",
    "NoData",
    "Note",
    "OnNoGo",
    "Person",
    "Phase",
    "Plan",
    "Procedure",
    "Product",
    "Report",
    "Role",
    "Rollback",
    "RollbackStep",
    "Rollout",
    "RolloutStep",
    "Seat",
    "Service",
    "ServiceGroup",
    "Strategy",
    "SuccessCriterion",
    "System",
    "Template",
    "Threshold",
    "Tier",
    "TimelineEntry",
    "Timer",
    "Trigger",
    "Undo",
    "ViabilityWindow",
]
