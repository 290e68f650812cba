"""An alarm is written once, holds what must not rise, and is tried until it gets through, on each channel for itself.

As input: an open launch whose plan has a pager and a chat; as output we check the ledger and what reached the two.
"""

from launch.events import AlarmRaised, ExposureHeld, MessageSent
from tests.fakes.standing import BEGUN, FORM, Beeper, Standing


def test_an_alarm_reaches_pager_and_war_room_once_however_often_it_is_raised() -> None:
    standing = Standing()
    for _ in range(3):
        standing.alarm()
    (page,) = standing.beeper.incidents.values()
    assert page.startswith("cockpit-1: countdown has no process. Nothing advances meanwhile")
    assert len(standing.room.told) == 1
    assert (len(standing.records(AlarmRaised)), len(standing.records(MessageSent))) == (1, 2)


def test_a_pager_that_was_down_is_tried_again_and_the_war_room_is_not() -> None:
    standing = Standing(beeper=Beeper(down=True))
    standing.alarm()
    assert (standing.beeper.incidents, len(standing.room.told)) == ({}, 1)
    standing.beeper.down = False
    standing.alarm()
    assert (len(standing.beeper.incidents), len(standing.room.told)) == (1, 1)
    assert len(standing.records(AlarmRaised)) == 1


def test_another_alarm_is_another_page() -> None:
    standing = Standing()
    standing.alarm("countdown/process/1")
    standing.alarm("countdown/process/2")
    assert len(standing.beeper.incidents) == 2


def test_before_the_first_change_nothing_is_held() -> None:
    standing = Standing()
    standing.alarm()
    assert standing.records(ExposureHeld) == []


def test_a_rollout_that_nobody_watches_is_held_once_and_both_channels_say_the_ways_out() -> None:
    standing = Standing()
    standing.write(*BEGUN)
    for _ in range(2):
        standing.alarm()
    kinds = [type(record.event) for record in standing.ledger.records(standing.id)]
    assert kinds[3:] == [ExposureHeld, AlarmRaised, MessageSent, MessageSent]
    (page,) = standing.beeper.incidents.values()
    assert "tminus hold --exposure --lift --launch cockpit-1 --by YOU" in page
    assert f"tminus rollback cockpit-1 --by YOU --reason WHY, or {FORM}" in page
    assert list(standing.room.posts.values()) == [page]


def test_an_alarm_that_leaves_the_product_watched_holds_nothing() -> None:
    standing = Standing()
    standing.write(*BEGUN)
    standing.alarm("countdown/PostUpdate/status", unwatched=False)
    assert (len(standing.records(AlarmRaised)), standing.records(ExposureHeld)) == (1, [])
