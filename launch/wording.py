"""Templates of a plan: rendered in a sandbox, with every variable required."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import JsonValue

from launch.effects.base import Effect
from launch.errors import PlanError
from launch.moments import format_offset
from launch.plan import Plan
from launch.state import EffectState, LaunchState

_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, trim_blocks=True)

_ACTIONS = "actions"

Words = Mapping[str, object]


@lru_cache(maxsize=512)
def _compiled(text: str) -> Template:
    return _ENVIRONMENT.from_string(text)


def render(text: str, words: Words) -> str:
    """The text with its variables filled. Raises `PlanError` for an unknown variable, broken syntax or a wrong sum."""
    if "{" not in text:
        return text
    try:
        return _compiled(text).render(words)
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        # Jinja's own errors, and what an expression inside a template can do wrong.
        message = f"the template {text[:60]!r} cannot be filled: {error}"
        raise PlanError(message) from error


def words_of(plan: Plan, state: LaunchState, now: datetime) -> dict[str, object]:
    """Variables every template may use: launch, product, release, t0, t0_clock, now_offset and gates' neighbours.

    `actions` has those that were begun or found done, by id, each with `began_at` and `finished_at` (UTC) as far as
    they came, and `outputs` once it held: `{{ actions["clone"].outputs.address }}` is where the clone answers, and
    `{{ actions["migrate"].began_at }}` the last moment before the database was changed.
    """
    opened, t0 = state.opened, state.t0
    if opened is None or t0 is None:
        message = "a launch that was not opened has no words"
        raise ValueError(message)
    origin = state.live_at or t0
    local = t0.astimezone(ZoneInfo(plan.launch_time.timezone))
    return {
        "launch": state.launch,
        "product": plan.product.name,
        "release": opened.release,
        "t0": t0,
        "t0_clock": local.strftime("%H:%M %Z"),
        "now": now,
        "now_offset": format_offset(_whole_minutes(now, origin)),
        "plan": plan,
        _ACTIONS: {name: _action_words(effect) for name, effect in state.effects.items()},
        "issues": [],
        "links": [],
    }


def _action_words(effect: EffectState) -> dict[str, object]:
    """Without what is not known yet: a template that needs it fails, and does not say `None`."""
    moments = {"began_at": effect.first_begun_at, "finished_at": effect.finished_at}
    known: dict[str, object] = {name: moment for name, moment in moments.items() if moment is not None}
    return known | {"outputs": effect.outputs if effect.done else {}}


def render_effect(effect: Effect, words: Words) -> Effect:
    """The effect with every string field rendered, validated again."""
    content = {key: _render_value(value, words) for key, value in effect.model_dump(mode="json").items()}
    return type(effect).model_validate(content)


def names_actions(effect: Effect) -> bool:
    """Whether its words are only known when other actions have begun or are done. False for what does not parse."""
    text = effect.model_dump_json()
    if "actions" not in text or "{" not in text:
        return False
    return any(_ACTIONS in _undeclared(one) for _, one in texts(effect.model_dump(mode="json")))


def _undeclared(text: str) -> set[str]:
    try:
        return meta.find_undeclared_variables(_ENVIRONMENT.parse(text))
    except TemplateSyntaxError:
        return set()


def texts(value: JsonValue, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text within, with where it stands below `path`."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from texts(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from texts(inner, f"{path}[{at}]")


def _render_value(value: JsonValue, words: Words) -> JsonValue:
    if isinstance(value, str):
        return render(value, words)
    if isinstance(value, list):
        return [_render_value(one, words) for one in value]
    if isinstance(value, dict):
        return {key: _render_value(one, words) for key, one in value.items()}
    return value


def _whole_minutes(now: datetime, origin: datetime) -> timedelta:
    gap = now - origin
    return gap - gap % timedelta(minutes=1)
