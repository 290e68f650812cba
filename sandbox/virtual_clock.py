"""The rehearsal's clock: it stands still while anybody works and jumps to the next moment somebody waits for."""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any


class VirtualClock:
    """Drives coroutines ("players") one at a time in the order of the moments they wait for, first come first served.

    Only one player runs between two waits, so that equal runs take equal courses. `on_move` is told after every jump.
    """

    def __init__(
        self, start: datetime, on_move: Callable[[datetime], None] | None = None, *, realtime: bool = False
    ) -> None:
        self._realtime = realtime
        self.on_move = on_move
        self._now = start
        self._stop: datetime | None = None
        self._horizon: Callable[[], datetime] | None = None
        self._end: datetime | None = None
        self.stopped = False
        """Whether somebody who waited for a moment past `stop_at` was sent home."""
        self._queue: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = 0
        self._resting = asyncio.Event()
        self._players: dict[str, asyncio.Task[object]] = {}
        self._started: set[str] = set()
        self._failure: BaseException | None = None
        self._context = contextvars.copy_context()

    def adopt_context(self) -> None:
        """Players run in a copy of the caller's context, whoever adds them: a flow run's player is no child of it."""
        self._context = contextvars.copy_context()

    def now(self) -> datetime:
        """The moment the clock shows."""
        return self._now

    def holds_process(self, moment: datetime) -> bool:
        """Always: waiting costs nothing here."""
        del moment
        return True

    async def until(self, moment: datetime) -> None:
        """Waits, letting other players run, until the clock reaches `moment`."""
        await self._line_up(moment)

    def stop_at(self, moment: datetime) -> None:
        """The clock does not go past this moment; who waits for a later one is sent home."""
        self._stop = moment

    def end_at(self, horizon: Callable[[], datetime]) -> None:
        """The clock does not go past what `horizon` says either; it is asked anew when that moment has come."""
        self._horizon = horizon

    def enter(self, name: str, at: datetime, play: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Adds a player that starts at `at`. A second player of the same name is ignored while the first is there."""
        if name in self._players:
            return
        context = self._context.copy()
        self._players[name] = asyncio.create_task(self._play(name, at, play), name=name, context=context)

    def leave(self, name: str) -> None:
        """Takes out a player that has not started."""
        if name in self._started:
            return
        player = self._players.pop(name, None)
        if player is not None:
            player.cancel()

    async def run(self) -> None:
        """Runs until nobody waits any more. Raises what a player raised."""
        await asyncio.sleep(0)
        while self._failure is None:
            await self._settle()
            if not self._queue:
                break
            moment, _, turn = heapq.heappop(self._queue)
            if turn.cancelled():
                continue
            if self._is_past_the_end(moment):
                break
            if moment > self._now:
                if self._realtime:
                    await asyncio.sleep((moment - self._now).total_seconds())
                self._now = moment
                if self.on_move is not None:
                    self.on_move(moment)
            self._resting.clear()
            turn.set_result(None)
            await self._resting.wait()
        for player in self._players.values():
            player.cancel()
        await asyncio.gather(*self._players.values(), return_exceptions=True)
        if self._failure is not None:
            raise self._failure

    def _is_past_the_end(self, moment: datetime) -> bool:
        self.stopped = self._stop is not None and moment > self._stop
        if self._horizon is not None and (self._end is None or moment > self._end):
            self._end = self._horizon()
        return self.stopped or (self._end is not None and moment > self._end)

    async def _settle(self) -> None:
        """Lets players that were just added reach their first wait."""
        for _ in range(3):
            await asyncio.sleep(0)

    async def _line_up(self, moment: datetime) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._order += 1
        heapq.heappush(self._queue, (moment, self._order, turn))
        self._resting.set()
        await turn

    async def _play(self, name: str, at: datetime, play: Callable[[], Coroutine[Any, Any, object]]) -> object:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._order += 1
        heapq.heappush(self._queue, (at, self._order, turn))
        await turn
        self._started.add(name)
        try:
            return await play()
        except asyncio.CancelledError:
            raise
        except BaseException as failure:  # noqa: BLE001  a player's failure is the rehearsal's: raised by `run`
            self._failure = failure
            return None
        finally:
            self._players.pop(name, None)
            self._resting.set()
