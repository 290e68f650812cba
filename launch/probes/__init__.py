"""Every question a plan can ask a system. One module per family of systems; the union is closed, types check it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from launch.probes.base import Probe as ProbeBase
from launch.probes.data import DataProbe
from launch.probes.launches import LaunchesProbe
from launch.probes.observability import ObservabilityProbe
from launch.probes.people import PeopleProbe
from launch.probes.platform import PlatformProbe
from launch.probes.web import WebProbe

Probe = Annotated[
    DataProbe | LaunchesProbe | ObservabilityProbe | PeopleProbe | PlatformProbe | WebProbe,
    Field(discriminator="ask"),
]

__all__ = ["Probe", "ProbeBase"]
