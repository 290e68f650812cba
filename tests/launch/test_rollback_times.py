"""The two durations of a rollback, as the report tells them: from the claim to service, and to the last word."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from launch import acts
from launch.report_rollback import rollback_section
from launch.rollback_times import Took, rollback_times
from tests.fakes import plans
from tests.fakes.agenda_player import LAUNCH, Player
from tests.fakes.agenda_world import Manner, World
from tests.fakes.plans import T0
from tests.fakes.undoing import happened

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("took", "within", "over"),
    [
        (MINUTE, 2 * MINUTE, None),
        (2 * MINUTE, 2 * MINUTE, None),
        (3 * MINUTE, 2 * MINUTE, MINUTE),
        (None, 2 * MINUTE, None),
        (3 * MINUTE, None, None),
    ],
)
def test_a_duration_is_held_against_its_budget_where_there_are_both(took, within, over) -> None:
    assert Took(took, within).over == over


def test_both_durations_are_measured_from_the_claim_against_the_procedure_that_ran() -> None:
    gentle = plans.procedure(["rb-a"], [], ["rb-say"], name="gentle", restore_within="2m", complete_within="10m")
    plan = plans.plan(
        actions=[
            plans.action("a", undo={"how": "by-action", "action": "rb-a"}),
            plans.undoing("rb-a", poll="30s"),
            plans.undoing("rb-say", integration=["slack"], poll="30s"),
        ],
        procedures=[plans.procedure(), gentle],
    )
    manners = {"rb-a": Manner(takes=3 * MINUTE), "rb-say": Manner(takes=MINUTE)}
    player = Player(plan, World(manners=manners))
    player.write(*happened("a", "applied"))
    player.now = T0 - 30 * MINUTE
    acts.claim_rollback(
        player.ledger,
        LAUNCH,
        trigger="captain",
        tier="urgent",
        by="ana",
        procedure="gentle",
        at=player.now,
        wall=player.now,
    )
    player.refresh()
    player.play()
    assert player.state.rollback is not None
    times = rollback_times(plan, player.state.rollback)
    assert times.procedure == "gentle"
    assert times.restored == Took(3 * MINUTE, 2 * MINUTE)
    assert times.complete == Took(4 * MINUTE, 10 * MINUTE)
    told = "\n".join(rollback_section(plan, player.state, player.records, ZoneInfo("UTC")))
    assert "| Procedure | gentle |" in told
    assert "| Service restored after | 3m (1m over 2m) |" in told
    assert "| Complete after | 4m (within 10m) |" in told
