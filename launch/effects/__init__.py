"""Every effect a plan can have on the outside world, each stated as a desired state. The union is closed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from launch.effects.base import Effect as EffectBase
from launch.effects.base import Restore
from launch.effects.data import DataEffect
from launch.effects.dumps import DumpEffect
from launch.effects.exposure import ExposureEffect
from launch.effects.observability import ObservabilityEffect
from launch.effects.people import PeopleEffect
from launch.effects.platform import PlatformEffect
from launch.effects.trials import TrialEffect
from launch.effects.web import WebEffect

Effect = Annotated[
    DataEffect
    | DumpEffect
    | ExposureEffect
    | ObservabilityEffect
    | PeopleEffect
    | PlatformEffect
    | TrialEffect
    | WebEffect
    | Restore,
    Field(discriminator="do"),
]

__all__ = ["Effect", "EffectBase", "Restore"]
