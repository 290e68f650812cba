"""What was asked, vouched for and done, and the words that went out."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, JsonValue

from launch.events.base import Event
from launch.model import Id
from launch.ports import State
from launch.verdicts import Verdict
from launch.words import EffectResult


class CheckJudged(Event):
    """A check was asked and judged."""

    volatile = frozenset({"sentence", "measured"})

    kind: Literal["check-judged"] = "check-judged"
    check: Id
    verdict: Verdict
    sentence: str
    measured: dict[str, JsonValue] = Field(default_factory=dict)


class CheckAttested(Event):
    """A named person vouched for a check, or against it."""

    kind: Literal["check-attested"] = "check-attested"
    check: Id
    person: Id
    verdict: Verdict
    evidence: str = ""


class CheckWaived(Event):
    """A check that did not pass is covered until `until`; its verdict stays what it is."""

    volatile = frozenset({"until"})

    kind: Literal["check-waived"] = "check-waived"
    check: Id
    person: Id
    reason: str
    until: datetime


class EffectBegun(Event):
    """An effect is about to be applied; `before` is what was there, and what an undo puts back."""

    volatile = frozenset({"before", "key"})

    kind: Literal["effect-begun"] = "effect-begun"
    action: Id
    attempt: int
    key: str
    before: State = Field(default_factory=dict)


class EffectFinished(Event):
    """An effect ended: the desired state was found (`already`), reached (`applied`), not reached, or is unknown."""

    volatile = frozenset({"detail", "outputs"})

    kind: Literal["effect-finished"] = "effect-finished"
    action: Id
    attempt: int
    result: EffectResult
    detail: str = ""
    outputs: dict[str, str] = Field(default_factory=dict, exclude_if=lambda outputs: not outputs)


class MessageSent(Event):
    """Words went out."""

    volatile = frozenset({"link", "text"})

    kind: Literal["message-sent"] = "message-sent"
    key: str
    channel: Id
    subject: str = ""
    text: str = ""
    link: str = ""


class MessageFailed(Event):
    """Words did not go out on this channel; nothing waited for them."""

    volatile = frozenset({"why"})

    kind: Literal["message-failed"] = "message-failed"
    key: str
    channel: Id
    why: str
