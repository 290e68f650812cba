"""What is recorded before the first change, what that keeps from beginning, and what an undo takes from it."""

from datetime import datetime, timedelta

from launch.events import EffectBegun, EffectFinished, EffectResult, Outcome, SnapshotTaken
from launch.snapshot import recorded_state
from launch.status import status
from tests.fakes import plans
from tests.fakes.agenda_player import Player, play
from tests.fakes.agenda_world import World
from tests.fakes.plans import T0
from tests.fakes.undoing import happened

MINUTE = timedelta(minutes=1)


def snapshots(player: Player) -> list[SnapshotTaken]:
    return [one.event for one in player.records if isinstance(one.event, SnapshotTaken)]


def test_everything_that_will_be_changed_is_recorded_once_right_before_the_first_change() -> None:
    actions = [
        plans.action("prepare", "T-50m", role="prepares"),
        plans.action("first"),
        plans.action("second", "T-5m"),
        plans.action("late", "T+1h", phase="watch"),
    ]
    player = play(plans.plan(actions=actions))
    kinds = [one for one in player.records if isinstance(one.event, SnapshotTaken | EffectBegun)]
    assert [type(one.event).__name__ for one in kinds] == ["EffectBegun", "SnapshotTaken"] + ["EffectBegun"] * 3
    assert kinds[1].at == T0 - 30 * MINUTE
    assert set(snapshots(player)[0].states) == {"first", "second", "late"}


def test_a_plan_that_changes_nothing_records_nothing() -> None:
    assert snapshots(play(plans.plan(actions=[plans.action("prepare", role="prepares")]))) == []


def unseen_before(*names: str, until: datetime = T0 + timedelta(days=9)) -> World:
    return World(unseen=lambda action, now: action in names and now < until)


def test_a_change_whose_own_target_was_not_seen_does_not_begin_and_says_so() -> None:
    player = play(plans.plan(actions=[plans.action("first")]), unseen_before("first"))
    assert player.begins() == []
    assert player.state.effect("first").result is EffectResult.FAILED
    assert player.state.effect("first").attempt == 2
    assert player.state.outcome is not Outcome.LIVE


def test_what_was_not_seen_is_looked_at_again_while_nobody_has_changed_its_system() -> None:
    world = unseen_before("first", until=T0 - 30 * MINUTE + timedelta(seconds=5))
    player = play(plans.plan(actions=[plans.action("first")]), world)
    assert player.state.outcome is Outcome.LIVE
    assert [set(one.states) for one in snapshots(player)] == [set(), {"first"}]
    assert player.begins() == ["first"]


def test_what_is_seen_after_its_system_was_changed_is_not_what_was_there_before() -> None:
    """Both are flags: once `first` has begun, `second` cannot be recorded any more."""
    world = unseen_before("second", until=T0 - 10 * MINUTE)
    player = play(plans.plan(actions=[plans.action("first"), plans.action("second", "T-5m")]), world)
    assert len(snapshots(player)) == 1
    assert "second" not in player.begins()
    player = Player(player.plan, unseen_before("second")).play(until=T0 - 10 * MINUTE)
    told = "second does not begin: what was there before could not be recorded: 503"
    assert told in status(player.plan, player.state, player.now).blocks


def test_a_launch_that_changed_something_without_a_snapshot_takes_none_any_more() -> None:
    player = Player(plans.plan(actions=[plans.action("first"), plans.action("second", "T-5m")]))
    player.write(*happened("first", "applied"))
    assert snapshots(player.play()) == []


def test_an_undo_takes_its_target_from_the_snapshot_and_else_from_what_its_action_found() -> None:
    plan = plans.plan(actions=[plans.action("first"), plans.action("second")])
    player = Player(plan)
    player.write(SnapshotTaken(states={"first": {"state": "off"}}))
    for name in ("first", "second"):
        player.write(EffectBegun(action=name, attempt=1, key="k", before={"state": "10 %"}))
        player.write(EffectFinished(action=name, attempt=1, result=EffectResult.APPLIED))
    assert recorded_state(player.state, "first") == {"state": "off"}
    assert recorded_state(player.state, "second") == {"state": "10 %"}


def test_what_only_other_actions_can_name_is_not_in_the_snapshot_and_begins_all_the_same() -> None:
    effect = {"do": "set-flag", "on": "flags", "flag": "{{ actions['first'].outputs.flag }}", "state": "on"}
    second = plans.action("second", "T-5m", after=["first"], effect=effect)
    player = Player(plans.plan(actions=[plans.action("first"), second])).play(until=T0)
    (taken,) = snapshots(player)
    assert "first" in taken.states
    assert "second" not in {*taken.states, *taken.missing}
    assert "second" in player.begins()


def test_what_was_recorded_first_stays() -> None:
    player = Player(plans.plan(actions=[plans.action("first"), plans.action("second")]))
    player.write(SnapshotTaken(states={"first": {"state": "off"}}, missing={"second": "503", "disk": "503"}))
    player.write(SnapshotTaken(states={"first": {"state": "on"}, "second": {"state": "off"}}))
    assert player.state.snapshot is not None
    assert player.state.snapshot.states == {"first": {"state": "off"}, "second": {"state": "off"}}
    assert player.state.snapshot.missing == {"disk": "503"}
