"""Streams of server-sent events, alive and silent, and limits on requests: over real sockets, on a scripted clock."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from blocks.event_stream import Heard, Signs
from blocks.web_site import WebSite
from launch.errors import PermanentFaultError, TransientFaultError
from launch.probes.web import BurstLimit, EventStream
from launch.readings import Reading
from sandbox.site.state import JOURNEY_TOKEN
from tests.fakes.observed_world import vendor
from tests.fakes.scripted_server import scripted
from tests.fakes.verbs import OCCASION
from tests.fakes.web_world import WebWorld

LISTEN = {"ask": "event-stream", "of": "site", "listen": "30s"}


def listening(url: str, *moments: float, credential: str = "", event: str = "", **fields: object) -> Reading:
    """What is heard, on a clock that says these moments, one after the other."""
    site = WebSite.model_validate({"home": url, "tokens": {"viewer": "word"}, "timeout_seconds": 5} | fields)
    left = iter(moments)
    site._clock = lambda: next(left)
    probe = EventStream.model_validate(LISTEN | {"url": f"{url}/events", "credential": credential, "event": event})
    return site.answer(probe, OCCASION)


def streaming(*parts: str, media: str = "text/event-stream") -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        assert "text/event-stream" in request.headers["accept"]
        return StreamingResponse(iter(part.encode() for part in parts), media_type=media)

    return answer


def figures(reading: Reading) -> dict[str, object]:
    return {name: quantity.value for name, quantity in reading.values.items()}


def test_comments_and_events_are_signs_of_life_and_the_longest_silence_counts() -> None:
    with vendor(streaming(": hello\n\n", "event: heartbeat\ndata: 1\n\n", "data: x\ndata: y\n\n")) as url:
        reading = listening(url, 100, 102, 109, 115)
    assert figures(reading) == {"signs_of_life": 3, "longest_silence": 15}
    assert reading.evidence == "the server ended the stream"


def test_only_events_of_the_type_asked_for_count() -> None:
    parts = (": hello\n\n", "event: heartbeat\ndata: 1\n\n", "event: update\ndata: 2\n\n", "data: plain\n\n")
    with vendor(streaming(*parts)) as url:
        assert figures(listening(url, 0, 4, event="heartbeat")) == {"signs_of_life": 1, "longest_silence": 26}
        assert figures(listening(url, 0, 29, event="message")) == {"signs_of_life": 1, "longest_silence": 29}


def test_a_stream_without_a_word_is_silent_all_the_time() -> None:
    with vendor(streaming("")) as url:
        assert figures(listening(url, 0)) == {"signs_of_life": 0, "longest_silence": 30}


def test_listening_ends_when_its_time_is_over_though_the_stream_goes_on() -> None:
    over = anyio.Event()

    async def for_ever() -> AsyncIterator[bytes]:
        yield b": hello\n\n"
        await over.wait()

    async def answer(request: Request) -> Response:
        del request
        return StreamingResponse(for_ever(), media_type="text/event-stream")

    with vendor(answer) as url:
        site = WebSite.model_validate({"home": url, "timeout_seconds": 5})
        site._clock = count().__next__
        probe = EventStream.model_validate(LISTEN | {"url": url})
        reading = site.answer(probe.model_copy(update={"listen": timedelta(milliseconds=50)}), OCCASION)
    assert reading.evidence == "", "the server did not end it"


def test_a_token_is_sent_and_named_in_no_sentence() -> None:
    async def answer(request: Request) -> Response:
        known = request.headers.get("authorization") == "Bearer word"
        return (
            StreamingResponse(iter([b": hi\n"]), media_type="text/event-stream") if known else Response(status_code=401)
        )

    with vendor(answer) as url:
        assert listening(url, 0, 1, credential="viewer").values["signs_of_life"].value == 1
        with pytest.raises(PermanentFaultError, match="HTTP 401"):
            listening(url)
        with pytest.raises(PermanentFaultError, match="no token named nobody"):
            listening(url, credential="nobody")


@pytest.mark.parametrize(
    ("media", "told"),
    [("text/html; charset=utf-8", "content type text/html"), ("application/json", "application/json")],
)
def test_another_page_is_no_stream(media: str, told: str) -> None:
    with (
        vendor(streaming("<html>sign in</html>", media=media)) as url,
        pytest.raises(PermanentFaultError, match=told),
    ):
        listening(url)


def test_an_answer_that_does_not_begin_is_late() -> None:
    with scripted() as server, server.playing(lambda _: None), pytest.raises(TransientFaultError, match="in time"):
        listening(server.url, timeout_seconds=0.1)


@pytest.mark.parametrize(("beats", "signs"), [(True, 1), (False, 0)])
def test_the_product_of_the_sandbox_beats_once(web: WebWorld, beats: bool, signs: int) -> None:  # noqa: FBT001
    site = web.block(WebSite, tokens={"viewer": JOURNEY_TOKEN})
    probe = EventStream.model_validate(
        LISTEN | {"url": "https://api.teei.io/v1/events", "credential": "viewer", "event": "heartbeat"}
    )
    with web.turned("site.sse", beats):
        assert site.answer(probe, web.occasion).values["signs_of_life"].value == signs


@pytest.mark.parametrize("listen", ["0s", "3m"])
def test_a_check_does_not_listen_for_longer_than_a_launch_can_wait(listen: str) -> None:
    with pytest.raises(ValidationError, match="at most two minutes"):
        EventStream.model_validate(LISTEN | {"url": "https://x.example/", "listen": listen})


@given(st.lists(st.floats(0, 30), max_size=8), st.floats(0, 1e6))
def test_the_longest_silence_is_the_widest_gap(signs: list[float], began: float) -> None:
    heard = Heard(began, began + 30, [began + sign for sign in sorted(signs)])
    marks = [began, *heard.signs, began + 30]
    assert heard.longest_silence == max(marks[at + 1] - marks[at] for at in range(len(marks) - 1))
    assert 30 / (len(signs) + 1) <= heard.longest_silence + 1e-6


def test_an_event_without_data_is_none() -> None:
    signs = Signs()
    assert [signs.is_sign(line) for line in ("event: x", "", "id: 1", "", "data", "", "retry: 5", "")] == [
        False, False, False, False, False, True, False, False,
    ]  # fmt: skip


@contextmanager
def limited(after: int, headers: dict[str, str] | None = None) -> Iterator[tuple[str, list[int]]]:
    asked: list[int] = []

    async def answer(request: Request) -> Response:
        del request
        asked.append(1)
        if len(asked) > after:
            return JSONResponse({"title": "too many"}, status_code=429, headers=headers)
        return JSONResponse({})

    with vendor(answer) as url:
        yield url, asked


BURST = {"ask": "burst-limit", "of": "site", "at_most": 20}


@pytest.mark.parametrize(
    ("after", "headers", "told"),
    [
        (5, {"Retry-After": "30"}, {"limited": True, "requests_let_through": 5, "retry_after": 30}),
        (1, {"Retry-After": "Mon, 07 Dec 2026 07:00:00 GMT"}, {"limited": True, "requests_let_through": 1}),
        (20, {}, {"limited": False}),
    ],
)
def test_a_burst_is_over_at_the_first_refusal(after: int, headers: dict[str, str], told: dict[str, object]) -> None:
    with limited(after, headers) as (url, asked):
        site = WebSite.model_validate({"home": url})
        assert figures(site.answer(BurstLimit.model_validate(BURST | {"url": url}), OCCASION)) == told
        assert len(asked) == min(after + 1, 20)


def test_a_burst_of_which_nothing_is_let_through_says_nothing_about_the_limit() -> None:
    with limited(0, {"Retry-After": "30"}) as (url, asked):
        site = WebSite.model_validate({"home": url})
        with pytest.raises(TransientFaultError, match="wait 30 s"):
            site.answer(BurstLimit.model_validate(BURST | {"url": url}), OCCASION)
    assert len(asked) == 1
