"""Say something on a channel of the plan. A channel that does not answer has a fallback; nothing waits for words."""

from __future__ import annotations

import anyio.to_thread

from launch.errors import PlanError
from launch.model import Model
from launch.plan import Channel, ChannelKind
from launch.ports import Chat, Mailer, Pager, StatusBoard, Systems
from tasks.retries import retryable


class Message(Model):
    """Words for one channel; `key` makes a repetition the same message."""

    key: str
    subject: str = ""
    text: str
    state: str = ""


@retryable("tell {channel.id}: {message.key}")
async def tell(channel: Channel, message: Message, systems: Systems) -> str:
    """Sends it and returns a link. Raises `SystemFaultError`, or `PlanError` for a channel no system carries."""
    system = systems.get(channel.system or "")
    where = channel.address or channel.name
    if isinstance(system, Chat) and channel.kind is ChannelKind.CHAT:
        return await anyio.to_thread.run_sync(lambda: system.post(where, message.text, key=message.key))
    if isinstance(system, StatusBoard) and channel.kind is ChannelKind.STATUS_PAGE:
        state = message.state or "update"
        return await anyio.to_thread.run_sync(lambda: system.announce(state, message.text, key=message.key))
    if isinstance(system, Mailer) and channel.kind is ChannelKind.EMAIL:
        to = [part.strip() for part in where.split(",")]
        return await anyio.to_thread.run_sync(lambda: system.send(to, message.subject, message.text, key=message.key))
    if isinstance(system, Pager) and channel.kind is ChannelKind.PAGING:
        return await anyio.to_thread.run_sync(lambda: system.page(message.state or "P1", message.text, key=message.key))
    problem = f"channel {channel.id!r} ({channel.kind.value}) is carried by no system that can speak"
    raise PlanError(problem)


tell_once = tell.with_options(retries=0)
