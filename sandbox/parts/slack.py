"""A Slack workspace: channels, messages with metadata, pins. https://docs.slack.dev/reference/methods"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from sandbox.world import World

_TOKEN = "xoxb-sandbox"
_T0_HOUR = 3_600
_LOBBY = "general"

Arguments = dict[str, JsonValue]
Answer = dict[str, JsonValue]


@dataclass
class _Message:
    ts: str
    text: str
    metadata: JsonValue
    pinned: bool = False
    thread: str = ""


@dataclass
class _Channel:
    id: str
    name: str
    created: int
    archived: bool = False
    messages: list[_Message] = field(default_factory=list)


class _SlackError(Exception):
    """An answer `{"ok": false, "error": word}`."""


class SlackPart:
    """Speaks the methods that a launch needs, with Slack's error words and its form and JSON bodies."""

    name = "slack"

    def __init__(self) -> None:
        self._channels: dict[str, _Channel] = {}
        self._lock = threading.Lock()

    def define(self, world: World) -> None:
        self._world = world
        world.define("slack.token_valid", True, "whether Slack accepts the app's token")
        world.define("slack.edited", "", "messages holding this phrase show as edited to other words")
        world.define(
            "slack.created_hours_before_launch", None, "age of every channel at T0 in hours; null: as it was created"
        )
        world.define("slack.pins_removed", False, "whether somebody has unpinned everything")

    def start(self) -> None:
        self._create(_LOBBY)

    def tick(self) -> None:
        """Nothing moves by itself in Slack."""

    def stop(self) -> None:
        """Nothing runs beside the shared server."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {
            "slack-chat/sandbox-war-room": {
                "token": _TOKEN,
                "base_url": f"{base_url}/api/",
                "timeout_seconds": 3,
                "lobby": _LOBBY,
            }
        }

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/api/{method}", self._serve, methods=["GET", "POST"])]

    def texts(self, channel: str) -> list[str]:
        """Every message of a channel, oldest first: what a rehearsal shows afterwards."""
        with self._lock:
            found = [room for room in self._channels.values() if room.name == channel]
            return [message.text for room in found for message in room.messages]

    async def _serve(self, request: Request) -> JSONResponse:
        arguments = _arguments(request, await request.body())
        method = _METHODS.get(request.path_params["method"])
        authorised = request.headers.get("authorization") == f"Bearer {_TOKEN}" and self._world.get("slack.token_valid")
        if not authorised:
            return JSONResponse({"ok": False, "error": "invalid_auth"})
        if method is None:
            return JSONResponse({"ok": False, "error": "unknown_method"})
        try:
            with self._lock:
                return JSONResponse({"ok": True, **method(self, arguments)})
        except _SlackError as error:
            return JSONResponse({"ok": False, "error": str(error)})

    def _create(self, name: str) -> _Channel:
        room = _Channel(f"C{len(self._channels):010d}", name, int(self._world.now().timestamp()))
        self._channels[room.id] = room
        return room

    def _room(self, arguments: Arguments) -> _Channel:
        room = self._channels.get(str(arguments.get("channel", "")))
        if room is None:
            raise _SlackError("channel_not_found")
        return room

    def _shown(self, room: _Channel) -> Answer:
        hours = self._world.get("slack.created_hours_before_launch")
        created = room.created
        if isinstance(hours, int | float):
            created = int(self._world.t0.timestamp() - hours * _T0_HOUR)
        return {"id": room.id, "name": room.name, "created": created, "is_archived": room.archived, "is_channel": True}

    def _message(self, message: _Message, *, metadata: bool) -> Answer:
        phrase = str(self._world.get("slack.edited"))
        edited = bool(phrase) and phrase.casefold() in message.text.casefold()
        text = "(this message was edited)" if edited else message.text
        shown: Answer = {"type": "message", "user": "U0TMINUS", "ts": message.ts, "text": text}
        return {**shown, "metadata": message.metadata} if metadata and message.metadata else shown

    def auth_test(self, _: Arguments) -> Answer:
        return {
            "url": "https://teei.slack.com/",
            "team": "TEEI",
            "user": "tminus",
            "team_id": "T0TEEI",
            "user_id": "U0TMINUS",
        }

    def conversations_list(self, arguments: Arguments) -> Answer:
        rooms = list(self._channels.values())
        start, limit = int(str(arguments.get("cursor") or 0)), int(str(arguments.get("limit") or 100))
        more = str(start + limit) if start + limit < len(rooms) else ""
        shown: list[JsonValue] = [self._shown(room) for room in rooms[start : start + limit]]
        return {"channels": shown, "response_metadata": {"next_cursor": more}}

    def conversations_create(self, arguments: Arguments) -> Answer:
        name = str(arguments.get("name", ""))
        if any(room.name == name for room in self._channels.values()):
            raise _SlackError("name_taken")
        return {"channel": self._shown(self._create(name))}

    def conversations_info(self, arguments: Arguments) -> Answer:
        return {"channel": self._shown(self._room(arguments))}

    def conversations_archive(self, arguments: Arguments) -> Answer:
        self._room(arguments).archived = True
        return {}

    def conversations_unarchive(self, arguments: Arguments) -> Answer:
        self._room(arguments).archived = False
        return {}

    def conversations_set_topic(self, arguments: Arguments) -> Answer:
        return {"channel": self._shown(self._room(arguments))}

    def conversations_history(self, arguments: Arguments) -> Answer:
        room = self._room(arguments)
        oldest = float(str(arguments.get("oldest") or 0))
        newest_first = [
            message for message in reversed(room.messages) if float(message.ts) > oldest and not message.thread
        ]
        return self._page(newest_first, arguments)

    def conversations_replies(self, arguments: Arguments) -> Answer:
        room, first = self._find(arguments, "ts")
        return self._page([first, *(one for one in room.messages if one.thread == first.ts)], arguments)

    def _page(self, messages: list[_Message], arguments: Arguments) -> Answer:
        start, limit = int(str(arguments.get("cursor") or 0)), int(str(arguments.get("limit") or 100))
        more = str(start + limit) if start + limit < len(messages) else ""
        metadata = str(arguments.get("include_all_metadata", "")).casefold() in {"true", "1"}
        shown: list[JsonValue] = [self._message(m, metadata=metadata) for m in messages[start : start + limit]]
        return {"messages": shown, "has_more": bool(more), "response_metadata": {"next_cursor": more}}

    def chat_post_message(self, arguments: Arguments) -> Answer:
        room = self._room(arguments)
        if room.archived:
            raise _SlackError("is_archived")
        text = str(arguments.get("text", ""))
        if not text:
            raise _SlackError("no_text")
        ts = self._timestamp(room, str(arguments.get("client_msg_id") or text))
        message = _Message(ts, text, arguments.get("metadata"), thread=str(arguments.get("thread_ts", "")))
        room.messages.append(message)
        return {"channel": room.id, "ts": ts, "message": self._message(message, metadata=True)}

    def _timestamp(self, room: _Channel, words: str) -> str:
        """Unique in its channel and the same in every run: it does not tell who came first within a second."""
        second, fraction = int(self._world.now().timestamp()), zlib.crc32(words.encode()) % 1_000_000
        while any(message.ts == f"{second}.{fraction:06d}" for message in room.messages):
            fraction += 1
        return f"{second}.{fraction:06d}"

    def chat_update(self, arguments: Arguments) -> Answer:
        room, message = self._find(arguments, "ts")
        message.text, message.metadata = str(arguments.get("text", "")), arguments.get("metadata", message.metadata)
        return {"channel": room.id, "ts": message.ts, "text": message.text}

    def chat_delete(self, arguments: Arguments) -> Answer:
        room, message = self._find(arguments, "ts")
        room.messages.remove(message)
        return {"channel": room.id, "ts": message.ts}

    def chat_permalink(self, arguments: Arguments) -> Answer:
        room, message = self._find(arguments, "message_ts")
        return {"permalink": f"https://teei.slack.com/archives/{room.id}/p{message.ts.replace('.', '')}"}

    def pins_add(self, arguments: Arguments) -> Answer:
        _, message = self._find(arguments, "timestamp")
        if message.pinned:
            raise _SlackError("already_pinned")
        message.pinned = True
        return {}

    def pins_list(self, arguments: Arguments) -> Answer:
        room = self._room(arguments)
        removed = bool(self._world.get("slack.pins_removed"))
        pinned = [message for message in room.messages if message.pinned and not removed]
        return {"items": [{"type": "message", "message": self._message(message, metadata=False)} for message in pinned]}

    def _find(self, arguments: Arguments, field_name: str) -> tuple[_Channel, _Message]:
        room = self._room(arguments)
        for message in room.messages:
            if message.ts == arguments.get(field_name):
                return room, message
        raise _SlackError("message_not_found")


_METHODS: dict[str, Callable[[SlackPart, Arguments], Answer]] = {
    "auth.test": SlackPart.auth_test,
    "conversations.list": SlackPart.conversations_list,
    "conversations.create": SlackPart.conversations_create,
    "conversations.info": SlackPart.conversations_info,
    "conversations.archive": SlackPart.conversations_archive,
    "conversations.unarchive": SlackPart.conversations_unarchive,
    "conversations.setTopic": SlackPart.conversations_set_topic,
    "conversations.history": SlackPart.conversations_history,
    "conversations.replies": SlackPart.conversations_replies,
    "chat.update": SlackPart.chat_update,
    "chat.postMessage": SlackPart.chat_post_message,
    "chat.delete": SlackPart.chat_delete,
    "chat.getPermalink": SlackPart.chat_permalink,
    "pins.add": SlackPart.pins_add,
    "pins.list": SlackPart.pins_list,
}


def _arguments(request: Request, body: bytes) -> Arguments:
    if request.headers.get("content-type", "").startswith("application/json"):
        given: Arguments = json.loads(body or b"{}")
        return given
    form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    return {**dict(request.query_params), **form}
