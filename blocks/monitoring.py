"""Uptime monitors, whoever keeps them: which are up now, and how long each was since the go-live."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, assert_never

from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.observability import MonitorsUp, SyntheticUptime
from launch.readings import Reading, quantities

_EVIDENCE = 256


@dataclass(frozen=True)
class Monitor:
    """A monitor that runs. `up` is None while that is not known: not looked yet, or not lately."""

    id: int
    name: str
    up: bool | None


class MonitorKeeper(ABC):
    """The verbs of a block that reaches such a service."""

    answers: ClassVar[tuple[type[Probe], ...]] = (MonitorsUp, SyntheticUptime)

    @property
    @abstractmethod
    def named(self) -> str:
        """As readings and faults call the service."""

    @abstractmethod
    def monitors(self, tag: str, now: datetime) -> Sequence[Monitor]:
        """Those with this tag that are not paused. Raises `SystemFaultError`."""

    @abstractmethod
    def uptimes(self, monitors: Sequence[Monitor], start: datetime, end: datetime) -> Sequence[float | None]:
        """Of each in %, None where it is not known. Raises `SystemFaultError`."""

    def answer(self, probe: MonitorsUp | SyntheticUptime, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        where = f'monitors tagged "{probe.tag}" at {self.named}'
        found = self.monitors(probe.tag, occasion.now)
        match probe:
            case MonitorsUp():
                return _states(found, where, occasion)
            case SyntheticUptime():
                return self._uptime(found, where, occasion)
            case _:
                assert_never(probe)

    def _uptime(self, found: Sequence[Monitor], where: str, occasion: Occasion) -> Reading:
        if occasion.went_live is None or not found:
            evidence = "not live yet" if found else "no running monitor"
            return Reading(values={}, where=where, at=occasion.now, evidence=evidence)
        shares = self.uptimes(found, occasion.went_live, occasion.now)
        known = [share for share in shares if share is not None]
        return Reading(
            values=quantities("%", synthetic_uptime=min(known) if len(known) == len(found) else None),
            where=where,
            at=occasion.now,
            evidence=f"{len(known)} of {len(found)} monitors, since {occasion.went_live:%Y-%m-%d %H:%M} UTC",
        )


def _states(found: Sequence[Monitor], where: str, occasion: Occasion) -> Reading:
    """One monitor that nothing is known of hides how its target fares: no answer."""
    unknown = [monitor.name for monitor in found if monitor.up is None]
    down = [monitor.name for monitor in found if monitor.up is False]
    values = {}
    if not unknown:
        values = quantities("monitors", monitors_up=len(found) - len(down), monitors_down=len(down) if found else None)
    told = f"not known: {', '.join(unknown)}" if unknown else f"down: {', '.join(down) or 'none'}"
    return Reading(values=values, where=where, at=occasion.now, evidence=told[:_EVIDENCE])
