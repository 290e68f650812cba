"""A mail provider: Brevo's API v3, and a real SMTP relay beside it. https://developers.brevo.com/reference"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes
from email.policy import default as modern

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import BaseModel, Field, JsonValue, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.world import World

# aiosmtpd tells of its own deprecated fields on every login.
logging.getLogger("mail.log").setLevel(logging.ERROR)

_KEY = "xkeysib-sandbox"
_LOGIN, _PASSWORD = "launch@teei.io", "sandbox-smtp-key"
_RELAYED = "relayed"


class _Recipient(BaseModel):
    email: str


class _Version(BaseModel):
    to: list[_Recipient]


class _Request(BaseModel):
    """The fields of `POST /smtp/email` that this provider acts on."""

    subject: str = Field(min_length=1)
    textContent: str  # noqa: N815 - the vendor's name
    messageVersions: list[_Version]  # noqa: N815 - the vendor's name
    tags: list[str] = []
    headers: dict[str, str] = {}
    scheduledAt: datetime | None = None  # noqa: N815 - the vendor's name
    batchId: str = ""  # noqa: N815 - the vendor's name


@dataclass
class Mail:
    """One mail that has left for one recipient."""

    to: str
    subject: str
    text: str
    tag: str
    message_id: str
    sent: datetime
    relayed: bool = False


@dataclass
class _Batch:
    id: str
    scheduled: datetime
    created: datetime
    mails: list[Mail]
    status: str = "queued"


class _Relay(Controller):
    """Listens on a port that the system has already given, so that two relays never race for one."""

    def __init__(self, part: MailPart) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        super().__init__(
            part,
            hostname="127.0.0.1",
            port=self.listener.getsockname()[1],
            authenticator=part.authenticate,
            auth_require_tls=False,
        )

    def _create_server(self) -> Awaitable[asyncio.AbstractServer]:
        server: Awaitable[asyncio.AbstractServer] = self.loop.create_server(self._factory_invoker, sock=self.listener)
        return server


class MailPart:
    """Queues, sends, logs deliveries. Mail handed to the relay lands in the same log."""

    name = "mail"

    def __init__(self) -> None:
        self._batches: list[_Batch] = []
        self._sent: list[Mail] = []
        self._keys: dict[str, dict[str, JsonValue]] = {}
        self._lock = threading.RLock()
        self._relay: _Relay | None = None

    def define(self, world: World) -> None:
        self._world = world
        world.define("mail.token_valid", True, "whether the API accepts the key")
        world.define("mail.relay_login", True, "whether the relay accepts the login")
        world.define("mail.relay_delivers", True, "whether mail handed to the relay reaches its mailbox")
        world.define("mail.bounced", {}, "mailing -> how many of its recipients refuse it")
        world.define("mail.schedule_shift_minutes", 0, "the queue shows its moments so much later")

    def start(self) -> None:
        self._relay = _Relay(self)
        self._relay.start()

    def stop(self) -> None:
        if self._relay is not None:
            self._relay.stop(no_assert=True)
            self._relay.listener.close()
            self._relay = None

    def tick(self) -> None:
        """Sends what is due."""
        now = self._world.now()
        with self._lock:
            for batch in self._batches:
                if batch.status == "queued" and batch.scheduled <= now:
                    batch.status = "processed"
                    for mail in batch.mails:
                        mail.sent = batch.scheduled
                    self._sent += batch.mails

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        port = self._relay.port if self._relay else 0
        relay: JsonValue = {
            "host": "127.0.0.1",
            "port": port,
            "login": _LOGIN,
            "password": _PASSWORD,
            "starttls": False,
        }
        return {
            "brevo/sandbox-mail": {
                "api_key": _KEY,
                "sender": "launch@teei.io",
                "relay": relay,
                "base_url": f"{base_url}/v3",
                "timeout_seconds": 5,
            },
            "smtp-relay/sandbox-mail-relay": {"server": relay, "sender": "launch@teei.io", "timeout_seconds": 5},
        }

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/v3/account", self._account),
            Route("/v3/smtp/email", self._post, methods=["POST"]),
            Route("/v3/smtp/email/{id}", self._delete, methods=["DELETE"]),
            Route("/v3/smtp/emailStatus/{id}", self._status),
            Route("/v3/smtp/statistics/events", self._events),
        ]

    def inbox(self, address: str) -> list[Mail]:
        """Mail that has left for `address`, oldest first; for other parts (a password-reset link) and for tests."""
        self.tick()
        with self._lock:
            return [mail for mail in self._sent if mail.to == address]

    def deliver(self, to: str, subject: str, text: str) -> None:
        """A mail of the product itself."""
        with self._lock:
            self._sent.append(Mail(to, subject, text, "product", f"<{len(self._sent)}@teei.io>", self._world.now()))

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _way: str, data: object
    ) -> AuthResult:
        """aiosmtpd's hook for AUTH."""
        known = isinstance(data, LoginPassword) and (data.login, data.password) == (_LOGIN.encode(), _PASSWORD.encode())
        return AuthResult(success=known and bool(self._world.get("mail.relay_login")), handled=False)

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """aiosmtpd's hook for a sender: only who has logged in may send."""
        if not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """aiosmtpd's hook for a received mail."""
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        message = message_from_bytes(content, policy=modern)
        part = message.get_body(("plain",))
        text = part.get_content() if part else ""
        with self._lock:
            for recipient in envelope.rcpt_tos:
                self._sent.append(
                    Mail(
                        recipient,
                        str(message["Subject"]),
                        text,
                        str(message.get("X-Mailin-Tag", _RELAYED)),
                        str(message["Message-ID"]),
                        self._world.now(),
                        relayed=True,
                    )
                )
        return "250 2.0.0 OK"

    def _refusal(self, request: Request) -> Response | None:
        if request.headers.get("api-key") == _KEY and self._world.get("mail.token_valid"):
            return None
        return JSONResponse({"code": "unauthorized", "message": "Key not found"}, status_code=401)

    def _account(self, request: Request) -> Response:
        return self._refusal(request) or JSONResponse({"email": "launch@teei.io", "companyName": "TEEI"})

    async def _post(self, request: Request) -> Response:
        refusal = self._refusal(request)
        if refusal:
            return refusal
        try:
            body = _Request.model_validate_json(await request.body())
        except ValidationError:
            return JSONResponse({"code": "missing_parameter", "message": "subject or to is missing"}, status_code=400)
        with self._lock:
            key = body.headers.get("idempotencyKey", "")
            if key not in self._keys:
                self._keys[key] = self._accept(body)
            return JSONResponse(self._keys[key], status_code=201)

    def _accept(self, body: _Request) -> dict[str, JsonValue]:
        words, now = body.headers.get("idempotencyKey") or body.subject, self._world.now()
        addresses = [recipient.email for version in body.messageVersions for recipient in version.to]
        tag = body.tags[0] if body.tags else ""
        mails = [
            Mail(address, body.subject, body.textContent, tag, f"<{words}.{number}@smtp-relay.mailin.fr>", now)
            for number, address in enumerate(addresses)
        ]
        if body.scheduledAt is None:
            self._sent += mails
        else:
            self._batches.append(_Batch(body.batchId, body.scheduledAt, now, mails))
        ids: list[JsonValue] = [mail.message_id for mail in mails]
        return {"messageId": ids[0] if ids else "", "messageIds": ids, "batchId": body.batchId}

    def _delete(self, request: Request) -> Response:
        self.tick()
        refusal = self._refusal(request)
        if refusal:
            return refusal
        batch = request.path_params["id"]
        with self._lock:
            kept = [found for found in self._batches if not (found.id == batch and found.status == "queued")]
            found = len(kept) < len(self._batches)
            self._batches = kept
        missing = JSONResponse({"code": "document_not_found", "message": "Not found"}, status_code=404)
        return Response(status_code=204) if found else missing

    def _status(self, request: Request) -> Response:
        self.tick()
        refusal = self._refusal(request)
        shift = timedelta(minutes=float(str(self._world.get("mail.schedule_shift_minutes"))))
        rows: list[JsonValue] = [
            {
                "scheduledAt": (batch.scheduled + shift).isoformat(),
                "createdAt": batch.created.isoformat(),
                "status": batch.status,
            }
            for batch in self._batches
            if batch.id == request.path_params["id"]
        ]
        if refusal or not rows:
            return refusal or JSONResponse({"code": "document_not_found", "message": "Not found"}, status_code=404)
        return JSONResponse({"count": len(rows), "batches": rows})

    def _events(self, request: Request) -> Response:
        self.tick()
        refusal = self._refusal(request)
        if refusal:
            return refusal
        tags = set(json.loads(request.query_params.get("tags", "[]")))
        rows: list[JsonValue] = []
        with self._lock:
            for number, mail in enumerate(found for found in self._sent if not tags or found.tag in tags):
                rows += [self._event(mail, "requests"), *self._fate(mail, number)]
        offset, limit = int(request.query_params.get("offset", 0)), int(request.query_params.get("limit", 2_500))
        page = rows[offset : offset + limit]
        return JSONResponse({"events": page} if page else {})

    def _fate(self, mail: Mail, number: int) -> list[JsonValue]:
        bounced = self._world.get("mail.bounced")
        mailing = mail.tag.rpartition("/")[2]
        refused = int(str(bounced.get(mailing, 0))) if isinstance(bounced, dict) else 0
        if number < refused:
            return [self._event(mail, "hardBounces")]
        if mail.relayed and not self._world.get("mail.relay_delivers"):
            return []
        return [self._event(mail, "delivered")]

    @staticmethod
    def _event(mail: Mail, event: str) -> JsonValue:
        return {
            "email": mail.to,
            "date": mail.sent.isoformat(),
            "subject": mail.subject,
            "messageId": mail.message_id,
            "event": event,
            "tag": mail.tag,
        }
