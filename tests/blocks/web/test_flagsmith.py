"""Flags of Flagsmith, whose API is the sandbox's; who gets them is what Flagsmith's own engine says."""

from collections.abc import Iterator
from typing import Any

import pytest
from flag_engine.engine import get_evaluation_result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.flagsmith import Flagsmith
from blocks.flagsmith_segments import Rule, Segment
from launch.effects.exposure import KillFlags, SetFlagShare
from launch.effects.web import SetFlag
from launch.errors import PermanentFaultError
from launch.ports import Standing
from launch.probes.web_edges import FlagSegment, FlagStates
from sandbox.parts.flagsmith import PILOTS, FlagsmithPart
from tests.fakes.observed_world import Observed
from tests.fakes.verbs import OCCASION

FLAG = "new-player"
MANY = [f"user-{number}" for number in range(400)]
GUESTS = ["guest-1", "guest-2"]


@pytest.fixture
def world() -> Iterator[Observed]:
    with Observed(FlagsmithPart()).served() as served:
        yield served


@pytest.fixture
def part(world: Observed) -> FlagsmithPart:
    (part,) = world.parts
    assert isinstance(part, FlagsmithPart)
    return part


@pytest.fixture
def block(world: Observed) -> Flagsmith:
    return world.block(Flagsmith)


def share(percent: float, cohort: str = "", flag: str = FLAG) -> SetFlagShare:
    return SetFlagShare(do="set-flag-share", on="flags", flag=flag, percent=percent, cohort=cohort)


def state(wanted: str, flag: str = FLAG) -> SetFlag:
    return SetFlag.model_validate({"do": "set-flag", "on": "flags", "flag": flag, "state": wanted})


def do(block: Flagsmith, *effects: Any) -> None:
    for effect in effects:
        block.apply(effect, OCCASION)
        assert block.observe(effect, OCCASION).standing is Standing.HOLDS


def gets(part: FlagsmithPart, who: str, flag: str = FLAG) -> bool:
    """As Flagsmith's engine has it, from what its API stores."""
    (feature,) = (key for key, one in part.features.items() if one["name"] == flag)

    def context(link: int | None) -> Any:
        return next(
            {"key": str(feature), "name": flag, "enabled": one["enabled"], "value": None}
            for one in part.states.values()
            if (one["feature"], one["feature_segment"], one["identity"]) == (feature, link, None)
        )

    segments = {
        str(key): {
            "key": str(key),
            "name": one["name"],
            "rules": one["rules"],
            "overrides": [
                {**context(link), "priority": found["priority"]}
                for link, found in part.links.items()
                if (found["feature"], found["segment"]) == (feature, key)
            ],
        }
        for key, one in part.segments.items()
    }
    asked: Any = {
        "environment": {"key": "sandboxEnvKey", "name": "Production"},
        "identity": {"identifier": who, "key": f"sandboxEnvKey_{who}", "traits": {"tenant": who}},
        "segments": segments,
        "features": {flag: context(None)},
    }
    return bool(get_evaluation_result(asked)["flags"][flag]["enabled"])


def having(part: FlagsmithPart, whom: list[str], flag: str = FLAG) -> set[str]:
    return {who for who in whom if gets(part, who, flag)}


def test_a_rollout_in_steps_keeps_those_who_have_it(block, part) -> None:
    before: set[str] = set()
    for percent in (10, 30, 50, 100):
        do(block, share(percent))
        assert block.observe(share(percent), OCCASION).exposure == percent
        now = having(part, MANY)
        assert before <= now
        assert len(now) == pytest.approx(4 * percent, abs=30)
        before = now
    do(block, share(0))
    assert having(part, MANY) == set()
    assert part.links == {}, "a split of 0 % still lets somebody in"
    do(block, share(30))
    assert having(part, MANY) < before


def test_the_same_identities_come_back_after_a_stop(block, part) -> None:
    do(block, share(30))
    first = having(part, MANY)
    do(block, share(0), share(30))
    assert having(part, MANY) == first


def test_a_cohort_gets_it_and_nobody_else(block, part) -> None:
    do(block, share(100, "guests"))
    assert having(part, [*MANY, *PILOTS, *GUESTS]) == set(GUESTS)
    do(block, share(0, "guests"))
    assert having(part, [*MANY, *PILOTS, *GUESTS]) == set()


def test_a_cohort_that_is_left_out_is_left_out_of_a_share_too(block, part) -> None:
    do(block, share(99), share(0, "guests"))
    assert having(part, GUESTS) == set()
    assert len(having(part, MANY)) > 350


def test_a_flag_that_is_on_but_for_a_cohort_is_not_on(block) -> None:
    do(block, state("on"), share(0, "guests"))
    seen = block.answer(FlagStates(ask="flag-states", of="flags", flags={"player": FLAG}), OCCASION)
    assert seen.values["player"].value == "mixed"
    assert block.observe(state("on"), OCCASION).standing is Standing.ABSENT


def test_a_flag_that_is_on_but_for_an_identity_is_not_on(block, part) -> None:
    part.add_identity(next(iter(part.features)), enabled=False)
    block.apply(state("on"), OCCASION)
    assert block.observe(state("on"), OCCASION).standing is Standing.ABSENT


def test_part_of_a_cohort_is_a_segment_of_its_own(block) -> None:
    with pytest.raises(PermanentFaultError, match=r"make a segment of 20 % of guests"):
        block.apply(share(20, "guests"), OCCASION)


@pytest.mark.parametrize("wanted", ["on", "off", "pilot-only"])
@pytest.mark.parametrize("earlier", ["on", "off", "pilot-only"])
def test_every_state_can_be_set_from_every_state(block, part, earlier, wanted) -> None:
    do(block, state(earlier), state(wanted))
    expected = {"on": {*PILOTS, *GUESTS}, "off": set(), "pilot-only": set(PILOTS)}[wanted]
    assert having(part, [*PILOTS, *GUESTS]) == expected
    seen = block.answer(FlagStates(ask="flag-states", of="flags", flags={"player": FLAG}), OCCASION)
    assert seen.values["player"].value == wanted


_STEPS = st.lists(
    st.one_of(
        st.sampled_from([0, 1, 25, 50, 99.5, 100]).map(share),
        st.tuples(st.sampled_from([0, 100]), st.sampled_from(["guests", "pilot-tenants"])).map(lambda one: share(*one)),
        st.sampled_from(["on", "off", "pilot-only"]).map(state),
    ),
    max_size=4,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=_STEPS, after=_STEPS)
def test_what_was_there_comes_back(block, part, before, after) -> None:
    whom = [*MANY[:60], *PILOTS, *GUESTS]
    for effect in before:
        block.apply(effect, OCCASION)
    recorded, had = block.observe(share(100), OCCASION).state, having(part, whom)
    for effect in after:
        block.apply(effect, OCCASION)
    block.restore(share(100), recorded, OCCASION)
    assert block.observe_restored(share(100), recorded, OCCASION).standing is Standing.HOLDS
    assert having(part, whom) == had


@pytest.mark.parametrize("before", [(share(0),), (share(30),), (share(100, "guests"), share(20))])
def test_two_undos_of_one_flag_at_the_same_moment_do_not_fail_each_other(block, part, monkeypatch, before) -> None:
    """As when two steps of a rollout are taken back side by side: both have read what only one of them finds to do."""
    do(block, *before)
    recorded = block.observe(share(0), OCCASION).state
    do(block, share(0), share(0, "pilot-tenants"), share(50) if before == (share(0),) else share(100))
    read = block._setting(FLAG)
    block.restore(share(0), recorded, OCCASION)
    settled, links = block.observe(share(0), OCCASION), len(part.links)
    late = [read]
    fresh = Flagsmith._setting
    monkeypatch.setattr(Flagsmith, "_setting", lambda self, flag: late.pop() if late else fresh(self, flag))
    block.restore(share(0), recorded, OCCASION)
    assert late == []
    assert block.observe(share(0), OCCASION) == settled
    assert len(part.links) == links


def test_all_flags_are_killed_for_single_identities_too_and_twice_is_once(block, part) -> None:
    kill = KillFlags(do="kill-flags", on="flags", flags=(FLAG, "offline-mode"))
    alone = part.add_identity(next(iter(part.features)), enabled=True)
    do(block, share(50), share(100, "guests"), state("on", "offline-mode"))
    before = block.observe(kill, OCCASION)
    assert before.standing is Standing.ABSENT
    do(block, kill, kill)
    assert having(part, [*MANY, *GUESTS]) == set()
    assert part.states[alone]["enabled"] is False
    assert block.observe(kill, OCCASION).exposure == 0
    block.restore(kill, before.state, OCCASION)
    assert block.observe_restored(kill, before.state, OCCASION).standing is Standing.HOLDS
    assert part.states[alone]["enabled"] is True


def test_a_flag_that_stays_as_it_is_is_seen(block, world) -> None:
    world.world.set("flagsmith.stuck", True)
    block.apply(state("on"), OCCASION)
    assert block.observe(state("on"), OCCASION).standing is Standing.ABSENT


def test_two_shares_are_nothing_one_can_tell_and_are_made_one(block, part) -> None:
    do(block, share(30))
    other = part.add_segment("half", [{"operator": "PERCENTAGE_SPLIT", "property": "", "value": "50"}])
    block.apply(share(100, "half"), OCCASION)
    assert block.observe(share(30), OCCASION).standing is Standing.ABSENT
    assert "nobody can tell" in block.observe(share(30), OCCASION).detail
    do(block, share(30))
    assert other not in {one["segment"] for one in part.links.values()}


def test_tenants_in_the_pilot_segment_count(block) -> None:
    do(block, state("pilot-only"))
    asked = FlagSegment(ask="flag-segment", of="flags", flag=FLAG, tenants=(*PILOTS, "somebody"))
    assert block.answer(asked, OCCASION).values["tenants_enabled"].value == len(PILOTS)


def test_flags_are_found_on_later_pages_and_by_their_whole_name(block, part) -> None:
    for number in range(12):
        part.add_flag(f"player-{number}")
    part.add_flag("player")
    for number in range(12):
        part.add_segment(f"other-{number}", [{"operator": "EQUAL", "property": "x", "value": "y"}])
    late = part.add_segment("late", [{"operator": "EQUAL", "property": "tenant", "value": "user-1"}])
    do(block, share(100, "late", flag="player"))
    assert late in {one["segment"] for one in part.links.values()}
    assert having(part, MANY, "player") == {"user-1"}
    assert having(part, MANY, "player-1") == set()


@pytest.mark.parametrize(
    ("knob", "value", "told"),
    [("versioned", True, r"feature versioning \(v2\)"), ("approvals", 0, "by change request only")],
)
def test_environments_that_cannot_be_changed_so_are_found_before_the_launch(block, world, knob, value, told) -> None:
    assert block.check() == "Flagsmith shows environment Production of project 7"
    world.world.set(f"flagsmith.{knob}", value)
    with pytest.raises(PermanentFaultError, match=told):
        block.check()


@pytest.mark.parametrize(
    ("effect", "told"), [(share(10, flag="gone"), "flag gone"), (share(100, "nobody"), "segment nobody")]
)
def test_names_that_are_not_there(block, effect, told) -> None:
    with pytest.raises(PermanentFaultError, match=told):
        block.apply(effect, OCCASION)


def test_a_record_that_is_no_setting_is_refused(block) -> None:
    with pytest.raises(PermanentFaultError, match="not a setting of a flag"):
        block.restore(share(10), {FLAG: "on"}, OCCASION)


def segment(*rules: dict[str, Any], kind: str = "ALL") -> Segment:
    return Segment(id=1, name="s", rules=(Rule.model_validate({"type": kind, "rules": list(rules)}),))


SPLIT = {"operator": "PERCENTAGE_SPLIT", "property": "", "value": "20"}
ACME = {"operator": "EQUAL", "property": "tenant", "value": "acme"}
AMONG = {"operator": "IN", "property": "tenant", "value": "acme, globex"}


@pytest.mark.parametrize(
    ("found", "share", "for_all", "members"),
    [
        (segment({"type": "ANY", "conditions": [SPLIT]}), 20, True, None),
        (segment({"type": "ANY", "conditions": [ACME]}), 100, False, {"acme"}),
        (segment({"type": "ANY", "conditions": [AMONG]}), 100, False, {"acme", "globex"}),
        (segment({"type": "ANY", "conditions": [ACME]}, {"type": "ANY", "conditions": [SPLIT]}), 20, False, None),
        (segment({"type": "ANY", "conditions": [ACME, SPLIT]}), None, False, None),
        (segment({"type": "NONE", "conditions": [ACME]}), 100, False, None),
        (segment({"type": "NONE", "conditions": [SPLIT]}), None, True, None),
        (segment({"type": "ALL", "conditions": [ACME, {**ACME, "value": "globex"}]}), 100, False, None),
        (segment({"type": "ANY", "conditions": [{**SPLIT, "value": "many"}]}), None, True, None),
        (segment(), 100, False, None),
    ],
)
def test_what_a_segment_says(found: Segment, share: float | None, for_all: bool, members: set[str] | None) -> None:  # noqa: FBT001
    assert (found.share, found.for_all, found.members) == (share, for_all, members)
