"""Why a system did not answer, in the captain's words: one sentence for one cause, whatever client library saw it.

Blocks over HTTP, AWS, Kubernetes, Redis, SMTP and sockets all come here, so that a certificate that has expired or a
name that nobody knows is told the same way everywhere, and "can asking again help?" has one answer for each cause.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from http import HTTPStatus

from launch.errors import PermanentFaultError, SystemFaultError, TransientFaultError

# 408 and 425 ask for a repetition by definition; 429 and every 5xx say "not now".
RETRYABLE = frozenset({408, 425, 429})
CHECK_ADDRESS = "check the address in the system's block and the name in the plan"
CHECK_REACH = "check that the system is up and reachable from here"
_NEXT_STEP = {
    401: "renew the credentials in the system's block",
    404: CHECK_ADDRESS,
    409: "look at the system: somebody else changed it",
    422: "check the fields of this probe or effect in the plan",
}
_TRUST = "renew the system's certificate, or give its authority in the block"


def status_fault(
    status: int, *, system: str, question: str, right: str = "", wait_seconds: str = ""
) -> SystemFaultError:
    """The fault that a status code is.

    `right` is what a 403 says is missing, else all that the block needs; `wait_seconds` is the answer's Retry-After.
    """
    answer = f"HTTP {status} {_phrase(status)}".rstrip()
    if status in RETRYABLE or status >= 500:
        return TransientFaultError(
            system=system, question=question, answer=answer, next_step=_when_again(status, wait_seconds)
        )
    if status == 403:
        next_step = missing_right(right)
    else:
        next_step = _NEXT_STEP.get(status, "check this probe or effect against the system's documentation")
    return PermanentFaultError(system=system, question=question, answer=answer, next_step=next_step)


def unsendable(system: str, question: str) -> PermanentFaultError:
    """The fault of a request that cannot even be written, as with a token that was pasted with its line break.

    Raise it `from None`: the client's own error quotes what it could not write.
    """
    return PermanentFaultError(
        system=system,
        question=question,
        answer="nothing, for a field of its block fits into no request",
        next_step="look for a line break, a space or an odd letter in secrets and address of the system's block",
    )


def no_address(system: str, question: str, *, field: str, form: str) -> PermanentFaultError:
    """The fault of a connection string that cannot be read. Raise it `from None`: any part of it may be the secret."""
    return PermanentFaultError(
        system=system,
        question=question,
        answer="not an address",
        next_step=f"write `{field}` of the system's block as {form}, in a password %40 for @, %2F for /",
    )


def missing_right(right: str) -> str:
    """What to do about a right that the account does not have."""
    return f"give the account of the system's block the missing right{f': {right}' if right else ''}"


def connection_fault(
    error: BaseException, *, system: str, question: str, answer: str = "no connection", next_step: str = CHECK_REACH
) -> SystemFaultError:
    """The fault that a failed exchange is, told by its deepest cause; `answer` where no cause is known.

    A certificate that cannot be trusted is permanent, everything else may be asked again.
    """
    for cause in causes(error):
        match cause:
            case ssl.SSLCertVerificationError():
                told = f"a certificate that cannot be trusted: {cause.verify_message}"
                return PermanentFaultError(system=system, question=question, answer=told, next_step=_TRUST)
            case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
                answer = "a broken TLS handshake"
            case ssl.SSLError():
                told = f"a failed TLS handshake ({(cause.reason or 'no reason given').replace('_', ' ').lower()})"
                step = "check whether the address in the block speaks TLS, and which versions"
                return PermanentFaultError(system=system, question=question, answer=told, next_step=step)
            case socket.gaierror():
                answer, next_step = "no address for its name", "check the host name in the block and the DNS here"
            case ConnectionRefusedError():
                answer = "no connection: refused"
            case ConnectionResetError() | BrokenPipeError():
                answer = "a broken exchange (reset)"
            case TimeoutError():
                answer = "no answer in time"
            case _:
                continue
        break
    return TransientFaultError(system=system, question=question, answer=answer, next_step=next_step)


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, outermost first; client libraries hide causes in `reason` as well."""
    waiting, seen = [error], set[int]()
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        hidden = getattr(current, "reason", None)
        found = (hidden, current.__cause__, current.__context__)
        waiting += [one for one in found if isinstance(one, BaseException)]


def _when_again(status: int, wait_seconds: str) -> str:
    # A date is allowed too; how many seconds it is away depends on whose clock is right.
    wait = f"wait {wait_seconds} s" if wait_seconds.isdigit() else ""
    if status == 429:
        return f"{wait or 'wait'}, or ask for a higher limit"
    return f"{f'{wait} and ' if wait else ''}look at the system's own status"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
