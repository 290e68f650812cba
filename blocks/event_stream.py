"""Listening to server-sent events for a bounded time (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import httpx

from blocks import wire
from blocks.faults import CHECK_ADDRESS, CHECK_REACH
from launch.errors import PermanentFaultError, TransientFaultError

_MEDIA = "text/event-stream"


@dataclass
class Heard:
    """Signs of life, at seconds on the listener's clock. `ended`: the server let go before the time was over."""

    began: float
    over: float
    signs: list[float] = field(default_factory=list)
    ended: bool = False

    @property
    def longest_silence(self) -> float:
        """Seconds without a sign, from the answer's beginning until the time was over."""
        marks = [self.began, *self.signs, max(self.over, self.began)]
        return max(later - earlier for earlier, later in pairwise(marks))


@dataclass
class Signs:
    """Tells which lines are signs of life: comments and whole events, or only events of one type."""

    event: str = ""
    _type: str = ""
    _data: bool = False

    def is_sign(self, line: str) -> bool:
        """Takes the next line of the stream."""
        if line.startswith(":"):
            return not self.event
        if line:
            name, _, value = line.partition(":")
            if name == "event":
                self._type = value.removeprefix(" ")
            self._data = self._data or name == "data"
            return False
        # An empty line ends an event; one without data is none.
        told, kind = self._data, self._type or "message"
        self._type, self._data = "", False
        return told and self.event in {"", kind}


def listen(
    url: str,
    *,
    system: str,
    headers: Mapping[str, str],
    event: str,
    seconds: float,
    timeout_seconds: float,
    clock: Callable[[], float],
) -> Heard:
    """Listens for so many seconds of `clock`, and no longer. `timeout_seconds` is for the answer's beginning.

    Raises `SystemFaultError` where no stream of events begins; one that breaks later has ended.
    """
    listener = _Listener(url, system, f"events for {seconds:g} s", Signs(event), seconds, timeout_seconds, clock)
    return asyncio.run(listener.listen({"Accept": _MEDIA, "Cache-Control": "no-store", **headers}))


@dataclass
class _Listener:
    url: str
    system: str
    question: str
    signs: Signs
    seconds: float
    timeout_seconds: float
    clock: Callable[[], float]

    async def listen(self, headers: Mapping[str, str]) -> Heard:
        async with wire.stream_client(timeout_seconds=self.timeout_seconds, headers=headers) as client:
            response = await self._opened(client)
            heard = Heard(began=self.clock(), over=0.0)
            heard.over = heard.began + self.seconds
            try:
                async with asyncio.timeout(self.seconds):
                    await self._follow(response, heard)
                heard.ended = True
            except TimeoutError:
                pass
            except httpx.HTTPError:
                heard.ended = True
            finally:
                await response.aclose()
            return heard

    async def _opened(self, client: httpx.AsyncClient) -> httpx.Response:
        try:
            with wire.exchanging(self.system, self.question):
                async with asyncio.timeout(self.timeout_seconds):
                    request = client.build_request("GET", self.url)
                    response = await client.send(request, stream=True)
                    if not response.is_success:
                        await response.aread()
        except TimeoutError as error:
            raise TransientFaultError(
                system=self.system, question=self.question, answer="no answer in time", next_step=CHECK_REACH
            ) from error
        if not response.is_success:
            raise wire.answer_fault(response, system=self.system, question=self.question)
        media = response.headers.get("content-type", "none").partition(";")[0].strip().lower()
        if media != _MEDIA:
            await response.aclose()
            raise PermanentFaultError(
                system=self.system,
                question=self.question,
                answer=f"no stream of events but content type {media[:60]}",
                next_step=CHECK_ADDRESS,
            )
        return response

    async def _follow(self, response: httpx.Response, heard: Heard) -> None:
        async for line in response.aiter_lines():
            if self.signs.is_sign(line):
                heard.signs.append(self.clock())
