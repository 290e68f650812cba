"""Raising an alarm: the ledger first, then everybody who can be reached. Nothing here lets a launch go on."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from flows.stage import Stage
from launch import acts
from launch.alarms import alarm_text, exposure_at_stake
from launch.errors import LaunchError, RefusedError
from launch.events import AlarmRaised, MessageSent
from launch.plan import Channel, ChannelKind, Plan
from launch.ports import Systems
from launch.state import LaunchState, fold
from launch.watch import Overdue
from tasks.telling import Message, tell

_logger = logging.getLogger("tminus.alarms")


def write_alarm(stage: Stage, launch: str, late: Overdue) -> None:
    """Puts an alarm on the ledger, once; before it, where nobody watches a rollout under way, the hold of its exposure.

    In this order, so that an alarm on the ledger has had its hold: what a person released stays released.
    """
    records = stage.ledger.records(launch)
    plan, state = acts.plan_of(records), fold(records)
    at, wall = stage.clock.now(), stage.wall()
    try:
        if late.unwatched and state.exposure_hold is None and exposure_at_stake(plan, state):
            acts.hold_unwatched(stage.ledger, launch, what=late.what, detail=late.detail, at=at, wall=wall)
        acts.raise_alarm(stage.ledger, launch, what=late.what, detail=late.detail, at=at, wall=wall)
    except RefusedError as error:
        _logger.info("%s: %s", launch, error)


async def tell_alarms(stage: Stage, launch: str, form: str = "") -> None:
    """Pages and tells the war room of every alarm, each once it gets through: a channel that failed is tried again.

    `form` is a link to where a rollback is started by hand.
    """
    records = stage.ledger.records(launch)
    plan, state = acts.plan_of(records), fold(records)
    systems = stage.systems(plan, state.opened.environment if state.opened else "")
    words = {alarm.what: alarm_text(plan, state, alarm.detail, form) for alarm in state.alarms}
    await asyncio.gather(
        *(
            _tell(stage, launch, _Telling(alarm.what, words[alarm.what], channel), systems)
            for alarm, channel in untold(plan, state)
        )
    )


def untold(plan: Plan, state: LaunchState) -> list[tuple[AlarmRaised, Channel]]:
    """Alarms, and on which channels nobody was reached so far."""
    channels = alarm_channels(plan)
    return [
        (alarm, channel)
        for alarm in state.alarms
        for channel in channels
        if _key(alarm.what, channel) not in state.messages
    ]


def alarm_channels(plan: Plan) -> list[Channel]:
    """The first paging channel, then the first chat, that a system carries."""
    carried = [one for one in plan.comms.channels if one.system]
    kinds = (ChannelKind.PAGING, ChannelKind.CHAT)
    found = [next((one for one in carried if one.kind is kind), None) for kind in kinds]
    return [one for one in found if one is not None]


@dataclass(frozen=True)
class _Telling:
    """One alarm on one channel."""

    what: str
    text: str
    channel: Channel


async def _tell(stage: Stage, launch: str, one: _Telling, systems: Systems) -> None:
    # One key for all channels: a pager that got it already takes it for the same incident.
    message = Message(key=f"{launch}/alarm/{one.what}", subject=f"{launch} stands still", text=one.text)
    try:
        link = await tell.fn(one.channel, message, systems)
    except LaunchError as error:
        # The alarm is on the ledger; another channel may still be reached, and this one at the next try.
        _logger.warning("%s: nobody was reached on %s: %s", launch, one.channel.id, error)
        return
    key = _key(one.what, one.channel)
    sent = MessageSent(key=key, channel=one.channel.id, subject=message.subject, text=one.text, link=link)
    stage.ledger.append(launch, sent, at=stage.clock.now(), wall=stage.wall())


def _key(what: str, channel: Channel) -> str:
    return f"alarm/{what}/{channel.id}"
