"""What a plan uses each of its systems for, and whether a kind of system can be used so."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import get_args

from launch.effects.base import Effect
from launch.model import Model
from launch.plan import Channel, ChannelKind, Plan
from launch.plan_walk import walk
from launch.probes.base import Probe


class Way(Enum):
    """How a system is used: the verb of its port (`launch.ports`), and what a person calls that."""

    ASKED = ("answer", "asked")
    CHANGED = ("apply", "changed")
    SAMPLED = ("series", "sampled for a guard")
    CHAT = ("post", "posted to")
    STATUS_BOARD = ("announce", "used as a status page")
    MAIL = ("send", "given mail to send")
    PAGER = ("page", "used to page somebody")

    def __init__(self, verb: str, done: str) -> None:
        self.verb = verb
        self.done = done


_SPOKEN = {
    ChannelKind.CHAT: Way.CHAT,
    ChannelKind.STATUS_PAGE: Way.STATUS_BOARD,
    ChannelKind.EMAIL: Way.MAIL,
    ChannelKind.PAGING: Way.PAGER,
}
_ROUTER = "rollout.router"
_PLACES = (
    "checks[].probes[]",
    "success_criteria[].probes[]",
    "rollback.snapshot[].probe",
    "actions[].effect",
    _ROUTER,
    "thresholds[].query.of",
    "thresholds[].baseline.of",
    "comms.channels[]",
)


class Use(Model):
    """One place of a plan that needs a system. `word` is the probe's `ask` or the effect's `do`, "" for other ways."""

    system: str
    path: str
    way: Way
    word: str = ""


def uses(plan: Plan) -> Iterator[Use]:
    """Every use of every system, in the order of the plan's parts."""
    for pattern in _PLACES:
        for path, found in walk(plan, pattern):
            use = _use(path, found)
            if use is not None:
                yield use


def _use(path: str, found: object) -> Use | None:
    match found:
        case Probe():
            return Use(system=found.of, path=path, way=Way.ASKED, word=found.ask)
        case Effect():
            return Use(system=found.on, path=path, way=Way.CHANGED, word=found.do)
        case Channel(system=str() as system, kind=kind) if kind in _SPOKEN:
            return Use(system=system, path=path, way=_SPOKEN[kind])
        case str():
            return Use(system=found, path=path, way=Way.CHANGED if path == _ROUTER else Way.SAMPLED)
        case _:
            return None


def misfit(use: Use, kind: type) -> str:
    """Why a system of this kind cannot be used so, "" if it can."""
    if not hasattr(kind, use.way.verb):
        return f"{use.path} needs a system that can be {use.way.done}, which a {kind.__name__} cannot"
    words = _words(kind, use.way)
    if not use.word or use.word in words:
        return ""
    return (
        f"{use.path} needs {use.word!r}, which a {kind.__name__} does not know; it knows {', '.join(words) or 'none'}"
    )


def _words(kind: type, way: Way) -> list[str]:
    """Questions that it answers, or effects that it can have: each model narrows the field to its own word."""
    field, models = ("ask", "answers") if way is Way.ASKED else ("do", "effects")
    known: tuple[type[Model], ...] = getattr(kind, models, ())
    return [str(word) for model in known for word in get_args(model.model_fields[field].annotation)]
