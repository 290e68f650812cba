"""Who gets the release, as the sandbox's routers and flags have it: read from them, kept by moment.

The launch clock stands still while anybody works, so a change seen after the clock moved was made at the moment before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise

from sandbox.world import World

Share = Callable[[], float | None]


class Exposure:
    """The share of users, in %, that each route gives the release. Thread-safe."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._reads: dict[str, Share] = {}
        self._flags: set[str] = set()
        self._slow: set[str] = set()
        self._turns: dict[str, list[tuple[datetime, float]]] = {}
        self._ticked = world.now()
        self._lock = threading.RLock()

    @property
    def routes(self) -> tuple[str, ...]:
        """Everything that some part watches: routes, and flags."""
        return tuple(self._reads)

    @property
    def leading(self) -> tuple[str, ...]:
        """What decides over the whole product: its routes, or its flags where traffic is not routed."""
        return tuple(route for route in self._reads if route not in self._flags) or self.routes

    def watch(self, route: str, share: Share, *, slow: bool = False) -> None:
        """From now on the route's share is what `share` says; None while nobody can tell.

        A `slow` one (a call over the wire) is asked when the clock moves and not at every question.
        """
        with self._lock:
            self._reads[route], self._turns[route] = share, []
            if slow:
                self._slow.add(route)

    def watch_flag(self, flag: str, share: Share) -> None:
        """The same for a flag."""
        self._flags.add(flag)
        self.watch(flag, share)

    def tick(self) -> None:
        """The clock has moved: what is different now became so before it did."""
        with self._lock:
            self._look(self._ticked, tuple(self._reads))
            self._ticked = self._world.now()

    def look(self) -> None:
        """What is different now is so from this moment."""
        with self._lock:
            self._look(self._world.now(), tuple(self._reads.keys() - self._slow))

    def at(self, route: str, moment: datetime) -> float:
        """The share in force at a moment; before the first that was seen it was as then."""
        with self._lock:
            turns = self._turns[route]
            return next((share for at, share in reversed(turns) if at <= moment), turns[0][1] if turns else 0.0)

    def stretches(self, route: str, start: datetime, end: datetime) -> list[tuple[float, float]]:
        """Seconds and share of each stretch between two moments."""
        with self._lock:
            inside = [at for at, _ in self._turns[route] if start < at < end]
        edges = [start, *inside, end]
        pairs = pairwise(edges)
        return [((until - since).total_seconds(), self.at(route, since)) for since, until in pairs if until > since]

    def _look(self, moment: datetime, routes: tuple[str, ...]) -> None:
        for route in routes:
            share, turns = self._reads[route](), self._turns[route]
            if share is not None and (not turns or turns[-1][1] != share):
                turns.append((moment, share))
