"""What goes on beside the rest on the day: words and questions, in a rollback effects too. None waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from launch.agenda import AnnounceDecision, AskCheck, AskPeople, CallSeats, DoEffect, PostUpdate, speaks
from launch.events import AnyEvent

_A_LOOK = 1.0
"""Seconds after which a look at the ledger is due although nothing has ended."""


class Done(Protocol):
    """As `flows.conductor.Doing`: events to write, then what starts after they are written."""

    events: list[AnyEvent]
    then: Callable[[], Awaitable[Sequence[AnyEvent]]] | None


Handle = Callable[[object], Awaitable[Done]]
Write = Callable[..., None]


class Beside:
    """Things under way side by side, each once. Their events are written as soon as there are any."""

    def __init__(self, handle: Handle, write: Write, *, takes: Callable[[object], bool] = speaks) -> None:
        self._handle = handle
        self._write = write
        self._takes = takes
        self._work: dict[str, asyncio.Task[None]] = {}
        self._words: dict[str, asyncio.Task[None]] = {}

    def take(self, due: Sequence[object]) -> list[object]:
        """Begins whatever it takes and is not under way; returns the rest."""
        rest = []
        for one in due:
            if not self._takes(one):
                rest.append(one)
                continue
            key, kind = spoken_key(one), self._words if speaks(one) else self._work
            if key not in kind:
                kind[key] = asyncio.create_task(perform(one, self._handle, self._write))
        return rest

    @property
    def working(self) -> bool:
        """Whether anything but words is under way."""
        return bool(self._work)

    @property
    def speaking(self) -> bool:
        """Whether words are under way."""
        return bool(self._words)

    async def next_end(self) -> None:
        """Until something has ended, words among them, or it is time for a look."""
        under_way = [*self._work.values(), *self._words.values()]
        if under_way:
            await asyncio.wait(under_way, timeout=_A_LOOK, return_when=asyncio.FIRST_COMPLETED)
        self.reap()

    async def finish(self) -> None:
        """Until everything has ended."""
        await asyncio.gather(*self._work.values(), *self._words.values())
        self.reap()

    def reap(self) -> None:
        """Forgets what has ended; raises what went wrong in a way that nobody planned for."""
        for kind in (self._work, self._words):
            for key, task in list(kind.items()):
                if task.done():
                    del kind[key]
                    task.result()


async def perform(due: object, handle: Handle, write: Write) -> None:
    """Does one thing and writes what came of it, each as soon as it is there."""
    doing = await handle(due)
    write(*doing.events)
    if doing.then is not None:
        write(*await doing.then())


def takes_time(due: object) -> bool:
    """Whether it says something, changes something or asks a system: nothing else should wait for that."""
    return speaks(due) or isinstance(due, DoEffect | AskCheck)


def speaks_or_asks(due: object) -> bool:
    """Whether it says something or only asks: a system that hangs must keep nobody from sampling the guards."""
    return speaks(due) or isinstance(due, AskCheck)


def spoken_key(due: object) -> str:
    """What makes two entries the same telling."""
    match due:
        case DoEffect():
            return f"effect {due.id}"
        case PostUpdate() | AnnounceDecision():
            return due.key
        case CallSeats():
            return f"call {due.gate.id}/{due.opening}"
        case AskCheck():
            return f"check {due.check.id}"
        case AskPeople():
            return "ask " + ", ".join(check.id for check in due.checks)
        case _:
            return repr(due)
