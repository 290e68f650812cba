"""Rules on words: every template parses and names what there is, and a message finds its way when a channel is down."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import Environment, TemplateSyntaxError, nodes

from launch.findings import PlanFinding
from launch.plan import Plan
from launch.plan_walk import walk
from launch.wording import texts

_ENVIRONMENT = Environment(autoescape=False)  # noqa: S701  messages are plain text; nothing is rendered here


def broken_wording(plan: Plan) -> Iterator[PlanFinding]:
    """P260, P261 and P262."""
    actions = frozenset(action.id for action in plan.actions)
    for pattern in ("comms.templates[].text", "comms.templates[].subject"):
        for path, text in walk(plan, pattern):
            yield from _broken(path, str(text), actions)
    for at, action in enumerate(plan.actions):
        for path, text in texts(action.effect.model_dump(mode="json"), f"actions[{at}].effect"):
            yield from _broken(path, text, actions)
    yield from _fallback_circles(plan)


def _broken(path: str, text: str, actions: frozenset[str]) -> Iterator[PlanFinding]:
    if "{" not in text:
        return
    try:
        parsed = _ENVIRONMENT.parse(text)
    except TemplateSyntaxError as error:
        problem = f"the template does not parse in its line {error.lineno}: {error.message}"
        yield PlanFinding(code="P260", path=path, problem=problem)
        return
    for name in _actions_named(parsed):
        if name not in actions:
            yield PlanFinding(code="P262", path=path, problem=f"the template names no action of the plan: {name!r}")


def _actions_named(template: nodes.Template) -> Iterator[str]:
    for item in template.find_all(nodes.Getattr):
        if _is_actions(item.node):
            yield item.attr
    for place in template.find_all(nodes.Getitem):
        if _is_actions(place.node) and isinstance(place.arg, nodes.Const):
            yield str(place.arg.value)


def _is_actions(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Name) and node.name == "actions"


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
