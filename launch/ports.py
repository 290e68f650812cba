"""What the conductor needs from outside: systems that answer and act, a clock, a ledger, people, runs.

Blocks, the ledger's store, the real and the virtual clock and the ballot desk implement these; tests bring fakes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol, runtime_checkable

from pydantic import Field, JsonValue

from launch.effects.base import Effect
from launch.model import Model
from launch.probes.base import Probe
from launch.readings import Reading
from launch.release import Release

State = dict[str, JsonValue]


class Occasion(Model):
    """The circumstances of one question or one effect, handed to a block with it.

    All instants are aware UTC on the launch clock (virtual in a rehearsal): blocks compute ages, windows and time
    stamps from `now`, never from the machine's clock.
    """

    launch: str
    now: datetime
    t0: datetime
    went_live: datetime | None = None
    release: Release
    key: str = Field(default="", description="Idempotency key: stable over retries and restarts of one effect.")


class Standing(StrEnum):
    """How the world stands to an effect's desired state."""

    HOLDS = "holds"
    ABSENT = "absent"
    UNDER_WAY = "under-way"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Observation(Model):
    """What a block saw when it looked at the target of an effect.

    `state` is everything `restore` needs to put this state back later (images by service, flag values, origin path):
    JSON only, no secrets. `detail` is one sentence for the captain. `progress` is 0 to 1 while under way. `exposure` is
    the share of users (0 to 100) that the target gives the release right now, where it decides on one. `outputs` are
    what later words of the plan may name once the effect holds (the address of a clone): short texts, no secrets.
    """

    standing: Standing
    state: State = Field(default_factory=dict)
    detail: str = ""
    progress: float | None = None
    exposure: float | None = None
    outputs: dict[str, str] = Field(default_factory=dict)


@runtime_checkable
class Answers(Protocol):
    """A system that can be asked. `answers` lists its probe classes; `answer` raises only `SystemFaultError`."""

    answers: ClassVar[tuple[type[Probe], ...]]

    def answer(self, probe: Any, occasion: Occasion) -> Reading: ...


@runtime_checkable
class Acts(Protocol):
    """A system that can be changed. All four verbs return at once (no waiting for completion) and may be repeated.

    `observe` looks; `apply` starts the change; completion is seen by observing again (HOLDS, or UNDER_WAY until then,
    FAILED when it will not come). `observe_restored` and `restore` do the same for the recorded earlier state.
    They raise only `SystemFaultError`.
    """

    effects: ClassVar[tuple[type[Effect], ...]]

    def observe(self, effect: Any, occasion: Occasion) -> Observation: ...

    def apply(self, effect: Any, occasion: Occasion) -> None: ...

    def observe_restored(self, effect: Any, before: State, occasion: Occasion) -> Observation: ...

    def restore(self, effect: Any, before: State, occasion: Occasion) -> None: ...


@runtime_checkable
class Checks(Protocol):
    """A system that proves before a launch that it can be used: every block is one.

    `check` only reads, and waits no longer than the block's time-outs. It returns one sentence, or raises
    `SystemFaultError`. `needs` names the least rights that the block's account must have.
    """

    needs: ClassVar[str]

    def check(self) -> str: ...


class Sample(Model):
    """One value of a time series; NaN is kept, it means no data."""

    at: datetime
    value: float


@runtime_checkable
class MetricSource(Protocol):
    """A store of time series: `series` returns the samples of one query between two instants, oldest first.

    An unknown or empty series is an empty sequence. Raises `SystemFaultError`.
    """

    def series(self, query: str, *, start: datetime, end: datetime, step_seconds: float) -> Sequence[Sample]: ...


@runtime_checkable
class Chat(Protocol):
    """A place to post words. Returns a link to the message; the key makes a repeated post one post."""

    def post(self, channel: str, text: str, *, key: str) -> str: ...


@runtime_checkable
class StatusBoard(Protocol):
    """The public status page: `announce` sets its state and text; the key makes a repetition one update."""

    def announce(self, state: str, text: str, *, key: str) -> str: ...


@runtime_checkable
class Mailer(Protocol):
    """Mail to named recipients; the key becomes the message id."""

    def send(self, recipients: Sequence[str], subject: str, text: str, *, key: str) -> str: ...


@runtime_checkable
class Pager(Protocol):
    """Wakes somebody: opens (or finds, by key) an incident and returns its link."""

    def page(self, severity: str, summary: str, *, key: str) -> str: ...


class Clock(Protocol):
    """The launch clock."""

    def now(self) -> datetime: ...

    async def until(self, moment: datetime) -> None:
        """Returns at `moment` or earlier (to look at the ledger again), never later than needed."""

    def holds_process(self, moment: datetime) -> bool:
        """Whether waiting until `moment` is short enough to keep this process; if not, the run is handed over."""


Systems = Mapping[str, object]
