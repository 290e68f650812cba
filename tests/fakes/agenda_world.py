"""What a played launch meets: effects that take their time or fail, checks with scripted answers, people who vote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from launch.events import GuardState
from launch.plan import RolloutStep
from launch.ports import Observation, Standing
from launch.verdicts import Verdict

if TYPE_CHECKING:
    from tests.fakes.agenda_player import Player

NOW = timedelta(0)


@dataclass
class Manner:
    """How an effect behaves: found already there, done `takes` after it was applied, or failing `fails` times first."""

    takes: timedelta = NOW
    fails: int = 0
    held: bool = False


@dataclass
class Vote:
    """A ballot and how long after the gate's opening it comes."""

    person: str
    seat: str
    decision: str = "GO"
    reason: str = ""
    after: timedelta = NOW


def as_asked(step: RolloutStep, _now: datetime) -> Mapping[str, Observation]:
    """What runs is what the step asks for."""
    return {action: Observation(standing=Standing.HOLDS, exposure=step.percent) for action in step.actions}


Act = Callable[["Player"], object]


@dataclass
class World:
    """Everything outside the launch. What is not said goes well: effects hold at once, checks pass, seats say GO."""

    manners: dict[str, Manner] = field(default_factory=dict)
    verdicts: dict[str, Sequence[Verdict]] = field(default_factory=dict)
    votes: dict[str, Sequence[Vote]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    vouching: Verdict = Verdict.PASS
    guards: Callable[[str, datetime], GuardState] = lambda _guard, _now: GuardState.CLEAR
    exposed: Callable[[RolloutStep, datetime], Mapping[str, Observation] | None] = as_asked
    """What is read back of a step's actions; None where it cannot be read."""
    unseen: Callable[[str, datetime], bool] = lambda _action, _now: False
    """Whether the target of an action cannot be looked at for the snapshot."""
    acts: list[tuple[datetime, Act]] = field(default_factory=list)
    applied: list[tuple[str, datetime]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    formed: list[str] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)

    def manner(self, effect: str) -> Manner:
        """How an effect behaves."""
        return self.manners.get(effect, Manner())

    def look(self, effect: str, now: datetime) -> str:
        """`absent`, `under way`, `holds` or `failed`, as a block would observe it."""
        manner, tries = self.manner(effect), [at for name, at in self.applied if name == effect]
        if not tries:
            return "holds" if manner.held else "absent"
        if len(tries) <= manner.fails:
            return "failed"
        return "holds" if now >= tries[-1] + manner.takes else "under way"

    def verdict(self, check: str) -> Verdict:
        """The next answer to a check; the last one is repeated."""
        script, place = self.verdicts.get(check, ()), self.answers.get(check, 0)
        self.answers[check] = place + 1
        return script[min(place, len(script) - 1)] if script else Verdict.PASS
