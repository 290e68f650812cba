"""The rehearsal world: one clock, named knobs that parts read or obey, faults scheduled on them, and the parts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pydantic import JsonValue
from starlette.routing import BaseRoute

Setter = Callable[[JsonValue], None]


@dataclass(frozen=True)
class Knob:
    """A fact of the world that a fault can change. `setter` pushes it into a real component; else parts read it."""

    name: str
    default: JsonValue
    what: str
    setter: Setter | None = None


class UnknownKnobError(LookupError):
    """A fault names a knob that no part defined."""


@dataclass(frozen=True, order=True)
class ScheduledFault:
    """A knob that takes a value from a moment on."""

    at: datetime
    order: int
    knob: str = field(compare=False)
    value: JsonValue = field(compare=False)


class World:
    """State shared by all parts of the sandbox. Thread-safe: endpoints run on server threads.

    `now` is the launch clock (virtual in a rehearsal). Parts use it, never the machine's clock, for anything that a
    plan's window or age can see. Everything random is drawn from `seed` and the moment, so equal runs see equal worlds.
    """

    def __init__(self, *, now: Callable[[], datetime], t0: datetime, seed: int = 0) -> None:
        self.now = now
        self.t0 = t0
        self.seed = seed
        self._lock = threading.RLock()
        self._knobs: dict[str, Knob] = {}
        self._values: dict[str, JsonValue] = {}
        self._faults: list[ScheduledFault] = []
        self._families: dict[str, tuple[str, Callable[[str], None]]] = {}

    def define(self, name: str, default: JsonValue, what: str, setter: Setter | None = None) -> None:
        """Adds a knob, at its default. Defining one twice is a programming error."""
        with self._lock:
            if name in self._knobs:
                message = f"knob {name!r} is defined twice"
                raise ValueError(message)
            self._knobs[name] = Knob(name, default, what, setter)
            self._values[name] = default

    def family(self, prefix: str, what: str, define: Callable[[str], None]) -> None:
        """Knobs without end that begin with `prefix`: `define` adds one when it is first turned or scheduled.

        It raises `ValueError` for a name that can be none.
        """
        self._families[prefix] = (what, define)

    @property
    def families(self) -> Mapping[str, str]:
        """What each family of knobs is for, by prefix."""
        return {prefix: what for prefix, (what, _) in self._families.items()}

    def _meet(self, name: str) -> None:
        """Makes sure that the knob is there. Raises `UnknownKnobError`."""
        if name in self._knobs:
            return
        define = next((define for prefix, (_, define) in self._families.items() if name.startswith(prefix)), None)
        if define is None:
            raise UnknownKnobError(name)
        try:
            define(name)
        except ValueError as error:
            raise UnknownKnobError(name) from error

    @property
    def knobs(self) -> Mapping[str, Knob]:
        """Every knob by name."""
        return dict(self._knobs)

    def get(self, name: str) -> JsonValue:
        """The knob's value now. Raises `UnknownKnobError`."""
        with self._lock:
            self._apply_due()
            if name not in self._values:
                raise UnknownKnobError(name)
            return self._values[name]

    def set(self, name: str, value: JsonValue) -> None:
        """Turns a knob at once. Raises `UnknownKnobError`."""
        with self._lock:
            self._meet(name)
            knob = self._knobs[name]
            self._values[name] = value
        if knob.setter is not None:
            knob.setter(value)

    def reset(self, name: str) -> None:
        """Puts a knob back to its default."""
        self.set(name, self._knobs[name].default)

    def schedule(self, name: str, value: JsonValue, at: datetime) -> None:
        """Turns a knob when the launch clock reaches `at`. Raises `UnknownKnobError`."""
        with self._lock:
            self._meet(name)
            self._faults.append(ScheduledFault(at, len(self._faults), name, value))
            self._faults.sort()

    def tick(self) -> None:
        """Applies faults that are due. Called whenever the launch clock has moved."""
        with self._lock:
            self._apply_due()

    def _apply_due(self) -> None:
        while self._faults and self._faults[0].at <= self.now():
            fault = self._faults.pop(0)
            self.set(fault.knob, fault.value)


class Part(Protocol):
    """One component of the world: a real server, or endpoints that speak a vendor's wire.

    Life: `define(world)` adds its knobs; `start()` starts servers and seeds them (parts start side by side, in
    threads); `routes()` are mounted on the sandbox's one HTTP server under `/<name>`; `tick()` runs whenever the
    launch clock has moved; `stop()` ends everything, also after a failed start.
    """

    name: str

    def define(self, world: World) -> None: ...

    def start(self) -> None: ...

    def routes(self) -> Sequence[BaseRoute]: ...

    def tick(self) -> None: ...

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        """Fields of each Prefect block that reaches this part, by block address (`type-slug/sandbox-<system>`).

        `base_url` is the sandbox HTTP server's address with this part's mount, e.g. `http://127.0.0.1:4711/slack`.
        Asked after `start`.
        """

    def stop(self) -> None: ...
