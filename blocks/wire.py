"""One HTTP question to a system: what httpx and status codes mean for a launch.

The words for a failure are chosen once, here, so that every block over HTTP tells a captain the same thing the same
way, and so that "can asking again help?" has one answer per status code.
"""

from __future__ import annotations

import ssl
from collections.abc import Container, Mapping
from functools import cache

import httpx
from pydantic import JsonValue, TypeAdapter, ValidationError

from launch.errors import PermanentFaultError, SystemFaultError, TransientFaultError

SUCCESS: Container[int] = range(200, 300)
# 408 and 425 ask for a repetition by definition; 429 and every 5xx say "not now".
_RETRYABLE = {408, 425, 429}
# What says something about the thing asked for; 429 and 5xx only say that the system is not well now.
ANY_ANSWER: Container[int] = frozenset(range(200, 500)) - _RETRYABLE
_NEXT_STEP = {
    401: "renew the credentials in the system's block",
    403: "give the account of the system's block the missing right",
    404: "check the address in the system's block and the name in the plan",
    409: "look at the system: somebody else changed it",
    422: "check the fields of this probe or effect in the plan",
    429: "wait, or ask for a higher limit",
}
_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


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

    `trust` replaces the public certificate authorities (a cluster's own one).
    """
    return httpx.Client(
        base_url=base_url,
        timeout=httpx.Timeout(timeout_seconds),
        headers=dict(headers or {}),
        follow_redirects=follow_redirects,
        transport=httpx.HTTPTransport(verify=trust or _public_roots(), retries=0),
        trust_env=False,
    )


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
) -> httpx.Response:
    """The response, when its status is in `ok`.

    Raises `TransientFaultError` for time-outs, refused or broken connections, 408, 425, 429 and 5xx;
    `PermanentFaultError` for every other status and for an address that cannot be one. Bodies and credentials never
    reach the sentence; a problem document's short `title`, `error` or `message` does not either, because vendors
    quote tokens in them.
    """
    try:
        response = client.request(
            method,
            url,
            params=params,
            headers=headers,
            json=json,
            data=data,
            content=content,
            timeout=httpx.USE_CLIENT_DEFAULT if timeout_seconds is None else timeout_seconds,
        )
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise PermanentFaultError(
            system=system, question=question, answer="not a usable address", next_step=_NEXT_STEP[404]
        ) from error
    except httpx.HTTPError as error:
        raise transport_fault(error, system=system, question=question) from error
    if response.status_code in ok:
        return response
    raise status_fault(response.status_code, system=system, question=question)


def status_fault(status: int, *, system: str, question: str) -> SystemFaultError:
    """The fault that a status code is."""
    answer = f"HTTP {status} {httpx.codes.get_reason_phrase(status)}".rstrip()
    if status in _RETRYABLE or status >= 500:
        return TransientFaultError(
            system=system,
            question=question,
            answer=answer,
            next_step=_NEXT_STEP.get(status, "look at the system's own status"),
        )
    return PermanentFaultError(
        system=system,
        question=question,
        answer=answer,
        next_step=_NEXT_STEP.get(status, "check this probe or effect against the system's documentation"),
    )


def transport_fault(error: httpx.HTTPError, *, system: str, question: str) -> TransientFaultError:
    """The fault that a failed exchange is: no answer in time, no connection, or one that broke."""
    match error:
        case httpx.ConnectTimeout() | httpx.ConnectError():
            answer = "no connection"
        case httpx.TimeoutException():
            answer = "no answer in time"
        case _:
            answer = f"a broken exchange ({type(error).__name__})"
    return TransientFaultError(
        system=system, question=question, answer=answer, next_step="check that the system is up and reachable from here"
    )


def json_body(response: httpx.Response, *, system: str, question: str) -> JsonValue:
    """The body as JSON. Raises `PermanentFaultError` when it is none: the address is then not the API's."""
    try:
        return _JSON.validate_json(response.content)
    except ValidationError as error:
        raise PermanentFaultError(
            system=system,
            question=question,
            answer=f"a body that is no JSON ({response.headers.get('content-type', 'no content type')})",
            next_step=_NEXT_STEP[404],
        ) from error
