"""Chat by Slack: the war room, messages that are posted once, and what a channel holds."""

from __future__ import annotations

import hashlib
import html
import logging
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPException
from typing import ClassVar, TypeVar, assert_never

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, SecretStr, ValidationError
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackRequestError

from blocks.faults import connection_fault, missing_right, status_fault, unsendable
from blocks.payloads import Payload
from launch.effects.base import Effect
from launch.effects.people import ChatEffect, EditMessage, OpenRoom, PostMessage
from launch.errors import PermanentFaultError, SystemFaultError, TransientFaultError
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.people import ChatMessages, ChatProbe, ChatRoom
from launch.readings import Quantity, Reading, quantities

_EVENT = "tminus_message"
_NAMESPACE = uuid.UUID("6c1c1f86-6f0e-4c39-9a59-3f0a1c8a1f7e")
_PAGE = 200
_CHANNEL_ID = re.compile(r"^[CG][A-Z0-9]{8,}$")
_WORD = re.compile(r"^[a-z][a-z0-9_]*$")
_SCOPE = re.compile(r"^[a-z][a-z0-9_.:,]{0,99}$")
# https://docs.slack.dev/reference/methods/chat.postMessage#errors: these ask to try again.
_RETRYABLE = {"ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
_NEXT_STEP = {
    "invalid_auth": "renew the token in the chat block",
    "not_authed": "put a token into the chat block",
    "token_revoked": "renew the token in the chat block",
    "channel_not_found": "create the channel, or invite the app to it",
    "not_in_channel": "invite the app to the channel",
    "is_archived": "unarchive the channel",
    "cant_update_message": "let the app that posted it change it, or post a reply to it",
    "edit_window_closed": "let the workspace allow edits, or post a reply to it",
}

# The SDK logs answers it cannot read, with their bodies; the fault says what is needed without them.
_SILENT = logging.getLogger("blocks.chat.sdk")
_SILENT.setLevel(logging.CRITICAL + 1)


class _Channel(Payload):
    id: str
    name: str = ""
    created: int
    is_archived: bool = False


class _Cursor(Payload):
    next_cursor: str = ""


class _Channels(Payload):
    channels: list[_Channel]
    response_metadata: _Cursor = _Cursor()


class _Created(Payload):
    channel: _Channel


class _Mark(Payload):
    event_type: str = ""
    event_payload: dict[str, JsonValue] = Field(default_factory=dict)


class _Message(Payload):
    ts: str
    text: str = ""
    metadata: _Mark = _Mark()

    @property
    def edition(self) -> str:
        """What an edit of ours left: Slack rewrites texts (links, names), so that they cannot be compared."""
        return str(self.metadata.event_payload.get("edition", ""))


class _History(Payload):
    messages: list[_Message]
    response_metadata: _Cursor = _Cursor()


class _Pin(Payload):
    message: _Message | None = None


class _Pins(Payload):
    items: list[_Pin]


class _Posted(Payload):
    ts: str


class _Permalink(Payload):
    permalink: str


class _Identity(Payload):
    team: str
    user: str


class _Done(Payload):
    ok: bool


P = TypeVar("P", bound=Payload)


class SlackChat(Block):
    """A Slack workspace. Answers about channels, opens the war room, posts each message once (by its key).

    Scopes of the app: channels:read, channels:history, channels:manage, channels:join, chat:write, pins:read,
    pins:write, metadata.message:read. A message carries its key as metadata; that is how a repeated post finds it.
    """

    _block_type_name = "Slack chat"
    _block_type_slug = "slack-chat"
    _description = "Slack by a bot token. https://docs.slack.dev/reference/methods"
    _documentation_url = HttpUrl("https://docs.slack.dev/reference/methods")
    needs: ClassVar[str] = (
        "channels:read, history, manage and join; chat:write; pins:read and write; metadata.message:read"
    )

    answers: ClassVar[tuple[type[Probe], ...]] = (ChatRoom, ChatMessages)
    effects: ClassVar[tuple[type[Effect], ...]] = (OpenRoom, PostMessage, EditMessage)

    token: SecretStr = Field(description="Bot token (xoxb-...).")
    base_url: str = Field(default="https://slack.com/api/", description="Address of the Web API.")
    timeout_seconds: int = Field(default=10, ge=1, description="Longest wait for one answer, in seconds.")
    lobby: str = Field(
        default="",
        description="Channel for a post whose own channel does not exist yet; empty: such a post is refused.",
    )

    def check(self) -> str:
        """Proves that the token is taken and channels may be listed. Raises `SystemFaultError`."""
        identity = self._call(_Identity, "auth.test", "who am I")
        self._call(_Channels, "conversations.list", "which channels are there", limit=1)
        return f"Slack team {identity.team!r} knows this token as {identity.user!r}"

    def post(self, channel: str, text: str, *, key: str) -> str:
        """Posts `text` once for `key`; returns its link. `@channel` mentions everybody. Raises `SystemFaultError`."""
        room = self._place(channel)
        if room is not None and room.name != channel.removeprefix("#"):
            text = f"(for #{channel}, which does not exist yet) {text}"
        if room is None or room.is_archived:
            answer = "channel_not_found" if room is None else "is_archived"
            raise _refusal(answer, f"the post to #{channel}")
        ts = self._posted(room, key) or self._post(room, text, key)
        link = self._call(_Permalink, "chat.getPermalink", "the link of a message", channel=room.id, message_ts=ts)
        return link.permalink

    def answer(self, probe: ChatProbe, occasion: Occasion) -> Reading:
        """See `launch.ports.Answers`."""
        match probe:
            case ChatRoom():
                return self._room(probe, occasion)
            case ChatMessages():
                return self._messages(probe, occasion)
            case _:
                assert_never(probe)

    def observe(self, effect: ChatEffect, occasion: Occasion) -> Observation:
        """See `launch.ports.Acts`."""
        room = self._room_of(effect)
        match effect:
            case OpenRoom():
                state: State = {"existed": room is not None, "archived": room.is_archived if room else False}
                opened = room is not None and not room.is_archived and self._pinned(room, effect.link) > 0
                detail = (
                    f"#{effect.channel} is {'open, its link pinned' if opened else 'not open with its link pinned'}"
                )
                return Observation(standing=_standing(holds=opened), state=state, detail=detail)
            case PostMessage():
                ts = self._said(room, effect, occasion) if room else None
                where = f"#{room.name if room else effect.channel}"
                detail = f"message {ts} in {where}" if ts else f"no such message in {where}"
                return Observation(standing=_standing(holds=ts is not None), detail=detail)
            case EditMessage():
                message = self._meant(room, effect, occasion)
                says = message.edition == _edition(effect.text)
                record: State = {"text": message.text, "edition": message.edition}
                told = f"message {message.ts} in #{effect.channel} {'says this' if says else 'says something else'}"
                return Observation(standing=_standing(holds=says), state=record, detail=told)
            case _:
                assert_never(effect)

    def apply(self, effect: ChatEffect, occasion: Occasion) -> None:
        """See `launch.ports.Acts`."""
        match effect:
            case OpenRoom():
                self._open(effect, occasion)
            case PostMessage():
                if effect.reply_to is None:
                    self.post(effect.channel, effect.text, key=_key(occasion, effect.message))
                else:
                    self._reply(effect, effect.reply_to, occasion)
            case EditMessage():
                room = self._room_of(effect)
                message = self._meant(room, effect, occasion)
                self._edit(room, message, _escaped(effect.text), _edition(effect.text))
            case _:
                assert_never(effect)

    def observe_restored(self, effect: ChatEffect, before: State, occasion: Occasion) -> Observation:
        """See `launch.ports.Acts`."""
        room = self._room_of(effect)
        match effect:
            case OpenRoom():
                gone = before.get("existed") is True or room is None or room.is_archived
                return Observation(standing=_standing(holds=gone), detail=f"#{effect.channel}")
            case PostMessage():
                gone = room is None or self._said(room, effect, occasion) is None
                return Observation(standing=_standing(holds=gone), detail=f"#{effect.channel}")
            case EditMessage():
                message = self._meant(room, effect, occasion)
                back = message.edition == before.get("edition", "")
                return Observation(standing=_standing(holds=back), detail=f"message {message.ts} in #{effect.channel}")
            case _:
                assert_never(effect)

    def restore(self, effect: ChatEffect, before: State, occasion: Occasion) -> None:
        """See `launch.ports.Acts`. A room that existed before is left open."""
        room = self._room_of(effect)
        if room is None:
            return
        match effect:
            case OpenRoom():
                if before.get("existed") is not True and not room.is_archived:
                    self._call(_Done, "conversations.archive", f"archive #{effect.channel}", channel=room.id)
            case PostMessage():
                ts = self._said(room, effect, occasion)
                if ts is not None:
                    self._call(_Done, "chat.delete", f"delete a message of #{effect.channel}", channel=room.id, ts=ts)
            case EditMessage():
                message = self._meant(room, effect, occasion)
                self._edit(room, message, str(before.get("text", "")), str(before.get("edition", "")))
            case _:
                assert_never(effect)

    def _room(self, probe: ChatRoom, occasion: Occasion) -> Reading:
        room = self._channel(probe.channel)
        where = f"#{probe.channel} in Slack"
        if room is None or room.is_archived:
            values = quantities(rooms_open=0)
            return Reading(
                values=values, where=where, at=occasion.now, evidence="archived" if room else "no such channel"
            )
        created = datetime.fromtimestamp(room.created, UTC)
        hours = (occasion.t0 - created).total_seconds() / 3_600
        values = quantities(rooms_open=1, links_pinned=self._pinned(room, probe.link))
        values["created_before_launch"] = Quantity(value=hours, unit="h")
        return Reading(values=values, where=where, at=occasion.now, evidence=f"created {created:%Y-%m-%d %H:%M} UTC")

    def _messages(self, probe: ChatMessages, occasion: Occasion) -> Reading:
        where = f"#{probe.channel} in Slack"
        room = self._channel(probe.channel)
        if room is None:
            return Reading(values={}, where=where, at=occasion.now, evidence="no such channel")
        since = (occasion.now - probe.within).timestamp()
        holding = probe.holding.casefold()
        found = [
            message
            for message in self._history(room, oldest=since)
            if holding in html.unescape(message.text).casefold()
        ]
        evidence = html.unescape(found[0].text)[:200] if found else ""
        return Reading(values=quantities(messages=len(found)), where=where, at=occasion.now, evidence=evidence)

    def _open(self, effect: OpenRoom, occasion: Occasion) -> None:
        question = f"open #{effect.channel}"
        room = self._channel(effect.channel)
        if room is None:
            room = self._call(_Created, "conversations.create", question, name=effect.channel).channel
        elif room.is_archived:
            self._call(_Done, "conversations.unarchive", question, channel=room.id)
        if effect.topic:
            self._call(_Done, "conversations.setTopic", question, channel=room.id, topic=effect.topic)
        if self._pinned(room, effect.link) == 0:
            key = _key(occasion, "pinned-link")
            ts = self._posted(room, key) or self._post(room, f"Join the call: {effect.link}", key)
            self._call(_Done, "pins.add", f"pin the link in #{effect.channel}", channel=room.id, timestamp=ts)

    def _reply(self, effect: PostMessage, parent: str, occasion: Occasion) -> None:
        room = self._room_of(effect)
        thread = self._posted(room, _key(occasion, parent)) if room is not None else None
        if room is None or thread is None:
            raise PermanentFaultError(
                system="Slack",
                question=f"the reply to {parent} in #{effect.channel}",
                answer="no such message of this launch",
                next_step=f"let the action that posts {parent} come before this one",
            )
        key = _key(occasion, effect.message)
        if self._posted(room, key, thread=thread) is None:
            self._post(room, effect.text, key, thread=thread)

    def _said(self, room: _Channel, effect: PostMessage, occasion: Occasion) -> str | None:
        """Where the message is, also in the thread that it belongs to."""
        thread = ""
        if effect.reply_to is not None:
            thread = self._posted(room, _key(occasion, effect.reply_to)) or ""
            if not thread:
                return None
        return self._posted(room, _key(occasion, effect.message), thread=thread)

    def _meant(self, room: _Channel | None, effect: EditMessage, occasion: Occasion) -> _Message:
        """The message to edit; one in a thread is not looked for."""
        found = self._message(room, _key(occasion, effect.message)) if room is not None else None
        if found is None:
            raise PermanentFaultError(
                system="Slack",
                question=f"message {effect.message} of #{effect.channel}",
                answer="no such message of this launch",
                next_step=f"let the action that posts {effect.message} come before this one",
            )
        return found

    def _edit(self, room: _Channel | None, message: _Message, text: str, edition: str) -> None:
        if room is None:
            return
        payload: dict[str, JsonValue] = {"key": message.metadata.event_payload.get("key")}
        if edition:
            payload["edition"] = edition
        self._call(
            _Posted,
            "chat.update",
            f"edit a message of #{room.name}",
            channel=room.id,
            ts=message.ts,
            text=text,
            metadata={"event_type": _EVENT, "event_payload": payload},
        )

    def _post(self, room: _Channel, text: str, key: str, *, thread: str = "") -> str:
        posted = self._call(
            _Posted,
            "chat.postMessage",
            f"the post to #{room.name}",
            channel=room.id,
            text=_escaped(text),
            thread_ts=thread,
            client_msg_id=str(uuid.uuid5(_NAMESPACE, key)),
            metadata={"event_type": _EVENT, "event_payload": {"key": key}},
            unfurl_links=False,
        )
        return posted.ts

    def _posted(self, room: _Channel, key: str, *, thread: str = "") -> str | None:
        found = self._message(room, key, thread=thread)
        return found.ts if found is not None else None

    def _message(self, room: _Channel, key: str, *, thread: str = "") -> _Message | None:
        messages = self._replies(room, thread) if thread else self._history(room, newest_page=True)
        for message in messages:
            if message.metadata.event_type == _EVENT and message.metadata.event_payload.get("key") == key:
                return message
        return None

    def _pinned(self, room: _Channel, link: str) -> int:
        pins = self._call(_Pins, "pins.list", f"what is pinned in #{room.name}", channel=room.id)
        return sum(1 for pin in pins.items if pin.message and link in html.unescape(pin.message.text))

    def _room_of(self, effect: ChatEffect) -> _Channel | None:
        return self._channel(effect.channel) if isinstance(effect, OpenRoom) else self._place(effect.channel)

    def _place(self, channel: str) -> _Channel | None:
        """Where words for a channel are said: there, or in the lobby as long as it does not exist."""
        return self._channel(channel) or (self._channel(self.lobby) if self.lobby else None)

    def _channel(self, name: str) -> _Channel | None:
        name = name.removeprefix("#")
        cursor = ""
        while True:
            page = self._call(
                _Channels,
                "conversations.list",
                f"the channel #{name}",
                types="public_channel",
                limit=_PAGE,
                cursor=cursor,
            )
            for channel in page.channels:
                if name == channel.name or (_CHANNEL_ID.match(name) and name == channel.id):
                    return channel
            cursor = page.response_metadata.next_cursor
            if not cursor:
                return None

    def _replies(self, room: _Channel, thread: str) -> Iterator[_Message]:
        """A thread, its first message included (https://docs.slack.dev/reference/methods/conversations.replies)."""
        cursor = ""
        while True:
            page = self._call(
                _History,
                "conversations.replies",
                f"a thread of #{room.name}",
                channel=room.id,
                ts=thread,
                limit=_PAGE,
                cursor=cursor,
                include_all_metadata=True,
            )
            yield from page.messages
            cursor = page.response_metadata.next_cursor
            if not cursor:
                return

    def _history(self, room: _Channel, *, oldest: float = 0, newest_page: bool = False) -> Iterator[_Message]:
        cursor = ""
        while True:
            page = self._call(
                _History,
                "conversations.history",
                f"the messages of #{room.name}",
                channel=room.id,
                oldest=f"{oldest:.6f}",
                limit=_PAGE,
                cursor=cursor,
                include_all_metadata=True,
            )
            yield from page.messages
            cursor = page.response_metadata.next_cursor
            if not cursor or newest_page:
                return

    def _call(self, model: type[P], method: str, question: str, **arguments: JsonValue) -> P:
        client = WebClient(
            token=self.token.get_secret_value(),
            base_url=self.base_url,
            timeout=self.timeout_seconds,
            retry_handlers=[],
            logger=_SILENT,
        )
        given = {name: value for name, value in arguments.items() if value != ""}
        # Slack reads JSON bodies only for methods that write: https://docs.slack.dev/apis/web-api#post-bodies
        writes = method in {"chat.postMessage", "chat.update"}
        try:
            answer = client.api_call(method, json=given) if writes else client.api_call(method, params=given)
            return model.model_validate(answer.data)
        except SlackApiError as error:
            raise _fault(error, question) from error
        except (OSError, HTTPException) as error:
            raise connection_fault(error, system="Slack", question=question) from error
        except ValidationError as error:
            raise PermanentFaultError(
                system="Slack",
                question=question,
                answer="something of another form",
                next_step="check the address in the chat block",
            ) from error
        except (SlackRequestError, ValueError):
            raise unsendable("Slack", question) from None


def _escaped(text: str) -> str:
    # Slack reads &, < and > as control characters: https://docs.slack.dev/messaging/formatting-message-text
    return html.escape(text, quote=False).replace("@channel", "<!channel>")


def _edition(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _key(occasion: Occasion, message: str) -> str:
    """Stable over attempts, unlike the occasion's own key: an answer that got lost must not become a second message."""
    return f"{occasion.launch}/{message}"


def _standing(*, holds: bool) -> Standing:
    return Standing.HOLDS if holds else Standing.ABSENT


def _fault(error: SlackApiError, question: str) -> SystemFaultError:
    status = error.response.status_code
    if status != 200:  # https://docs.slack.dev/apis/web-api/rate-limits
        wait = str(error.response.headers.get("Retry-After", ""))
        return status_fault(status, system="Slack", question=question, right=SlackChat.needs, wait_seconds=wait)
    word, needed = (str(error.response.get(name, "")) for name in ("error", "needed"))
    return _refusal(word, question, scope=needed if _SCOPE.match(needed) else "")


def _refusal(word: str, question: str, *, scope: str = "") -> SystemFaultError:
    answer = word if _WORD.match(word) else "something that is not Slack's API"
    kind = TransientFaultError if word in _RETRYABLE else PermanentFaultError
    if word == "missing_scope":
        next_step = f"{missing_right(scope)}, and install the app again"
    elif _WORD.match(word):
        next_step = _NEXT_STEP.get(word, "look the word up in Slack's reference")
    else:
        next_step = "check the address in the chat block"
    return kind(system="Slack", question=question, answer=answer, next_step=next_step)
