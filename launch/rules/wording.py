"""Rules on words: every template parses and names what there is, and a message finds its way when a channel is down."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import Environment, TemplateSyntaxError, nodes

from launch.dependencies import reachable
from launch.findings import PlanFinding
from launch.plan import Action, ActionRole, Plan
from launch.plan_walk import walk
from launch.wording import texts

_ENVIRONMENT = Environment(autoescape=False)  # noqa: S701  messages are plain text; nothing is rendered here
_KNOWN_WHEN_DONE = frozenset({"outputs", "finished_at"})


def broken_wording(plan: Plan) -> Iterator[PlanFinding]:
    """P260 to P263."""
    actions = frozenset(action.id for action in plan.actions)
    for pattern in ("comms.templates[].text", "comms.templates[].subject"):
        for path, text in walk(plan, pattern):
            yield from _broken(path, str(text), actions)
    for at, action in enumerate(plan.actions):
        for path, text in texts(action.effect.model_dump(mode="json"), f"actions[{at}].effect"):
            yield from _broken(path, text, actions)
            yield from _too_early(plan, action, path, text)
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
    for named in parsed.find_all((nodes.Getattr, nodes.Getitem)):
        name = _action_named(named)
        if name is not None and name not in actions:
            yield PlanFinding(code="P262", path=path, problem=f"the template names no action of the plan: {name!r}")


def _too_early(plan: Plan, action: Action, path: str, text: str) -> Iterator[PlanFinding]:
    """What another action gives is there once that is done; what a launch did is done when it is taken back."""
    givers = _givers(text)
    if not givers:
        return
    before = reachable({one.id: one.after for one in plan.actions}, action.id)
    undoes = action.role is ActionRole.UNDOES
    early = {one.id for one in plan.actions if one.id not in before and (one.role is ActionRole.UNDOES or not undoes)}
    for name in givers:
        if name in early:
            problem = f"action {action.id!r} needs what {name!r} gives, and does not wait for it"
            yield PlanFinding(code="P263", path=path, problem=problem, right=f"`after: [{name}]`")


def _givers(text: str) -> list[str]:
    """Actions whose outputs or end the template names."""
    if "{" not in text:
        return []
    try:
        parsed = _ENVIRONMENT.parse(text)
    except TemplateSyntaxError:
        return []
    asked = [one for one in parsed.find_all(nodes.Getattr) if one.attr in _KNOWN_WHEN_DONE]
    return list(dict.fromkeys(name for name in map(_action_named, (one.node for one in asked)) if name is not None))


def _action_named(node: nodes.Node) -> str | None:
    """The id in `actions["id"]` or `actions.id`."""
    match node:
        case nodes.Getattr(node=nodes.Name(name="actions")):
            return node.attr
        case nodes.Getitem(node=nodes.Name(name="actions"), arg=nodes.Const(value=name)):
            return str(name)
    return None


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
