"""What httpx and status codes mean: can asking again help, and what the captain reads."""

import httpx
import pytest

from blocks import wire
from launch.errors import PermanentFaultError, TransientFaultError

_ASK = {"system": "flags", "question": "the state of flag x"}


def _client(answer: httpx.Response | type[httpx.HTTPError]) -> httpx.Client:
    def handle(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, httpx.Response):
            return answer
        raise answer("no", request=request)

    return httpx.Client(transport=httpx.MockTransport(handle), base_url="https://flags.example")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_a_status_that_says_not_now_may_be_asked_again(status: int) -> None:
    with pytest.raises(TransientFaultError) as caught:
        wire.fetch(_client(httpx.Response(status)), "GET", "/", **_ASK)
    assert caught.value.retryable
    assert f"HTTP {status}" in str(caught.value)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 410, 422])
def test_a_status_that_says_never_is_not_asked_again(status: int) -> None:
    with pytest.raises(PermanentFaultError) as caught:
        wire.fetch(_client(httpx.Response(status)), "GET", "/", **_ASK)
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.ReadTimeout, "no answer in time"),
        (httpx.PoolTimeout, "no answer in time"),
        (httpx.ConnectTimeout, "no connection"),
        (httpx.ConnectError, "no connection"),
        (httpx.RemoteProtocolError, "a broken exchange"),
        (httpx.ReadError, "a broken exchange"),
        (httpx.TooManyRedirects, "a broken exchange"),
    ],
)
def test_a_failed_exchange_is_transient_and_chained(error: type[httpx.HTTPError], words: str) -> None:
    with pytest.raises(TransientFaultError, match=words) as caught:
        wire.fetch(_client(error), "GET", "/", **_ASK)
    assert isinstance(caught.value.__cause__, error)


def test_every_error_httpx_can_raise_while_asking_has_a_fault() -> None:
    """A completeness test: what is neither an `HTTPError` nor a bad address would escape `fetch`."""
    raised = [kind for kind in vars(httpx).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    mapped = (httpx.HTTPError, httpx.InvalidURL)
    others = {kind.__name__ for kind in raised if not issubclass(kind, mapped)}
    assert others == {
        "CookieConflict",
        "RequestNotRead",
        "ResponseNotRead",
        "StreamClosed",
        "StreamConsumed",
        "StreamError",
    }


@pytest.mark.parametrize("url", ["gopher://flags.example/", "http://flags.example:port/"])
def test_an_impossible_address_is_permanent(url: str) -> None:
    with wire.client("", timeout_seconds=1) as client, pytest.raises(PermanentFaultError, match="not a usable address"):
        wire.fetch(client, "GET", url, **_ASK)


def test_a_status_that_the_question_takes_is_an_answer() -> None:
    assert wire.fetch(_client(httpx.Response(404)), "GET", "/", ok={404}, **_ASK).status_code == 404


def test_the_sentence_names_system_question_answer_and_next_step_and_no_body() -> None:
    answer = httpx.Response(401, json={"message": "token sk-secret is wrong"})
    with pytest.raises(PermanentFaultError) as caught:
        wire.fetch(_client(answer), "GET", "/", **_ASK)
    assert str(caught.value) == (
        'flags answered "HTTP 401 Unauthorized" to the state of flag x; renew the credentials in the system\'s block'
    )


def test_a_body_that_is_no_json_is_a_fault_that_does_not_quote_it() -> None:
    with pytest.raises(PermanentFaultError, match="no JSON") as caught:
        wire.json_body(httpx.Response(200, text="<h1>hello</h1>"), **_ASK)
    assert "hello" not in str(caught.value)
