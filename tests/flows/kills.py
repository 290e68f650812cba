"""Where a process is killed with SIGKILL: by itself, at a named place, so that no luck and no waiting is involved."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from launch.events import AnyEvent
from launch.ledger import Ledger, Record
from launch.ports import Occasion


@dataclass(frozen=True)
class Kill:
    """One place in a launch.

    `written`: right after the event `what` about `subject` is in the ledger; `before` and `after`: around the call
    `what` (apply, observe, restore, post, ...) for `subject`, on the block; `answered`: the sandbox has carried the
    request out (`what` is its mount, `subject` begins its method and path) and the answer never arrives; `waited`:
    the clock has been waited for up to `at`. The `nth` time counts, within one process.
    """

    point: Literal["written", "before", "after", "answered", "waited"]
    what: str = ""
    subject: str = ""
    nth: int = 1
    at: datetime | None = None

    def __str__(self) -> str:
        return f"{self.point} {self.what} {self.subject}".strip() + (f" #{self.nth}" if self.nth > 1 else "")


class Trap:
    """Counts how often the place of one kill was passed, and springs."""

    def __init__(self, kill: Kill | None) -> None:
        self.kill = kill
        self._passed = 0

    def passes(self, point: str, what: str, subject: str) -> None:
        """Kills this process if this is the place."""
        if self.springs(point, what, subject):
            os.kill(os.getpid(), signal.SIGKILL)

    def springs(self, point: str, what: str, subject: str) -> bool:
        """Whether this is the place, for the last time it is counted."""
        kill = self.kill
        if kill is None or kill.point != point or kill.what != what or not subject.startswith(kill.subject):
            return False
        self._passed += 1
        return self._passed == kill.nth

    def waited(self, now: datetime) -> None:
        """Kills this process if the clock has reached the place."""
        kill = self.kill
        if kill is not None and kill.point == "waited" and kill.at is not None and now >= kill.at:
            os.kill(os.getpid(), signal.SIGKILL)


class TrappedLedger:
    """A ledger whose writer may die right after a record is safely in it."""

    def __init__(self, ledger: Ledger, trap: Trap) -> None:
        self._ledger = ledger
        self._trap = trap
        self.records = ledger.records
        self.launches = ledger.launches
        self.open_launch = ledger.open_launch

    def append(
        self,
        launch: str,
        event: AnyEvent,
        *,
        at: datetime,
        wall: datetime,
        expected: int | None = None,
    ) -> Record:
        record = self._ledger.append(launch, event, at=at, wall=wall, expected=expected)
        self._trap.passes("written", event.kind, subject_of(event))
        return record


VERBS = ("observe", "apply", "observe_restored", "restore", "answer", "post", "announce")


def arm(system: object, trap: Trap) -> None:
    """Lets the process die around the verbs of a block. Blocks are frozen to Prefect, not to `object`."""
    for verb in VERBS:
        call = getattr(system, verb, None)
        if call is not None:
            object.__setattr__(system, verb, _armed(call, verb, trap))


def _armed(call: Callable[..., object], verb: str, trap: Trap) -> Callable[..., object]:
    def armed(*given: object, **named: object) -> object:
        subject = _subject(given, named)
        trap.passes("before", verb, subject)
        answer = call(*given, **named)
        trap.passes("after", verb, subject)
        return answer

    return armed


def _subject(given: tuple[object, ...], named: dict[str, object]) -> str:
    """The action's id from the key of its occasion (`launch/action/attempt`), or the key of a message."""
    occasion = next((one for one in given if isinstance(one, Occasion)), None)
    if occasion is not None:
        return occasion.key.partition("/")[2]
    return str(named.get("key", ""))


def subject_of(event: AnyEvent) -> str:
    """What an event is about."""
    names = ("check", "action", "gate", "phase", "key", "checkpoint", "guard", "trigger", "outcome", "step")
    return next((str(getattr(event, name)) for name in names if hasattr(event, name)), "")
