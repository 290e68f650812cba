"""How exposure grows: strategy, steps with holds, services in dependency order."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from launch.model import Id, Model, Text
from launch.moments import Duration, Offset


class Strategy(StrEnum):
    """Shapes of a rollout."""

    ROLLING = "rolling"
    FLAG_PERCENTAGE = "flag-percentage"
    BLUE_GREEN = "blue-green"
    MESH_WEIGHTS = "mesh-weights"
    CUT_OVER = "cut-over"


class AtMaximum(StrEnum):
    """What a step leads to when its longest hold has passed and it may not advance. Rising is never among them."""

    HOLD = "hold"
    ROLLBACK = "rollback"


class RolloutStep(Model):
    """One step of exposure. `percent` is None for what is not a share (a rolling update, a cohort).

    A step is entered when all its `actions` hold, read back from the live system. It advances after `minimum_hold`, at
    least `clean_samples` samples in a row at which every guard of `watch` was clear, and with every check of `checks`
    passed: by itself where `automatic`, else when `gate` says GO. Until then no action of a later step begins. When
    `maximum_hold` has passed without that, it stays (and `gate`, if there is one, opens to ask) or it is rolled back.
    """

    n: int = Field(ge=1)
    percent: float | None = Field(default=None, ge=0, le=100)
    target: Text
    cohort: str = ""
    offset: Offset | None = None
    minimum_hold: Duration | None = None
    maximum_hold: Duration | None = None
    clean_samples: int = Field(default=0, ge=0, description="Samples in a row at which every guard was clear.")
    hold_note: str = ""
    automatic: bool = Field(default=True, description="Whether it advances by itself; else `gate` decides.")
    actions: tuple[Id, ...] = ()
    gate: Id | None = Field(default=None, description="Gate without offset: GO advances, HOLD stays, NO-GO goes back.")
    watch: tuple[Id, ...] = Field(default=(), description="Guards that must be clear; empty for those of the rollout.")
    checks: tuple[Id, ...] = Field(default=(), description="Checks that must have passed before it advances.")
    at_maximum: AtMaximum = AtMaximum.HOLD
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
    watch: tuple[Id, ...] = Field(default=(), description="Guards that must be clear for any step to advance.")
    every: Duration = Field(default=timedelta(seconds=30), description="How often the guards of a step are sampled.")
    on_breach: str = ""
    services: tuple[Service, ...] = ()
    groups: tuple[ServiceGroup, ...] = ()
