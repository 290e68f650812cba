"""Mail: Brevo's API for mailings that are queued, cancelled and followed to delivery, and a plain SMTP relay."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, TypeVar, assert_never

import httpx
from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, SecretStr

from blocks import wire
from blocks.mail_submission import SmtpServer, greet, submit
from blocks.payloads import Payload, read
from launch.effects.base import Effect
from launch.effects.people import MailEffect, ScheduleMail, SendMail
from launch.errors import PermanentFaultError
from launch.moments import format_offset
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.people import MailingDelivered, MailingScheduled, MailPath, MailProbe
from launch.readings import Quantity, Reading, quantities

_SYSTEM = "Brevo"
_NAMESPACE = uuid.UUID("f3a1b2c4-7d5e-4a6b-8c9d-0e1f2a3b4c5d")
_LOG_PAGE = 2_500
_LOG_DAYS = timedelta(days=30)
_SOON = timedelta(minutes=5)
_SAME_MOMENT = timedelta(minutes=1)
_REFUSED = {"hardBounces", "softBounces", "blocked", "invalid", "error"}


class _Event(Payload):
    email: str
    event: str
    date: datetime


class _Events(Payload):
    """Brevo answers `{}` where the log holds nothing."""

    events: tuple[_Event, ...] = ()


class _Batch(Payload):
    scheduledAt: datetime  # noqa: N815 - the vendor's name
    status: str


class _Batches(Payload):
    batches: tuple[_Batch, ...]


class _Accepted(Payload):
    messageId: str = ""  # noqa: N815 - the vendor's name


class _Account(Payload):
    email: str


P = TypeVar("P", bound=Payload)


class Brevo(Block):
    """A Brevo account for transactional mail.

    A mailing of a launch is found again by its tag (`launch/mailing`) in the delivery log, and its queue by a batch id
    made from the same words, so that nothing has to be remembered to send once or to cancel. Brevo queues a mail at
    most 72 hours ahead.
    """

    _block_type_name = "Brevo mail"
    _block_type_slug = "brevo"
    _description = "Transactional mail by Brevo, API v3. https://developers.brevo.com/reference"
    _documentation_url = HttpUrl("https://developers.brevo.com/reference")
    needs: ClassVar[str] = "an API key limited to transactional mail"

    answers: ClassVar[tuple[type[Probe], ...]] = (MailingDelivered, MailingScheduled, MailPath)
    effects: ClassVar[tuple[type[Effect], ...]] = (ScheduleMail, SendMail)

    api_key: SecretStr = Field(description="API key.")
    sender: str = Field(description="Address that mail comes from; verified at Brevo.")
    relay: SmtpServer | None = Field(default=None, description="The account's SMTP relay, for test mails.")
    base_url: str = Field(default="https://api.brevo.com/v3", description="Address of the API.")
    timeout_seconds: float = Field(default=10, gt=0, description="Longest wait for one answer, in seconds.")

    def check(self) -> str:
        """Proves that the key is an account's and that its relay takes the login. Raises `SystemFaultError`."""
        question = "whose account is this"
        account = read(_Account, self._ask("GET", "/account", question), system=_SYSTEM, question=question)
        if self.relay is None:
            return f"Brevo account {account.email}; no relay is configured for test mails"
        greet(self.relay, timeout_seconds=self.timeout_seconds)
        return f"Brevo account {account.email}; its relay takes the login"

    def send(self, recipients: Sequence[str], subject: str, text: str, *, key: str) -> str:
        """Sends one mail to each recipient once for `key`; returns the message id. Raises `SystemFaultError`."""
        written = {event.email for event in self._log(key)}
        missing = [address for address in recipients if address not in written]
        return self._submit(missing, subject, text, tag=key, key=key) if missing else f"already sent for {key}"

    def answer(self, probe: MailProbe, occasion: Occasion) -> Reading:
        """See `launch.ports.Answers`."""
        match probe:
            case MailingDelivered():
                log = self._log(_tag(occasion, probe.mailing), until=occasion.now)
                delivered = {event.email for event in log if event.event == "delivered"}
                refused = {event.email for event in log if event.event in _REFUSED} - delivered
                values = quantities(recipients=len(delivered), refused=len(refused))
                return _reading(values, f"mailing {probe.mailing!r}", occasion)
            case MailingScheduled():
                offsets = {
                    format_offset(_rounded(batch.scheduledAt - occasion.t0))
                    for batch in self._batches(_batch_id(occasion, probe.mailing))
                    if batch.status != "error"
                }
                values = quantities(send_offset=", ".join(sorted(offsets)) or None)
                return _reading(values, f"queue of mailing {probe.mailing!r}", occasion)
            case MailPath():
                return self._test_path(probe, occasion)
            case _:
                assert_never(probe)

    def observe(self, effect: MailEffect, occasion: Occasion) -> Observation:
        """See `launch.ports.Acts`."""
        batches = self._batches(_batch_id(occasion, effect.mailing))
        match effect:
            case ScheduleMail():
                moment = occasion.t0 + effect.send_at
                holds = any(
                    abs(batch.scheduledAt - moment) < _SAME_MOMENT for batch in batches if batch.status != "error"
                )
                detail = ", ".join(f"{batch.status} for {batch.scheduledAt:%H:%M} UTC" for batch in batches)
                standing = Standing.HOLDS if holds else Standing.ABSENT
                return Observation(standing=standing, detail=detail or "nothing is queued")
            case SendMail():
                missing = self._missing(effect, occasion)
                if not missing:
                    return Observation(standing=Standing.HOLDS, detail=f"handed over for {len(effect.to)} recipients")
                soon = any(_is_due(batch, occasion) for batch in batches)
                standing = Standing.UNDER_WAY if soon else Standing.ABSENT
                return Observation(standing=standing, detail=f"{len(missing)} of {len(effect.to)} have no mail yet")
            case _:
                assert_never(effect)

    def apply(self, effect: MailEffect, occasion: Occasion) -> None:
        """See `launch.ports.Acts`."""
        batch = _batch_id(occasion, effect.mailing)
        tag = _tag(occasion, effect.mailing)
        queued = [found for found in self._batches(batch) if found.status == "queued"]
        match effect:
            case ScheduleMail():
                if queued:
                    self._cancel(batch)
                moment = occasion.t0 + effect.send_at
                when: dict[str, JsonValue] = {
                    "scheduledAt": moment.isoformat(timespec="milliseconds"),
                    "batchId": batch,
                }
                self._submit(
                    effect.to, effect.subject, effect.text, tag=tag, key=f"{occasion.key}@{moment.isoformat()}", **when
                )
            case SendMail():
                if any(_is_due(found, occasion) for found in queued):
                    return
                if queued:
                    self._cancel(batch)
                missing = self._missing(effect, occasion)
                if missing:
                    self._submit(missing, effect.subject, effect.text, tag=tag, key=tag)
            case _:
                assert_never(effect)

    def observe_restored(self, effect: MailEffect, before: State, occasion: Occasion) -> Observation:  # noqa: ARG002
        """See `launch.ports.Acts`. A mail that has left cannot come back: FAILED, which makes it residue."""
        batches = self._batches(_batch_id(occasion, effect.mailing))
        sent = self._log(_tag(occasion, effect.mailing), until=occasion.now)
        if sent:
            return Observation(standing=Standing.FAILED, detail=f"mailing {effect.mailing!r} has been sent")
        standing = Standing.ABSENT if batches else Standing.HOLDS
        return Observation(standing=standing, detail="the queue is not cancelled" if batches else "nothing is queued")

    def restore(self, effect: MailEffect, before: State, occasion: Occasion) -> None:  # noqa: ARG002
        """See `launch.ports.Acts`: cancels the queue."""
        match effect:
            case ScheduleMail():
                self._cancel(_batch_id(occasion, effect.mailing))
            case SendMail():
                raise PermanentFaultError(
                    system=_SYSTEM,
                    question=f"take back mailing {effect.mailing!r}",
                    answer="mail cannot be called back",
                    next_step="send a follow-up",
                )
            case _:
                assert_never(effect)

    def _test_path(self, probe: MailPath, occasion: Occasion) -> Reading:
        tag = _tag(occasion, "mail-path")
        since = occasion.now - probe.within
        log = [event for event in self._log(tag, until=occasion.now) if event.email == probe.to and event.date >= since]
        if not log:
            self._submit_test(probe, occasion, tag)
            log = [event for event in self._log(tag, until=occasion.now) if event.email == probe.to]
        delivered = sum(event.event == "delivered" for event in log)
        return _reading(quantities(test_mails_delivered=delivered), f"test mailbox {probe.to}", occasion)

    def _submit_test(self, probe: MailPath, occasion: Occasion, tag: str) -> None:
        if self.relay is None:
            raise PermanentFaultError(
                system=_SYSTEM,
                question="a test mail",
                answer="no relay",
                next_step="add `relay` to the mail block",
            )
        submit(
            self.relay,
            sender=self.sender,
            recipients=[probe.to],
            subject="Launch test mail",
            text="This mail proves that notifications are delivered. Nothing needs to be done.",
            key=f"{tag}@{occasion.now.isoformat()}",
            headers={"X-Mailin-Tag": tag},
            timeout_seconds=self.timeout_seconds,
        )

    def _missing(self, effect: SendMail, occasion: Occasion) -> list[str]:
        log = self._log(_tag(occasion, effect.mailing), until=occasion.now)
        written = {event.email for event in log}
        return [address for address in effect.to if address not in written]

    def _submit(self, to: Sequence[str], subject: str, text: str, *, tag: str, key: str, **when: JsonValue) -> str:
        question = f"a mail to {len(to)} recipients"
        body: dict[str, JsonValue] = {
            "sender": {"email": self.sender},
            # Words that fell back from a chat channel have no subject, and Brevo refuses a mail without one.
            "subject": subject or text.partition("\n")[0][:120],
            "textContent": text,
            "messageVersions": [{"to": [{"email": address}]} for address in to],
            "tags": [tag],
            "headers": {"idempotencyKey": str(uuid.uuid5(_NAMESPACE, f"{key}:{','.join(to)}"))},
            **when,
        }
        response = self._ask("POST", "/smtp/email", question, body)
        return read(_Accepted, response, system=_SYSTEM, question=question).messageId

    def _cancel(self, batch: str) -> None:
        self._ask("DELETE", f"/smtp/email/{batch}", "cancel a queued mailing", ok={204, 404})

    def _batches(self, batch: str) -> tuple[_Batch, ...]:
        question = "what is queued"
        response = self._ask("GET", f"/smtp/emailStatus/{batch}", question, ok={200, 404})
        if response.status_code == 404:
            return ()
        return read(_Batches, response, system=_SYSTEM, question=question).batches

    def _log(self, tag: str, *, until: datetime | None = None) -> list[_Event]:
        question = "the delivery log"
        params: dict[str, str | int] = {"tags": json.dumps([tag]), "limit": _LOG_PAGE, "sort": "asc"}
        if until is not None:
            params |= {"startDate": f"{until - _LOG_DAYS:%Y-%m-%d}", "endDate": f"{until:%Y-%m-%d}"}
        events: list[_Event] = []
        while True:
            response = self._ask("GET", "/smtp/statistics/events", question, params={**params, "offset": len(events)})
            page = read(_Events, response, system=_SYSTEM, question=question).events
            events += page
            if len(page) < _LOG_PAGE:
                return events

    def _ask(
        self,
        method: str,
        path: str,
        question: str,
        body: JsonValue = None,
        *,
        ok: set[int] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> httpx.Response:
        headers = {"api-key": self.api_key.get_secret_value()}
        accepted = wire.SUCCESS if ok is None else ok
        with wire.client(self.base_url, timeout_seconds=self.timeout_seconds, headers=headers) as client:
            return wire.fetch(
                client,
                method,
                path,
                system=_SYSTEM,
                question=question,
                ok=accepted,
                json=body,
                params=params,
                needs=self.needs,
            )


class SmtpRelay(Block):
    """Any SMTP relay. It sends and cannot look back: a repeated key carries the same Message-ID, and that is all."""

    _block_type_name = "SMTP relay"
    _block_type_slug = "smtp-relay"
    _description = "Mail by SMTP submission (RFC 6409)."
    _documentation_url = HttpUrl("https://www.rfc-editor.org/rfc/rfc6409")
    needs: ClassVar[str] = "submission for one sender"

    server: SmtpServer = Field(description="The relay.")
    sender: str = Field(description="Address that mail comes from.")
    timeout_seconds: float = Field(default=10, gt=0, description="Longest wait for one answer, in seconds.")

    def check(self) -> str:
        """Proves that the relay answers and takes the login. Raises `SystemFaultError`."""
        greet(self.server, timeout_seconds=self.timeout_seconds)
        return f"the relay {self.server.host}:{self.server.port} takes the login"

    def send(self, recipients: Sequence[str], subject: str, text: str, *, key: str) -> str:
        """Hands one mail to the relay; returns its Message-ID, which belongs to `key`. Raises `SystemFaultError`."""
        return submit(
            self.server,
            sender=self.sender,
            recipients=recipients,
            subject=subject,
            text=text,
            key=key,
            headers={},
            timeout_seconds=self.timeout_seconds,
        )


def _tag(occasion: Occasion, mailing: str) -> str:
    return f"{occasion.launch}/{mailing}"


def _batch_id(occasion: Occasion, mailing: str) -> str:
    """Brevo takes only version 4 ids, so the digest of the words is stamped as one."""
    return str(uuid.UUID(bytes=uuid.uuid5(_NAMESPACE, _tag(occasion, mailing)).bytes, version=4))


def _is_due(batch: _Batch, occasion: Occasion) -> bool:
    return batch.status in {"queued", "inProgress"} and batch.scheduledAt <= occasion.now + _SOON


def _rounded(gap: timedelta) -> timedelta:
    return timedelta(seconds=round(gap.total_seconds()))


def _reading(values: dict[str, Quantity], where: str, occasion: Occasion) -> Reading:
    return Reading(values=values, where=f"{where} at Brevo", at=occasion.now)
