"""What a rollback needs before it acts: kill switches nothing, steps their checks and approvals, all of it its age."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from launch import acts
from launch.events import EffectBegun, GateOpened, Outcome, ServiceRestored, WentLive
from launch.plan import Plan
from launch.verdicts import Verdict
from tests.fakes import plans
from tests.fakes.agenda_player import LAUNCH, Player
from tests.fakes.agenda_world import Manner, Vote, World
from tests.fakes.plans import T0
from tests.fakes.undoing import happened

PASS, FAIL, UNCLEAR, ERROR = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR
MINUTE = timedelta(minutes=1)
AT_ONCE = timedelta(0)
DONE = ("flag", "deploy", "migrate", "announce")


def gate(name: str, **more: Any) -> plans.Item:
    seats = [{"role": "captain", "signs": True}]
    return plans.gate(name, None, phase="back", criteria=[], seats=seats, on_no_go="hold", window="10m", **more)


def step(n: int, *actions: str, **more: Any) -> plans.Item:
    return {"n": n, "what": f"step {n}", "actions": list(actions)} | more


def deployed(*steps: plans.Item, procedure: plans.Item | None = None, **more: Any) -> Plan:
    """A flag, a deployment, a migration on it and an announcement, each taken back by an action of its own."""
    undone = {name: {"how": "by-action", "action": f"rb-{name}"} for name in DONE}
    fields: dict[str, Any] = {
        "actions": [
            plans.action("deploy", undo=undone["deploy"]),
            plans.action("migrate", after=["deploy"], undo=undone["migrate"]),
            plans.action("flag", undo=undone["flag"]),
            plans.telling("announce", undo=undone["announce"]),
            *(plans.undoing(f"rb-{name}") for name in ("flag", "deploy", "migrate")),
            plans.undoing("rb-announce", integration=["slack"]),
        ],
        "checks": [plans.check(name, None, phase="back") for name in ("ready", "backup", "target")],
        "gates": [gate("drop"), gate("late"), gate("sicker")],
        "procedures": [{"id": "full", "title": "Full", "steps": steps} | (procedure or {})],
    }
    return plans.plan(**(fields | more))


def taken_back(
    plan: Plan,
    world: World | None = None,
    *,
    age: timedelta = MINUTE,
    procedure: str = "",
    done: Sequence[str] = DONE,
) -> Player:
    """The rollback of what was done, claimed so long after going live and played to its end."""
    player = Player(plan, world)
    player.now = T0
    player.write(*(event for action in done for event in happened(action, "applied")), WentLive())
    return claimed(player, T0 + age, procedure)


def claimed(player: Player, at: datetime, procedure: str = "") -> Player:
    player.now = at
    acts.claim_rollback(
        player.ledger,
        LAUNCH,
        trigger="captain",
        tier="urgent",
        by="ana",
        procedure=procedure,
        at=at,
        wall=at,
    )
    player.refresh()
    return player.play()


def began(player: Player) -> dict[str, timedelta]:
    """How long after the claim each step of the rollback began."""
    assert player.state.rollback is not None
    claimed = player.state.rollback.claimed_at
    return {
        name: begun - claimed
        for name in player.state.effects
        if name.startswith("rb-") and (begun := player.begun(name)) is not None
    }


def residue(player: Player) -> list[str]:
    assert player.state.rollback is not None
    assert player.state.outcome is player.state.rollback.outcome
    assert (player.state.outcome is Outcome.PARTIAL) is bool(player.state.rollback.residue)
    return list(player.state.rollback.residue)


def moments(player: Player, kind: type) -> list[datetime]:
    return [record.at for record in player.records if isinstance(record.event, kind)]


NOBODY: dict[str, Any] = {"drop": [], "late": [], "sicker": []}
REFUSED = {name: [Vote("ana", "captain", "NO-GO", "not now", after=2 * MINUTE)] for name in NOBODY}
ALLOWED = {name: [Vote("ana", "captain", after=2 * MINUTE)] for name in NOBODY}

# --- kill switches ----------------------------------------------------------------------------------------------------

SWITCH = step(1, "rb-flag", kill_switch=True)
WORK = step(2, "rb-migrate", "rb-deploy")


def test_a_kill_switch_is_tried_before_anything_else_begins() -> None:
    player = taken_back(deployed(WORK | {"n": 1}, SWITCH | {"n": 2}))
    begun = [record.event.action for record in player.records if isinstance(record.event, EffectBegun)]
    assert [name for name in begun if name.startswith("rb-") and name != "rb-announce"] == [
        "rb-flag", "rb-migrate", "rb-deploy",
    ]  # fmt: skip


def test_a_kill_switch_that_fails_holds_up_nothing_and_is_tried_again() -> None:
    player = taken_back(deployed(SWITCH, WORK), World(manners={"rb-flag": Manner(fails=9)}))
    assert began(player)["rb-migrate"] == AT_ONCE
    assert player.begins().count("rb-flag") == 2
    assert residue(player) == ["flag: undo rb-flag failed"]


@pytest.mark.parametrize("votes", [NOBODY, REFUSED])
def test_a_kill_switch_waits_for_no_window_and_no_health_and_no_approval(votes) -> None:
    plan = deployed(
        SWITCH | {"approval": "drop", "requires": ["ready"]},
        WORK,
        procedure={"healthier": ["target"], "if_sicker": "sicker"},
        rollback={"window": [{"start": "T0", "what": "always late", "approval": "late"}]},
    )
    player = taken_back(plan, World(votes=votes, verdicts={"target": [FAIL], "ready": [FAIL]}))
    assert set(began(player)) == {"rb-flag", "rb-announce"}
    assert set(began(player).values()) == {AT_ONCE}
    assert len(residue(player)) == 2


# --- checks and approvals of a step -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "begins"),
    [
        ([PASS], AT_ONCE),
        ([FAIL, PASS], MINUTE),
        ([ERROR, UNCLEAR, PASS], 2 * MINUTE),
        ([FAIL], None),
        ([UNCLEAR], None),
        ([ERROR], None),
    ],
)
def test_a_step_begins_when_what_it_requires_passes_or_is_left(answers, begins) -> None:
    plan = deployed(step(1, "rb-migrate", requires=["ready"]), step(2, "rb-deploy"))
    player = taken_back(plan, World(verdicts={"ready": answers}))
    assert began(player).get("rb-migrate") == begins
    left = [f"migrate: undo rb-migrate left; ready did not pass: it is {answers[-1].value}"]
    assert residue(player) == ([] if begins is not None else left)
    assert began(player)["rb-flag"] == AT_ONCE
    assert "rb-deploy" in player.held()


def test_an_answer_from_before_the_rollback_lets_nothing_through() -> None:
    plan = deployed(step(1, "rb-migrate", requires=["near"]), checks=[plans.check("near", "T-50m", phase="countdown")])
    player = Player(plan, World(verdicts={"near": [PASS, FAIL]})).play(T0 - 20 * MINUTE)
    assert player.state.check("near").verdict is PASS
    claimed(player, player.now)
    assert residue(player) == ["migrate: undo rb-migrate left; near did not pass: it is fail"]


@pytest.mark.parametrize(
    ("silent", "vouching", "why"),
    [
        (set(), PASS, None),
        (set(), FAIL, "seen: ana vouches against it"),
        ({"seen"}, PASS, "seen: nobody vouched for it in time"),
    ],
)
def test_what_people_have_to_vouch_for_is_waited_for_and_not_for_ever(silent, vouching, why) -> None:
    plan = deployed(
        step(1, "rb-migrate", requires=["seen"]),
        checks=[plans.check("seen", None, phase="back", mode="attested")],
    )
    player = taken_back(plan, World(silent=silent, vouching=vouching))
    assert residue(player) == ([f"migrate: undo rb-migrate left; {why}"] if why else [])
    assert moments(player, ServiceRestored)[0] <= T0 + MINUTE + 15 * MINUTE


@pytest.mark.parametrize(
    ("votes", "begins", "why"),
    [
        (ALLOWED, 2 * MINUTE, None),
        (REFUSED, None, "drop said NO-GO: ana (captain): not now"),
        (NOBODY, None, "drop said NO-GO: deadline passed undecided: no ballot from captain"),
    ],
)
def test_a_point_of_no_return_needs_its_own_go_and_the_other_steps_go_on(votes, begins, why) -> None:
    plan = deployed(step(1, "rb-migrate", approval="drop"), step(2, "rb-deploy"))
    player = taken_back(plan, World(votes=votes))
    assert began(player).get("rb-migrate") == begins
    assert residue(player) == ([f"migrate: undo rb-migrate left; {why}"] if why else [])
    assert began(player)["rb-flag"] == AT_ONCE


@pytest.mark.parametrize(
    "outcome", [{"at_deadline": "hold"}, {"at_deadline": "extend", "extend_by": "5m", "extensions": 2}]
)
def test_whatever_a_gate_becomes_at_its_deadline_the_rollback_ends(outcome) -> None:
    plan = deployed(step(1, "rb-migrate", approval="drop"), gates=[gate("drop", **outcome)])
    player = taken_back(plan, World(votes=NOBODY))
    assert player.state.outcome is Outcome.PARTIAL
    assert len(moments(player, GateOpened)) == 1


def test_the_checks_of_a_step_are_asked_before_its_approval_is() -> None:
    plan = deployed(step(1, "rb-migrate", requires=["ready"], approval="drop"))
    failed = taken_back(plan, World(verdicts={"ready": [FAIL]}, votes=NOBODY))
    assert moments(failed, GateOpened) == []
    later = taken_back(plan, World(verdicts={"ready": [FAIL, PASS]}, votes=ALLOWED))
    assert began(later)["rb-migrate"] == 3 * MINUTE


def test_an_approval_shows_what_its_criteria_found() -> None:
    shown = gate("drop") | {"criteria": [{"what": "the backup is there", "checks": ["backup"]}]}
    plan = deployed(step(1, "rb-migrate", approval="drop"), gates=[shown])
    assert residue(taken_back(plan, World(votes=ALLOWED))) == []
    failed = taken_back(plan, World(votes=ALLOWED, verdicts={"backup": [FAIL]}))
    assert began(failed).get("rb-migrate") is None
    assert moments(failed, GateOpened) == [T0 + MINUTE]


def test_a_held_step_waits_after_what_comes_before_it() -> None:
    plan = deployed(
        step(1, "rb-flag"),
        step(2, "rb-migrate", hold="5m"),
        step(3, "rb-deploy", hold="5m"),
        procedure={"order": "as-printed"},
    )
    begun = began(taken_back(plan))
    assert (begun["rb-flag"], begun["rb-migrate"], begun["rb-deploy"]) == (AT_ONCE, 5 * MINUTE, 10 * MINUTE)


# --- age and health ---------------------------------------------------------------------------------------------------

LATE = {"start": "T+24h", "end": "T+72h", "what": "Mind the migrations", "approval": "late", "checks": ["backup"]}
LAST = {"start": "T+72h", "what": "Data may have to be migrated", "checks": ["ready", "backup"]}
HOURS = timedelta(hours=1)


@pytest.mark.parametrize(
    ("age", "asked"),
    [
        (HOURS, []),
        (24 * HOURS - MINUTE, []),
        (24 * HOURS, ["backup"]),
        (72 * HOURS - MINUTE, ["backup"]),
        (72 * HOURS, ["ready", "backup"]),
        (500 * HOURS, ["ready", "backup"]),
    ],
)
def test_what_a_rollback_needs_depends_on_how_long_the_product_has_been_live(age: timedelta, asked) -> None:
    plan = deployed(WORK, rollback={"window": [{"start": "T0", "end": "T+24h", "what": "Fast"}, LATE, LAST]})
    player = taken_back(plan, World(votes=ALLOWED), age=age)
    assert player.world.asked[: len(asked)] == asked
    assert len(moments(player, GateOpened)) == (24 * HOURS <= age < 72 * HOURS)
    assert residue(player) == []


@pytest.mark.parametrize(
    ("world", "why"),
    [
        (World(votes=REFUSED), "late said NO-GO: ana (captain): not now"),
        (World(votes=NOBODY), "late said NO-GO: deadline passed undecided: no ballot from captain"),
        (World(votes=ALLOWED, verdicts={"backup": [FAIL]}), "backup did not pass: it is fail"),
    ],
)
def test_a_rollback_that_is_too_late_is_refused_and_everything_that_stays_is_named(world: World, why: str) -> None:
    plan = deployed(SWITCH, WORK, rollback={"window": [LATE]})
    player = taken_back(plan, world, age=30 * HOURS)
    assert residue(player) == [f"{name}: undo rb-{name} left; {why}" for name in ("deploy", "migrate")]
    assert {"rb-flag", "rb-announce"} <= player.held()
    assert moments(player, ServiceRestored) == []


@pytest.mark.parametrize(
    ("verdict", "votes", "begins"),
    [
        (PASS, NOBODY, AT_ONCE),
        (FAIL, ALLOWED, 2 * MINUTE),
        (UNCLEAR, ALLOWED, 2 * MINUTE),
        (ERROR, REFUSED, None),
        (FAIL, NOBODY, None),
    ],
)
def test_a_sicker_target_needs_a_person(verdict: Verdict, votes, begins) -> None:
    plan = deployed(WORK, procedure={"healthier": ["target"], "if_sicker": "sicker"})
    player = taken_back(plan, World(verdicts={"target": [verdict]}, votes=votes))
    assert began(player).get("rb-migrate") == began(player).get("rb-flag") == begins
    assert bool(residue(player)) is (begins is None)
    assert player.world.asked.count("target") == 1


def test_without_a_person_to_ask_a_sicker_target_is_not_gone_back_to() -> None:
    plan = deployed(WORK, procedure={"healthier": ["target"]})
    assert len(residue(taken_back(plan, World(verdicts={"target": [FAIL]})))) == 3


# --- kinds of procedures ----------------------------------------------------------------------------------------------


def test_flags_alone_keep_the_rest_on_purpose() -> None:
    plan = deployed(SWITCH, procedure={"kind": "flags-only"})
    player = taken_back(plan)
    assert player.held() - set(DONE) == {"rb-flag"}
    assert player.state.outcome is Outcome.ROLLED_BACK
    assert player.state.rollback is not None
    kept = {name for name, event in player.state.rollback.skipped.items() if not event.residue}
    assert kept == {"deploy", "migrate", "announce"}


def test_the_procedure_that_was_chosen_runs_and_only_its_verification_is_asked() -> None:
    plan = deployed(
        procedures=[
            {"id": "full", "title": "Full", "steps": [WORK], "verification": ["ready"]},
            {"id": "flags", "title": "Flags", "steps": [SWITCH], "kind": "flags-only", "verification": ["target"]},
        ],
    )
    flags = taken_back(plan, procedure="flags")
    assert flags.state.rollback is not None
    assert (flags.state.rollback.procedure, flags.held() - set(DONE)) == ("flags", {"rb-flag"})
    assert set(flags.world.asked) == {"target", "backup"}
    full = taken_back(plan)
    assert full.state.rollback is not None
    assert full.state.rollback.procedure == "full"
    assert set(full.world.asked) == {"ready", "backup"}


def test_a_step_can_take_back_what_has_no_undo_of_its_own() -> None:
    gone = {"how": "impossible", "because": "rows are lost"}
    actions = [
        plans.action("migrate", undo=gone),
        plans.undoing("rb-stop"),
        plans.undoing("rb-restore", after=["rb-stop"]),
    ]
    restoring = step(1, "rb-stop", "rb-restore", takes_back=["migrate"])
    plan = plans.plan(
        actions=actions,
        procedures=[
            {"id": "quick", "title": "Quick", "steps": [step(1, "rb-stop")]},
            {"id": "database", "title": "Database", "steps": [restoring], "order": "as-printed"},
        ],
    )

    def played(procedure: str, world: World | None = None) -> Player:
        return taken_back(plan, world, procedure=procedure, done=["migrate"])

    assert residue(played("quick")) == ["migrate: rows are lost"]
    assert residue(played("database")) == []
    broken = played("database", World(manners={"rb-restore": Manner(fails=9)}))
    assert residue(broken) == ["migrate: undo rb-restore failed"]


def test_what_builds_on_a_step_that_did_not_happen_is_left_too() -> None:
    plan = plans.plan(
        actions=[plans.action("deploy"), plans.undoing("rb-clone"), plans.undoing("rb-switch", after=["rb-clone"])],
        procedures=[plans.procedure(["rb-clone"], ["rb-switch"])],
    )
    player = taken_back(plan, World(manners={"rb-clone": Manner(fails=9)}), done=["deploy"])
    assert "undo-deploy" in player.held()
    assert residue(player) == [
        "step rb-clone failed",
        "step rb-switch left; it builds on rb-clone, which did not happen",
    ]
