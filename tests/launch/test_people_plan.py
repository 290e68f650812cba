"""Probes and effects of people and words: what a plan may write, and what it may not."""

import pytest
from pydantic import TypeAdapter, ValidationError

from launch.effects import Effect
from launch.probes import Probe

PROBE, EFFECT = TypeAdapter(Probe), TypeAdapter(Effect)


def test_probe_without_mapping_names_its_metrics():
    probe = PROBE.validate_python({"ask": "oncall-rota", "of": "pager", "schedules": ["primary"]})
    assert probe.metrics() == {"published_ahead"}


def test_probe_with_mapping_takes_its_metrics_from_the_plan():
    probe = PROBE.validate_python({"ask": "escalation-response", "of": "pager", "policies": {"response_p0": "P0"}})
    assert probe.metrics() == {"response_p0", "rungs_unstaffed"}


@pytest.mark.parametrize(
    "entry",
    [
        {"ask": "oncall-rota", "of": "pager", "schedules": []},
        {"ask": "escalation-response", "of": "pager", "policies": {}},
        {"ask": "wiki-page", "of": "wiki", "title": "x", "mentions": []},
        {"ask": "chat-room", "of": "chat", "channel": "x", "link": "y", "unknown": 1},
        {"ask": "public-maintenance", "of": "page", "start": "soon", "end": "T0"},
    ],
)
def test_question_that_asks_nothing_is_refused(entry):
    with pytest.raises(ValidationError):
        PROBE.validate_python(entry)


@pytest.mark.parametrize(
    "entry",
    [
        {"do": "send-mail", "on": "mail", "mailing": "m", "to": [], "subject": "s", "text": "t"},
        {"do": "set-status", "on": "page", "state": "broken", "title": "t", "text": "x"},
        {
            "do": "schedule-mail",
            "on": "mail",
            "mailing": "m",
            "to": ["a@b"],
            "subject": "s",
            "text": "t",
            "send_at": "1h",
        },
        {"do": "post-message", "on": "chat", "channel": "c", "text": "t"},
    ],
)
def test_effect_without_a_state_to_reach_is_refused(entry):
    with pytest.raises(ValidationError):
        EFFECT.validate_python(entry)
