"""The compressed clock's arithmetic: which moment of the launch a wall instant shows, by the anchors in the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from launch.agenda import moment_of, phase_start
from launch.events import ClockSet
from launch.plan import FlowPhase, Plan
from launch.state import LaunchState

DWELL = timedelta(seconds=20)
"""How long the clock waits at natural speed for a run that begins: starting its process takes seconds of wall."""


class Pace:
    """Anchors in force, oldest first. Without one the launch clock is the wall clock.

    An anchor may lie in the future: "fast from now on, natural speed from that instant on" takes two. A newer event
    replaces every anchor at or after its own instant.
    """

    def __init__(self, events: Iterable[ClockSet] = ()) -> None:
        self._anchors: list[ClockSet] = []
        self._fastest = 1.0
        for event in events:
            self.take(event)

    def take(self, event: ClockSet) -> None:
        """Puts the next anchor of the ledger in force."""
        self._anchors = [anchor for anchor in self._anchors if anchor.wall < event.wall] + [event]
        self._fastest = max(self._fastest, event.speed)

    @property
    def compressed(self) -> bool:
        """Whether this launch runs on a clock of its own."""
        return bool(self._anchors)

    @property
    def fastest(self) -> float:
        """The speed of idle stretches, as the launch was opened with."""
        return self._fastest

    def shows(self, wall: datetime) -> datetime:
        """The launch moment at a wall instant."""
        anchor = self._at(wall)
        return wall if anchor is None else anchor.at + (wall - anchor.wall) * anchor.speed

    def speed(self, wall: datetime) -> float:
        """How fast the launch clock runs at a wall instant."""
        anchor = self._at(wall)
        return 1.0 if anchor is None else anchor.speed

    def arrival(self, wall: datetime) -> datetime | None:
        """The launch moment at which the clock is to slow down next, if that is planned."""
        return next((anchor.at for anchor in self._anchors if anchor.wall > wall), None)

    def comes(self, moment: datetime, wall: datetime) -> datetime:
        """The wall instant, not before `wall`, at which the clock shows `moment` if nobody sets it again."""
        if not self._anchors:
            return max(moment, wall)
        later = [anchor for anchor in self._anchors if anchor.wall > wall]
        current = self._at(wall) or self._anchors[0]
        for following in later:
            if moment <= following.at:
                break
            current = following
        return max(current.wall + (moment - current.at) / current.speed, wall)

    def soonest(self, moment: datetime, wall: datetime) -> datetime:
        """The earliest wall instant at which the clock could show `moment`, idle all the way."""
        return wall + max(moment - self.shows(wall), timedelta(0)) / self._fastest

    def _at(self, wall: datetime) -> ClockSet | None:
        started = [anchor for anchor in self._anchors if anchor.wall <= wall]
        return started[-1] if started else next(iter(self._anchors), None)


def stops(plan: Plan, state: LaunchState) -> Sequence[datetime]:
    """Moments at which a run of its own begins: every phase and every checkpoint."""
    return sorted(moment for moment, _ in _beginnings(plan, state))


def _beginnings(plan: Plan, state: LaunchState) -> Iterator[tuple[datetime, bool]]:
    """Each such moment, and whether the run that begins there is known to have begun."""
    if state.t0 is None:
        return
    for phase in FlowPhase:
        start = phase_start(plan, state, phase)
        if start is not None:
            yield start, state.phase(phase).started_at is not None
    if state.live_at is not None:
        for point in plan.checkpoints:
            yield moment_of(state, point.offset), point.id in state.checkpoints


def drives(state: LaunchState, phase: FlowPhase | None) -> bool:
    """Whether a run of this phase (None: of something else) may set the clock: one hand at a time.

    The rollback, once claimed; else the earliest phase under way; else, between phases, whoever waits.
    """
    if state.rollback is not None and state.rollback.ended_at is None:
        return phase is FlowPhase.ROLLBACK
    under_way = [
        one for one in FlowPhase if state.phase(one).started_at is not None and state.phase(one).decision is None
    ]
    return not under_way or phase is under_way[0]


def hurry_to(plan: Plan, state: LaunchState, now: datetime, wanted: datetime) -> datetime | None:
    """How far the clock may run fast towards `wanted`; None while it must keep its natural speed.

    An open gate asks people, who live at natural speed; so does the run that begins at a stop, until it has begun.
    """
    if any(gate.open for gate in state.gates.values()):
        return None
    beginnings = list(_beginnings(plan, state))
    if any(stop <= now < stop + DWELL and not begun for stop, begun in beginnings):
        return None
    return min([wanted, *(stop for stop, _ in beginnings if stop > now)])
