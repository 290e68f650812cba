"""Shares of a flag and flags switched off, over LaunchDarkly's semantic patches as the sandbox speaks them."""

from collections.abc import Iterator
from typing import Any

import pytest

from blocks.flags import FeatureFlags
from launch.effects.exposure import KillFlags, SetFlagShare
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import Standing
from tests.fakes.routed_world import RoutedWorld

ADDRESS = "feature-flags/sandbox-rollout-flags"
FLAG = "status-board-v2"
MEDIA = ("media-discovery", "media-sync", "media-playback")


@pytest.fixture
def world() -> Iterator[RoutedWorld]:
    with RoutedWorld().served() as world:
        yield world


@pytest.fixture
def block(world: RoutedWorld) -> Any:
    made = world.block(ADDRESS)
    assert isinstance(made, FeatureFlags)
    return made


def share(percent: float, cohort: str = "", flag: str = FLAG) -> SetFlagShare:
    return SetFlagShare(do="set-flag-share", on="flags", flag=flag, percent=percent, cohort=cohort)


def kill(*flags: str) -> KillFlags:
    return KillFlags(do="kill-flags", on="flags", flags=flags or MEDIA)


@pytest.mark.parametrize("percent", [0.001, 10, 30, 33.333, 50, 100])
def test_a_share_is_given_and_read_back(world, block, percent):
    seen = block.observe(share(percent), world.occasion)
    assert (seen.standing, seen.exposure) == (Standing.ABSENT, 0)
    block.apply(share(percent), world.occasion)
    seen = block.observe(share(percent), world.occasion)
    assert (seen.standing, seen.exposure) == (Standing.HOLDS, percent)
    assert world.product.sampled("app:exposure:percent", world.now)


def test_a_share_of_nothing_is_what_a_flag_that_is_off_gives(world, block):
    assert block.observe(share(0), world.occasion).standing is Standing.HOLDS


def test_a_share_moved_by_hand_shows_as_what_it_is(world, block):
    block.apply(share(10), world.occasion)
    world.world.set(f"flags.share.{FLAG}", 45)
    seen = block.observe(share(10), world.occasion)
    assert (seen.standing, seen.exposure) == (Standing.ABSENT, 45)


def test_what_users_are_told_apart_by_stays_when_the_share_grows(world, block):
    block.apply(share(10), world.occasion)
    before = block.observe(share(30), world.occasion).state[FLAG]["fallthrough"]["rollout"]
    block.apply(share(30), world.occasion)
    after = block.observe(share(30), world.occasion).state[FLAG]["fallthrough"]["rollout"]
    assert (after["bucketBy"], after["contextKind"]) == (before["bucketBy"], before["contextKind"])


def test_a_cohort_gets_it_and_nobody_else(world, block):
    effect = share(100, "internal-users")
    block.apply(effect, world.occasion)
    assert block.observe(effect, world.occasion).standing is Standing.HOLDS
    everybody = block.observe(share(0), world.occasion)
    assert (everybody.standing, everybody.exposure) == (Standing.HOLDS, 0)


def test_a_second_cohort_comes_beside_the_first(world, block):
    block.apply(share(100, "internal-users"), world.occasion)
    block.apply(share(50, "beta-users"), world.occasion)
    assert block.observe(share(100, "internal-users"), world.occasion).standing is Standing.HOLDS
    assert block.observe(share(50, "beta-users"), world.occasion).standing is Standing.HOLDS
    block.apply(share(100, "beta-users"), world.occasion)
    seen = block.observe(share(100, "beta-users"), world.occasion)
    assert seen.standing is Standing.HOLDS
    assert seen.exposure is None
    assert len(seen.state[FLAG]["rules"]) == 2


@pytest.mark.parametrize("before", [(), (share(30),), (share(100, "internal-users"), share(10))])
@pytest.mark.parametrize("effect", [share(50), share(100, "beta-users"), kill(FLAG, *MEDIA)])
def test_what_was_there_comes_back(world, block, before, effect):
    for earlier in before:
        block.apply(earlier, world.occasion)
    was = block.observe(effect, world.occasion)
    block.apply(effect, world.occasion)
    block.restore(effect, was.state, world.occasion)
    seen = block.observe_restored(effect, was.state, world.occasion)
    assert seen.standing is Standing.HOLDS
    assert seen.exposure == was.exposure


def test_a_restore_is_not_done_before_it_is(world, block):
    was = block.observe(share(50), world.occasion)
    block.apply(share(50), world.occasion)
    assert block.observe_restored(share(50), was.state, world.occasion).standing is Standing.ABSENT


def test_flags_are_killed_and_keep_their_shares(world, block):
    for flag in MEDIA:
        block.apply(share(100, flag=flag), world.occasion)
    seen = block.observe(kill(), world.occasion)
    assert (seen.standing, seen.exposure) == (Standing.ABSENT, 100)
    block.apply(kill(), world.occasion)
    seen = block.observe(kill(), world.occasion)
    assert (seen.standing, seen.exposure) == (Standing.HOLDS, 0)
    assert all(setting["fallthrough"]["variation"] == 0 for setting in seen.state.values())


def test_killing_twice_is_killing_once(world, block):
    block.apply(kill(), world.occasion)
    once = block.observe(kill(), world.occasion)
    block.apply(kill(), world.occasion)
    assert block.observe(kill(), world.occasion) == once


def test_one_flag_that_cannot_be_killed_keeps_no_other_alive(world, block):
    for flag in MEDIA:
        block.apply(share(100, flag=flag), world.occasion)
    world.world.set("flags.failing", MEDIA[1])
    with pytest.raises(TransientFaultError, match=f"switch flag {MEDIA[1]} off"):
        block.apply(kill(), world.occasion)
    seen = block.observe(kill(), world.occasion)
    assert seen.detail == f"still on: {MEDIA[1]}"


def test_a_flag_service_out_of_order_is_told_once_for_all_flags(world, block):
    world.world.set("vendor.flags", "500")
    with pytest.raises(TransientFaultError, match="3 of 3 times"):
        block.apply(kill(), world.occasion)


@pytest.mark.parametrize("effect", [share(10), kill()])
def test_a_flag_service_that_hangs_is_a_time_out(world, effect):
    world.world.set("vendor.flags", "hang")
    with pytest.raises(TransientFaultError, match="no answer in time"):
        world.block(ADDRESS, timeout_seconds=0.2).apply(effect, world.occasion)


def test_an_accepted_patch_without_effect_is_not_taken_for_one(world, block):
    world.world.set("flags.obeys", False)
    block.apply(share(10), world.occasion)
    assert block.observe(share(10), world.occasion).standing is Standing.ABSENT


def test_an_unknown_flag_is_one_sentence(world, block):
    with pytest.raises(PermanentFaultError, match="the state of flag ghost"):
        block.apply(share(10, flag="ghost"), world.occasion)


def test_a_record_without_settings_is_refused(world, block):
    with pytest.raises(PermanentFaultError, match="set the flag by hand"):
        block.restore(share(10), {FLAG: 3}, world.occasion)
