"""Words: channels, templates, cadences, the escalation path and its timers."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from launch.model import Id, Model, Text
from launch.moments import Duration, Offset
from launch.plan.items import Integration, Item


class ChannelKind(StrEnum):
    """How words travel."""

    CHAT = "chat"
    CONFERENCE = "conference"
    STATUS_PAGE = "status-page"
    EMAIL = "email"
    PAGING = "paging"
    PHONE = "phone"
    SOCIAL = "social"
    TICKETING = "ticketing"
    WEB = "web"
    IN_APP = "in-app"


class Channel(Item):
    """A place for words; `address` is what the system behind it calls the place (a Slack channel, a list of mails)."""

    kind: ChannelKind
    name: Text
    use: str = ""
    integration: Integration
    system: Id | None = Field(default=None, description="The system that carries it; None where people do.")
    address: str = ""
    fallback: Id | None = Field(default=None, description="Channel used when this one does not answer.")


class Template(Item):
    """A message. `text` is a template; every phrase of `must_contain` is what a reader must find in it."""

    channel: Id | None = None
    channel_note: str = ""
    subject: str = ""
    must_contain: tuple[str, ...] = ()
    sample: str = ""
    text: Text


class Cadence(Item):
    """A message that repeats while a situation lasts."""

    situation: Text
    every: Duration | None = Field(default=None, description="None for `at once` or `on change`.")
    every_note: str = ""
    what: Text
    channel: Id
    owner: Id
    template: Id | None = None
    start: Offset | None = None
    end: Offset | None = None

    @model_validator(mode="after")
    def _runnable(self) -> Self:
        if self.every is not None and (self.template is None or self.start is None or self.end is None):
            message = f"cadence {self.id!r} repeats, so it needs `template`, `start` and `end`"
            raise ValueError(message)
        return self


class Escalation(Item):
    """One rung of the escalation path."""

    level: int = Field(ge=0)
    what: Text
    who: tuple[Id, ...]
    within: str = Field(description="As printed: a duration, a range, or `unstated`.")


class Timer(Item):
    """A response time and what happens when it has passed."""

    what: Text
    after: Duration
    after_note: str = ""
    then: Text


class Comms(Model):
    """Everything the launch says, to whom and when."""

    channels: tuple[Channel, ...] = ()
    templates: tuple[Template, ...] = ()
    cadences: tuple[Cadence, ...] = ()
    escalation: tuple[Escalation, ...] = ()
    timers: tuple[Timer, ...] = ()
