"""How exposure grows: strategy, steps with holds, services in dependency order."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from launch.model import Id, Model, Text
from launch.moments import Duration, Offset
from launch.plan.checks import Threshold


class Strategy(StrEnum):
    """Shapes of a rollout."""

    ROLLING = "rolling"
    FLAG_PERCENTAGE = "flag-percentage"
    BLUE_GREEN = "blue-green"
    MESH_WEIGHTS = "mesh-weights"
    CUT_OVER = "cut-over"


class RolloutStep(Model):
    """One step of exposure. `percent` is None for what is not a share (a rolling update, a cohort)."""

    n: int = Field(ge=1)
    percent: float | None = Field(default=None, ge=0, le=100)
    target: Text
    cohort: str = ""
    offset: Offset | None = None
    minimum_hold: Duration | None = None
    maximum_hold: Duration | None = None
    clean_samples: int = Field(default=0, ge=0)
    hold_note: str = ""
    automatic: bool = True
    actions: tuple[Id, ...] = ()
    gate: Id | None = None
    source: tuple[str, ...] = ()


class Service(Model):
    """A service of the product, the version it gets and what it depends on."""

    id: Id
    order: int = Field(default=1, ge=1)
    version: str = ""
    previous: str = Field(default="", description="As printed; the truth is recorded from the running system.")
    depends_on: tuple[Id, ...] = Field(default=(), description="Services or systems.")
    verify: str = ""
    source: tuple[str, ...] = ()


class ServiceGroup(Model):
    """Services that are rolled out together, in order or side by side, after other groups."""

    id: Id
    parallel: bool
    services: tuple[Id, ...]
    after: tuple[Id, ...] = ()
    source: tuple[str, ...] = ()


class Rollout(Model):
    """How the release reaches its users."""

    strategy: Strategy
    description: str = ""
    traffic: str = Field(default="", description="What moves traffic: a router, a flag service, a load balancer.")
    router: Id | None = Field(default=None, description="The system whose live weights are read back.")
    steps: tuple[RolloutStep, ...] = ()
    advance_criteria: tuple[str, ...] = ()
    advance: tuple[Threshold, ...] = Field(default=(), description="Advance criteria that guards can measure.")
    on_breach: str = ""
    services: tuple[Service, ...] = ()
    groups: tuple[ServiceGroup, ...] = ()
