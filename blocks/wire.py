"""One HTTP question to a system: what httpx's errors, status codes and headers mean for a launch."""

from __future__ import annotations

import re
import ssl
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Annotated
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator, JsonValue, TypeAdapter, ValidationError

from blocks import faults
from launch.errors import PermanentFaultError, SystemFaultError, TransientFaultError

SUCCESS: Container[int] = range(200, 300)
# What says something about the thing asked for; 429 and 5xx only say that the system is not well now.
ANY_ANSWER = frozenset(range(200, 500)) - faults.RETRYABLE
_SCOPE = re.compile(r'error="insufficient_scope".*?scope="([^"]+)"')
_LONGEST_RIGHT = 120
# GitHub's limit on many requests at once has no header of its own.
_SECONDARY_LIMIT, _HEAD = b"secondary rate limit", 2_000
_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        message = "not an address; write it as https://host:port"
        raise ValueError(message)
    return url


Address = Annotated[str, AfterValidator(_address)]
"""The address of an HTTP API, for a block's field whose client would find out too late that it cannot be one."""


@cache
def _public_roots() -> ssl.SSLContext:
    # Loading the roots costs some 30 ms; a launch asks hundreds of questions.
    return httpx.create_ssl_context()


def client(
    base_url: str,
    *,
    timeout_seconds: float,
    headers: Mapping[str, str] | None = None,
    follow_redirects: bool = False,
    trust: ssl.SSLContext | None = None,
) -> httpx.Client:
    """A client that never retries by itself and never waits longer than `timeout_seconds` for any one step.

    `trust` replaces the public certificate authorities (a cluster's own one). An address that cannot be one is the
    first request's fault.
    """
    return httpx.Client(
        base_url=base_url if _is_address(base_url) else "",
        timeout=httpx.Timeout(timeout_seconds),
        headers=_sent(headers),
        follow_redirects=follow_redirects,
        transport=httpx.HTTPTransport(verify=trust or _public_roots(), retries=0),
        trust_env=False,
    )


def stream_client(*, timeout_seconds: float, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    """The same for an answer that goes on: how long the whole may take is for whoever reads it."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(timeout_seconds, read=None),
        headers=_sent(headers),
        transport=httpx.AsyncHTTPTransport(verify=_public_roots(), retries=0),
        follow_redirects=True,
        trust_env=False,
    )


def host_of(url: str) -> str:
    """The host that a block's address names, for messages; empty for what is no address."""
    return httpx.URL(url).host if _is_address(url) else ""


def _is_address(url: str) -> bool:
    try:
        httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return True


def _sent(headers: Mapping[str, str] | None) -> httpx.Headers:
    """As curl would send them: a token with a letter that no token has is the system's to refuse."""
    return httpx.Headers(headers, encoding="utf-8")


def fetch(
    client: httpx.Client,
    method: str,
    url: str,
    *,
    system: str,
    question: str,
    ok: Container[int] = SUCCESS,
    params: Mapping[str, str | int | float | bool] | None = None,
    headers: Mapping[str, str] | None = None,
    json: JsonValue = None,
    data: Mapping[str, str] | None = None,
    content: bytes | str | None = None,
    timeout_seconds: float | None = None,
    needs: str = "",
) -> httpx.Response:
    """The response, when its status is in `ok`. `needs` are the account's rights, told when one of them is missing.

    Raises `TransientFaultError` for time-outs, unknown names, refused or broken connections, 408, 425, 429 and 5xx;
    `PermanentFaultError` for every other status, for TLS that fails and for an address that cannot be one. Bodies
    and credentials never reach the sentence; a problem document's short `title`, `error` or `message` does not either,
    because vendors quote tokens in them.
    """
    with exchanging(system, question):
        response = client.request(
            method,
            url,
            params=params,
            headers=_sent(headers),
            json=json,
            data=data,
            content=content,
            timeout=httpx.USE_CLIENT_DEFAULT if timeout_seconds is None else timeout_seconds,
        )
    if response.status_code in ok:
        return response
    raise answer_fault(response, system=system, question=question, needs=needs)


@contextmanager
def exchanging(system: str, question: str) -> Iterator[None]:
    """Turns what httpx raises inside into the two faults of a launch."""
    try:
        yield
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise PermanentFaultError(
            system=system, question=question, answer="not a usable address", next_step=faults.CHECK_ADDRESS
        ) from error
    except httpx.LocalProtocolError:
        raise faults.unsendable(system, question) from None
    except httpx.TimeoutException as error:
        late = "no connection in time" if isinstance(error, httpx.ConnectTimeout) else "no answer in time"
        raise TransientFaultError(
            system=system, question=question, answer=late, next_step=faults.CHECK_REACH
        ) from error
    except httpx.HTTPError as error:
        connecting = isinstance(error, httpx.ConnectError)
        answer = "no connection" if connecting else f"a broken exchange ({type(error).__name__})"
        raise faults.connection_fault(error, system=system, question=question, answer=answer) from error


def answer_fault(response: httpx.Response, *, system: str, question: str, needs: str = "") -> SystemFaultError:
    """The fault that a response is: its status, and what its headers say about rights and waiting."""
    status, used_up = response.status_code, response.headers.get("x-ratelimit-remaining") == "0"
    wait = response.headers.get("retry-after", "") or (_until_reset(response) if used_up else "")
    # GitHub says "too many" with a 403: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
    if status == 403 and (wait or used_up or _SECONDARY_LIMIT in response.content[:_HEAD].lower()):
        status = 429
    return faults.status_fault(
        status, system=system, question=question, right=_right_named_by(response) or needs, wait_seconds=wait
    )


def _until_reset(response: httpx.Response) -> str:
    """Seconds until the limit begins anew, by the vendor's own clock; empty where that is not told."""
    try:
        reset, now = int(response.headers["x-ratelimit-reset"]), parsedate_to_datetime(response.headers["date"])
    except (KeyError, ValueError):
        return ""
    return str(max(1, reset - int(now.timestamp())))


def _right_named_by(response: httpx.Response) -> str:
    """RFC 6750 names the scope that is missing in a header; GitHub has one of its own."""
    scope = _SCOPE.search(response.headers.get("www-authenticate", ""))
    named: str = scope[1] if scope else response.headers.get("x-accepted-github-permissions", "")
    return named[:_LONGEST_RIGHT]


def json_body(response: httpx.Response, *, system: str, question: str) -> JsonValue:
    """The body as JSON. Raises `PermanentFaultError` when it is none: the address is then not the API's."""
    try:
        return _JSON.validate_json(response.content)
    except ValidationError as error:
        raise PermanentFaultError(
            system=system,
            question=question,
            answer=f"a body that is no JSON ({response.headers.get('content-type', 'no content type')})",
            next_step=faults.CHECK_ADDRESS,
        ) from error
