"""Handing one mail to an SMTP relay, and what its refusals mean."""

from __future__ import annotations

import smtplib
import ssl
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.message import EmailMessage

from pydantic import BaseModel, Field, SecretStr

from blocks.faults import connection_fault, unsendable
from launch.errors import PermanentFaultError, SystemFaultError, TransientFaultError

_NAMESPACE = uuid.UUID("0d5c6a0e-5a53-4f7e-9a3b-6f7a1f2f8c11")


class SmtpServer(BaseModel):
    """Where mail is submitted, and as whom."""

    host: str = Field(description="Name or address of the relay.")
    port: int = Field(default=587, ge=1, le=65_535, description="Submission port.")
    login: str = Field(default="", description="User name; empty: the relay knows us by address.")
    password: SecretStr = Field(default=SecretStr(""), description="Password or SMTP key of the login.")
    starttls: bool = Field(default=True, description="Encrypt before login; off only on loopback.")


def message_id(key: str) -> str:
    """The Message-ID that belongs to an idempotency key: equal keys, equal ids, so mailboxes show the mail once."""
    return f"<{uuid.uuid5(_NAMESPACE, key)}@tminus>"


def submit(
    server: SmtpServer,
    *,
    sender: str,
    recipients: Sequence[str],
    subject: str,
    text: str,
    key: str,
    headers: Mapping[str, str],
    timeout_seconds: float,
) -> str:
    """Hands the mail over once; returns its Message-ID. Acceptance is not delivery.

    Raises `TransientFaultError` for a relay that is down or says 4xx, `PermanentFaultError` for 5xx and refused logins.
    """
    message = EmailMessage()
    message["From"], message["Subject"], message["Message-ID"] = sender, subject, message_id(key)
    message["To"] = ", ".join(recipients)
    for name, value in headers.items():
        message[name] = value
    message.set_content(text)
    system, question = f"mail relay {server.host}", f"a mail to {len(recipients)} recipients"
    with _session(server, question, timeout_seconds=timeout_seconds) as session:
        try:
            session.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            raise _refusal(min(code for code, _ in error.recipients.values()), system, question) from error
    return message_id(key)


def greet(server: SmtpServer, *, timeout_seconds: float) -> None:
    """That the relay answers and takes the login. Raises `SystemFaultError`."""
    with _session(server, "a greeting", timeout_seconds=timeout_seconds):
        pass


@contextmanager
def _session(server: SmtpServer, question: str, *, timeout_seconds: float) -> Iterator[smtplib.SMTP]:
    """A session, logged in. smtplib's and the socket's errors become the two faults."""
    system = f"mail relay {server.host}"
    try:
        with smtplib.SMTP(server.host, server.port, timeout=timeout_seconds) as session:
            if server.starttls:
                session.starttls(context=ssl.create_default_context())
            if server.login:
                _log_in(session, server, question)
            yield session
    except smtplib.SMTPAuthenticationError as error:
        if error.smtp_code < 500:
            raise _refusal(error.smtp_code, system, question) from error
        raise PermanentFaultError(
            system=system,
            question=question,
            answer=f"{error.smtp_code} login refused",
            next_step="renew the login in the mail block",
        ) from error
    except smtplib.SMTPNotSupportedError as error:
        raise PermanentFaultError(
            system=system,
            question=question,
            answer="it offers neither STARTTLS nor login",
            next_step="check the port in the mail block",
        ) from error
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code, system, question) from error
    except (smtplib.SMTPException, OSError) as error:
        raise connection_fault(error, system=system, question=question) from error


def _log_in(session: smtplib.SMTP, server: SmtpServer, question: str) -> None:
    try:
        session.login(server.login, server.password.get_secret_value())
    except UnicodeEncodeError:
        raise unsendable(f"mail relay {server.host}", question) from None


def _refusal(code: int, system: str, question: str) -> SystemFaultError:
    """RFC 5321: 4yz may work later, 5yz will not; smtplib has -1 for what is no reply at all."""
    if code < 200:
        return PermanentFaultError(
            system=system,
            question=question,
            answer="something that is not SMTP",
            next_step="check host and port in the mail block",
        )
    kind = TransientFaultError if 400 <= code < 500 else PermanentFaultError
    step = "look at the relay's log" if kind is PermanentFaultError else "try again later"
    return kind(system=system, question=question, answer=f"SMTP {code}", next_step=step)
