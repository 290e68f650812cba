"""Templates: every variable is there or it is an error, and nothing but text comes out."""

from datetime import timedelta
from typing import Any

import pytest

from launch.effects.people import PostMessage, ScheduleMail
from launch.errors import PlanError
from launch.events import EffectBegun, EffectFinished, EffectResult, T0Slipped, WentLive
from launch.state import LaunchState
from launch.wording import render, render_effect, words_of
from tests.fakes import plans
from tests.fakes.agenda_player import Player
from tests.fakes.plans import T0


def words(**more: Any) -> dict[str, Any]:
    player = Player(plans.plan(launch_time={"t0": "Monday", "timezone": "Europe/Berlin"}))
    return words_of(player.plan, player.state, T0 - timedelta(seconds=90)) | more


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("as it is", "as it is"),
        ("{{ launch }} of {{ product }}", "cockpit-1 of Cockpit"),
        ("{{ release.version }}", "v1"),
        ("at {{ t0_clock }}", "at 08:00 CET"),
        ("{{ now_offset }}", "T-2m"),
        ("{{ t0 }}", "2026-12-07 07:00:00+00:00"),
        ("{% for one in issues %}- {{ one }}{% else %}none{% endfor %}", "none"),
        ("{a} % {b}", "{a} % {b}"),
        ("<b>{{ product }} & co</b>", "<b>Cockpit & co</b>"),
    ],
)
def test_a_template_is_filled(text: str, filled: str) -> None:
    assert render(text, words()) == filled


@pytest.mark.parametrize(
    "text",
    [
        "{{ nobody }}",
        "{{ release.services['gone'] }}",
        "{{ release.nothing }}",
        "{{ launch",
        "{% if launch %}",
        "{{ launch | shout }}",
        "{{ t0 + 1 }}",
        "{{ 1 / 0 }}",
        "{{ launch.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ issues.append(1) }}",
        "{{ launch.format(1).x }}",
        "{{ '%d' % 'x' }}",
    ],
)
def test_a_template_that_cannot_be_filled_is_one_sentence_with_its_text(text: str) -> None:
    with pytest.raises(PlanError) as caught:
        render(text, words())
    assert str(caught.value).startswith(f"the template {text[:60]!r} cannot be filled: ")


def test_words_of_actions_are_what_is_known_of_them() -> None:
    player = Player(plans.plan())
    begun = EffectBegun(action="clone", attempt=1, key="k")
    player.write(begun)
    at = player.now
    tries = "{{ actions['clone'].began_at.isoformat() }}", "{{ actions['clone'].outputs.address }}"
    assert render(tries[0], words_of(player.plan, player.state, at)) == at.isoformat()
    with pytest.raises(PlanError, match="address"):
        render(tries[1], words_of(player.plan, player.state, at))
    held = EffectFinished(action="clone", attempt=1, result=EffectResult.APPLIED, outputs={"address": "10.0.0.7"})
    player.write(held)
    assert render(tries[1], words_of(player.plan, player.state, at)) == "10.0.0.7"


def test_an_action_that_was_found_done_has_outputs_and_no_beginning() -> None:
    player = Player(plans.plan())
    player.write(EffectFinished(action="clone", attempt=1, result=EffectResult.ALREADY, outputs={"address": "a"}))
    words = words_of(player.plan, player.state, player.now)
    assert render("{{ actions.clone.outputs.address }}", words) == "a"
    with pytest.raises(PlanError, match="began_at"):
        render("{{ actions.clone.began_at }}", words)


def test_an_action_that_failed_gives_nothing() -> None:
    player = Player(plans.plan())
    player.write(EffectFinished(action="clone", attempt=1, result=EffectResult.FAILED, outputs={"address": "a"}))
    with pytest.raises(PlanError, match="address"):
        render("{{ actions.clone.outputs.address }}", words_of(player.plan, player.state, player.now))


def test_what_was_filled_in_is_not_a_template_itself() -> None:
    assert render("{{ reason }}", words(reason="{{ launch }}")) == "{{ launch }}"


@pytest.mark.parametrize(
    ("seconds", "label"),
    [(0, "T0"), (59, "T0"), (60, "T+1m"), (-1, "T-1m"), (-60, "T-1m"), (3_600, "T+1h")],
)
def test_the_offset_shows_whole_minutes(seconds: int, label: str) -> None:
    player = Player(plans.plan())
    assert words_of(player.plan, player.state, T0 + timedelta(seconds=seconds))["now_offset"] == label


def test_offsets_count_from_the_slipped_t0_and_then_from_the_actual_go_live() -> None:
    player = Player(plans.plan())
    player.write(T0Slipped(t0=T0 + timedelta(hours=1), by="ana", reason="fog"))
    assert words_of(player.plan, player.state, T0)["now_offset"] == "T-1h"
    player.now = T0 + timedelta(hours=2)
    player.write(WentLive())
    assert words_of(player.plan, player.state, T0 + timedelta(hours=3))["now_offset"] == "T+1h"


def test_a_launch_that_was_not_opened_has_no_words() -> None:
    with pytest.raises(ValueError, match="was not opened"):
        words_of(plans.plan(), LaunchState(), T0)


def test_every_text_of_an_effect_is_filled_and_the_rest_stays() -> None:
    mail = ScheduleMail(
        do="schedule-mail",
        on="mail",
        mailing="hello",
        to=("a@{{ product }}.io", "b@c.io"),
        subject="{{ release.version }}",
        text="{{ launch }}",
        send_at=timedelta(hours=1),
    )
    filled = render_effect(mail, words())
    assert isinstance(filled, ScheduleMail)
    assert filled.to == ("a@Cockpit.io", "b@c.io")
    assert (filled.subject, filled.text, filled.send_at) == ("v1", "cockpit-1", timedelta(hours=1))


def test_an_effect_whose_text_cannot_be_filled_is_refused_before_anything_happens() -> None:
    post = PostMessage(do="post-message", on="room", channel="launch", message="m", text="{{ gone }}")
    with pytest.raises(PlanError, match="'gone' is undefined"):
        render_effect(post, words())
