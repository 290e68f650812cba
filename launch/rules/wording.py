"""Rules on words: every template parses, and a message finds its way when a channel is down."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import Environment, TemplateSyntaxError

from launch.findings import PlanFinding
from launch.plan import Plan
from launch.plan_walk import walk

_ENVIRONMENT = Environment(autoescape=False)  # noqa: S701  messages are plain text; nothing is rendered here


def broken_wording(plan: Plan) -> Iterator[PlanFinding]:
    """P260 and P261."""
    for pattern in ("comms.templates[].text", "comms.templates[].subject"):
        for path, text in walk(plan, pattern):
            yield from _unparsable(path, str(text))
    for at, action in enumerate(plan.actions):
        for path, text in _texts(action.effect.model_dump(mode="json"), f"actions[{at}].effect"):
            yield from _unparsable(path, text)
    yield from _fallback_circles(plan)


def _unparsable(path: str, text: str) -> Iterator[PlanFinding]:
    if "{" not in text:
        return
    try:
        _ENVIRONMENT.parse(text)
    except TemplateSyntaxError as error:
        problem = f"the template does not parse in its line {error.lineno}: {error.message}"
        yield PlanFinding(code="P260", path=path, problem=problem)


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _texts(inner, f"{path}[{at}]")


def _fallback_circles(plan: Plan) -> Iterator[PlanFinding]:
    fallback = {channel.id: channel.fallback for channel in plan.comms.channels}
    for at, channel in enumerate(plan.comms.channels):
        seen, here = [channel.id], channel.fallback
        while here is not None and here not in seen:
            seen.append(here)
            here = fallback.get(here)
        if here == channel.id:
            problem = f"channels fall back on each other: {' → '.join([*seen, channel.id])}"
            yield PlanFinding(code="P261", path=f"comms.channels[{at}].fallback", problem=problem)
