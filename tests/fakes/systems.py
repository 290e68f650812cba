"""A small outside world in memory behind the ports `Answers`, `Acts`, `MetricSource` and `Chat`: it remembers and obeys.

As input: plans of `tests.fakes.plans`. Nothing of tminus is replaced; a system here stands for a vendor and its block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from launch.effects.people import PostMessage
from launch.effects.web import SetFlag
from launch.errors import PermanentFaultError, SystemFaultError, TransientFaultError
from launch.ports import Observation, Occasion, Sample, Standing, State
from launch.probes.base import Probe
from launch.probes.data import Replication
from launch.readings import Reading, quantities

Heard = Callable[[str, str], None]


def refusal(system: str, question: str) -> PermanentFaultError:
    """What a vendor says to wrong credentials."""
    return PermanentFaultError(system=system, question=question, answer="403 Forbidden", next_step="renew the token")


def outage(system: str, question: str) -> TransientFaultError:
    """What a vendor says when it is down."""
    return TransientFaultError(system=system, question=question, answer="503", next_step="ask again")


@dataclass
class Database:
    """Answers how far its standby is behind: the next lag of the script in s, or a fault; the last one is repeated."""

    answers: ClassVar[tuple[type[Probe], ...]] = (Replication,)

    lags: list[float | SystemFaultError | None] = field(default_factory=lambda: [0.5])
    asked: int = 0

    def answer(self, probe: Replication, occasion: Occasion) -> Reading:
        lag = self.lags[min(self.asked, len(self.lags) - 1)]
        self.asked += 1
        if isinstance(lag, SystemFaultError):
            raise lag
        return Reading(values=quantities("s", replication_lag=lag), where="the standby", at=occasion.now)


@dataclass
class Manner:
    """How one flag takes a change: after `takes`, never (`stuck`), or refusing the first `refuses` tries."""

    takes: timedelta = timedelta(0)
    stuck: bool = False
    refuses: int = 0
    blind: bool = False
    """Nobody can see whether it was changed."""


@dataclass
class Flags:
    """Flags by name, off until somebody turns them. `turned` is every change that reached it, in order."""

    effects: ClassVar[tuple[type[SetFlag], ...]] = (SetFlag,)

    heard: Heard = lambda _verb, _flag: None
    manners: dict[str, Manner] = field(default_factory=dict)
    turned: list[tuple[str, str]] = field(default_factory=list)
    since: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def state(self, flag: str) -> str:
        """What the flag was turned to last."""
        return self.since.get(flag, ("off", None))[0]

    def times(self, flag: str, state: str) -> int:
        """How often the flag was turned so."""
        return self.turned.count((flag, state))

    def observe(self, effect: SetFlag, occasion: Occasion) -> Observation:
        return self._look(effect.flag, effect.state, occasion)

    def apply(self, effect: SetFlag, occasion: Occasion) -> None:
        self._turn(effect.flag, effect.state, occasion)

    def observe_restored(self, effect: SetFlag, before: State, occasion: Occasion) -> Observation:
        return self._look(effect.flag, str(before["state"]), occasion)

    def restore(self, effect: SetFlag, before: State, occasion: Occasion) -> None:
        self._turn(effect.flag, str(before["state"]), occasion)

    def _look(self, flag: str, wanted: str, occasion: Occasion) -> Observation:
        manner, (state, at) = self.manners.get(flag, Manner()), self.since.get(flag, ("off", occasion.now))
        found: State = {"state": state}
        if manner.blind:
            return Observation(standing=Standing.UNKNOWN, state=found)
        if state != wanted:
            return Observation(standing=Standing.ABSENT, state=found)
        slow = flag in self.since and (manner.stuck or occasion.now < at + manner.takes)
        outputs = {"turned": f"{flag} {state}"}
        return Observation(standing=Standing.UNDER_WAY if slow else Standing.HOLDS, state=found, outputs=outputs)

    def _turn(self, flag: str, state: str, occasion: Occasion) -> None:
        self.heard("before", flag)
        manner = self.manners.get(flag, Manner())
        if manner.refuses:
            manner.refuses -= 1
            raise refusal("flags", f"turn {flag} {state}")
        self.turned.append((flag, state))
        self.since[flag] = (state, occasion.now)
        self.heard("after", flag)


@dataclass
class Metrics:
    """One series: `value` in % at every step, from the moment in `jumps` on the value there."""

    value: float = 0.1
    jumps: dict[datetime, float] = field(default_factory=dict)
    down: bool = False

    def series(self, query: str, *, start: datetime, end: datetime, step_seconds: float) -> Sequence[Sample]:
        if self.down:
            raise outage("metrics", query)
        step = timedelta(seconds=step_seconds)
        moments = [end - step * back for back in range(int((end - start) / step) + 1)]
        return [Sample(at=at, value=self._at(at)) for at in reversed(moments)]

    def _at(self, moment: datetime) -> float:
        passed = [at for at in self.jumps if at <= moment]
        return self.jumps[max(passed)] if passed else self.value


@dataclass
class Room:
    """A chat room: posts by key, so that a repeated post is one post. `told` is every call that reached it."""

    effects: ClassVar[tuple[type[PostMessage], ...]] = (PostMessage,)

    heard: Heard = lambda _verb, _key: None
    down: bool = False
    posts: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def post(self, channel: str, text: str, *, key: str) -> str:
        self.heard("before", key)
        if self.down:
            raise outage("room", f"post to {channel}")
        self.told.append(key)
        self.posts.setdefault(key, text)
        self.heard("after", key)
        return f"room://{key}"

    def observe(self, effect: PostMessage, occasion: Occasion) -> Observation:
        if self.down:
            raise outage("room", "look for a message")
        return Observation(standing=Standing.HOLDS if effect.message in self.posts else Standing.ABSENT)

    def apply(self, effect: PostMessage, occasion: Occasion) -> None:
        self.post(effect.channel, effect.text, key=effect.message)

    def observe_restored(self, effect: PostMessage, before: State, occasion: Occasion) -> Observation:
        return Observation(standing=Standing.ABSENT if effect.message in self.posts else Standing.HOLDS)

    def restore(self, effect: PostMessage, before: State, occasion: Occasion) -> None:
        del self.posts[effect.message]


@dataclass
class Outside:
    """All systems of a small plan."""

    database: Database = field(default_factory=Database)
    flags: Flags = field(default_factory=Flags)
    metrics: Metrics = field(default_factory=Metrics)
    room: Room = field(default_factory=Room)
    hall: Room = field(default_factory=Room)

    @property
    def systems(self) -> Mapping[str, object]:
        """By the ids of the plan."""
        return {one: getattr(self, one) for one in ("database", "flags", "metrics", "room", "hall")}
