"""What a plan needs its systems for, and which kinds of systems can give it."""

import pytest

from launch.plan_file import load_plan
from launch.uses import Use, Way, misfit, uses
from tests.fakes.systems import Database, Flags, Metrics, Room

ASKED = Use(system="database", path="checks[0].probes[0]", way=Way.ASKED, word="replication")
CHANGED = Use(system="flags", path="actions[0].effect", way=Way.CHANGED, word="set-flag")
ROUTED = Use(system="flags", path="rollout.router", way=Way.CHANGED)
SAMPLED = Use(system="metrics", path="thresholds[0].query.of", way=Way.SAMPLED)
POSTED = Use(system="room", path="comms.channels[0]", way=Way.CHAT)


def test_every_place_of_a_plan_that_needs_a_system_is_a_use(small_plan) -> None:
    found = [(use.system, use.path, use.way, use.word) for use in uses(load_plan(small_plan.read_text()).plan)]
    assert found == [
        ("database", "checks[0].probes[0]", Way.ASKED, "replication"),
        ("room", "actions[0].effect", Way.CHANGED, "post-message"),
        ("room", "actions[1].effect", Way.CHANGED, "post-message"),
        ("room", "actions[2].effect", Way.CHANGED, "post-message"),
        ("room", "comms.channels[0]", Way.CHAT, ""),
    ]


@pytest.mark.parametrize(
    ("use", "kind"), [(ASKED, Database), (CHANGED, Flags), (ROUTED, Flags), (SAMPLED, Metrics), (POSTED, Room)]
)
def test_a_system_that_knows_the_verb_and_the_word_fits(use, kind) -> None:
    assert misfit(use, kind) == ""


@pytest.mark.parametrize(
    ("use", "kind", "sentence"),
    [
        (ASKED, Metrics, "checks[0].probes[0] needs a system that can be asked, which a Metrics cannot"),
        (
            ASKED.model_copy(update={"word": "metric"}),
            Database,
            "checks[0].probes[0] needs 'metric', which a Database does not know; it knows replication",
        ),
        (CHANGED, Room, "actions[0].effect needs 'set-flag', which a Room does not know; it knows post-message"),
        (ROUTED, Metrics, "rollout.router needs a system that can be changed, which a Metrics cannot"),
        (SAMPLED, Room, "thresholds[0].query.of needs a system that can be sampled for a guard, which a Room cannot"),
        (POSTED, Flags, "comms.channels[0] needs a system that can be posted to, which a Flags cannot"),
    ],
)
def test_another_system_is_told_with_the_place_that_needs_it(use, kind, sentence) -> None:
    assert misfit(use, kind) == sentence


@pytest.mark.parametrize("way", Way)
def test_every_way_is_the_verb_of_a_port(way) -> None:
    from launch import ports

    assert any(hasattr(port, way.verb) for port in vars(ports).values() if isinstance(port, type))
