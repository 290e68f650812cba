"""Gates: who decides, what is unmet, and that no timeout ever says GO."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch import acts, gates
from launch.events import BallotCast, CheckAttested, CheckJudged, Decision, EffectFinished, EffectResult, GateOpened
from launch.gates import CheckStanding, rule
from launch.plan import Gate
from launch.state import CheckState, GateState
from launch.verdicts import Verdict
from tests.fakes import plans
from tests.fakes.agenda_player import LAUNCH, Player
from tests.fakes.examples import times
from tests.fakes.plans import T0

GO, NO_GO, HOLD, ABSTAIN = Decision.GO, Decision.NO_GO, Decision.HOLD, Decision.ABSTAIN
DEADLINE = T0
EARLY, LATE = T0 - timedelta(seconds=1), T0

Ballot = tuple[str, str, Decision, str]


def gate(**changes: Any) -> Gate:
    return Gate.model_validate(plans.gate("go", **changes))


def opened(*ballots: Ballot, extensions: int = 0) -> GateState:
    """An open gate after these ballots, the newest of a person counting."""
    state = GateState(opening=1, opened_at=T0 - timedelta(minutes=15), deadline=DEADLINE, extensions=extensions)
    for person, seat, decision, reason in ballots:
        state.ballots[person] = BallotCast(gate="go", seat=seat, person=person, decision=decision, reason=reason)
        state.order = [one for one in state.order if one != person] + [person]
    return state


# --- an oracle: the rule in its own words, over every ballot ----------------------------------------------------------

SEATS = ("a", "b", "c")
seats = st.lists(
    st.fixed_dictionaries({"count": st.integers(1, 2), "signs": st.booleans(), "overrides": st.booleans()}),
    min_size=1,
    max_size=3,
).map(lambda places: [{"role": role} | place for role, place in zip(SEATS, places, strict=False)])
ballots = st.lists(
    st.tuples(
        st.sampled_from(["p", "q", "r", "s", "t"]),
        st.sampled_from(SEATS),
        st.sampled_from([GO, GO, GO, GO, NO_GO, ABSTAIN]),
        st.sampled_from(["", " ", "because"]),
    ),
    max_size=9,
)


def oracle(gate: Gate, cast: list[Ballot], unmet: list[str]) -> Decision | None:
    """What people decide, from the ballots in the order they were cast; None while they have not."""
    final: list[Ballot] = []
    for ballot in cast:
        final = [one for one in final if one[0] != ballot[0]] + [ballot]
    places = {seat.role: seat for seat in gate.seats}
    against = [place for place, one in enumerate(final) if one[2] is NO_GO]
    if any(final[place][1] in places and (places[final[place][1]].signs or len(places) == 1) for place in against):
        return NO_GO
    if any(sum(1 for one in final if one[1] == role) < seat.count for role, seat in places.items()):
        return None
    if against:
        after = final[against[-1] + 1 :]
        if not any(places[one[1]].overrides and one[2] is GO and one[3].strip() for one in after):
            return NO_GO
    if any(one[2] is not GO for one in final if places[one[1]].signs):
        return None
    return None if unmet or not any(one[2] is GO for one in final) else GO


def at_their_seats(place: Gate, cast: list[Ballot]) -> list[Ballot]:
    """Ballots that would be taken: for a seat of the gate, and each person at the first seat taken."""
    roles = {seat.role for seat in place.seats}
    seated: dict[str, str] = {}
    taken = [one for one in cast if one[1] in roles]
    for person, seat, _, _ in taken:
        seated.setdefault(person, seat)
    return [one for one in taken if seated[one[0]] == one[1]]


@times(10)
@given(seats, ballots, st.lists(st.just("x is unmet"), max_size=1), st.sampled_from(["no-go", "hold", "extend"]))
def test_people_decide_as_the_rule_says_and_the_deadline_never_says_go(places, cast, unmet, outcome: str) -> None:
    extend = {"extend_by": "5m", "extensions": 1} if outcome == "extend" else {}
    place = gate(seats=places, at_deadline=outcome, **extend)
    cast = at_their_seats(place, cast)
    expected = oracle(place, cast, unmet)
    assert rule(place, opened(*cast), unmet, EARLY).decision is expected
    late = rule(place, opened(*cast), unmet, LATE)
    if expected is not None:
        assert late.decision is expected
    elif outcome == "extend":
        assert late.decision is None
        assert late.extended_to == LATE + timedelta(minutes=5)
        assert rule(place, opened(*cast, extensions=1), unmet, LATE).decision is NO_GO
    else:
        assert late.decision is (HOLD if outcome == "hold" else NO_GO)


@times(3)
@given(seats, ballots)
def test_an_unmet_criterion_keeps_every_gate_from_go(places, cast) -> None:
    for style in ("approval", "mixed", "automatic"):
        place = gate(seats=places, style=style)
        ruling = rule(place, opened(*at_their_seats(place, cast)), ["x is unmet"], LATE)
        assert ruling.decision is not GO


ANA, BEN, CLEO = "ana", "ben", "cleo"
CAPTAIN_GO = (ANA, "captain", GO, "")
SRE_GO = (BEN, "sre", GO, "")
SRE_NO = (BEN, "sre", NO_GO, "disk is full")
OVERRIDING = [{"role": "captain", "signs": True, "overrides": True}, {"role": "sre"}]


@pytest.mark.parametrize(
    ("changes", "cast", "expected"),
    [
        ({}, [], None),
        ({}, [CAPTAIN_GO], None),
        ({}, [CAPTAIN_GO, SRE_GO], GO),
        ({}, [CAPTAIN_GO, (BEN, "sre", ABSTAIN, "")], GO),
        ({}, [(ANA, "captain", ABSTAIN, ""), SRE_GO], None),
        ({}, [(ANA, "captain", NO_GO, "no")], NO_GO),
        ({}, [SRE_NO], None),
        ({}, [SRE_NO, CAPTAIN_GO], NO_GO),
        ({}, [SRE_NO, CAPTAIN_GO, (BEN, "sre", GO, "fixed")], GO),
        ({"seats": OVERRIDING}, [SRE_NO, (ANA, "captain", GO, "I take it")], GO),
        ({"seats": OVERRIDING}, [SRE_NO, (ANA, "captain", GO, " ")], NO_GO),
        ({"seats": OVERRIDING}, [(ANA, "captain", GO, "I take it"), SRE_NO], NO_GO),
        ({"seats": OVERRIDING}, [(ANA, "captain", GO, ""), SRE_NO, (ANA, "captain", GO, "still")], GO),
        ({"seats": [{"role": "sre"}]}, [SRE_NO], NO_GO),
        ({"seats": [{"role": "sre", "count": 2}]}, [SRE_GO], None),
        ({"seats": [{"role": "sre", "count": 2}]}, [SRE_GO, (CLEO, "sre", GO, "")], GO),
        (
            {"seats": [{"role": "sre"}, {"role": "lead"}]},
            [(BEN, "sre", ABSTAIN, ""), ("dan", "lead", ABSTAIN, "")],
            None,
        ),
        ({"style": "automatic", "seats": []}, [], GO),
    ],
)
def test_a_gate_is_decided_by(changes, cast: list[Ballot], expected: Decision | None) -> None:
    assert rule(gate(**changes), opened(*cast), [], EARLY).decision is expected


def test_a_decision_at_the_deadline_says_who_and_what_was_missing() -> None:
    ruling = rule(gate(), opened(CAPTAIN_GO), ["disk: not asked yet", "b"], LATE)
    assert ruling.decision is NO_GO
    assert ruling.reason == "deadline passed undecided: no ballot from sre; 2 criteria unmet: disk: not asked yet"


# --- ballots ----------------------------------------------------------------------------------------------------------


def at_the_gate(**changes: Any) -> Player:
    """A launch whose gate `go` is open."""
    player = Player(plans.plan(gates=[plans.gate("go", **changes)]))
    player.write(GateOpened(gate="go", plan_hash="p", evidence_hash="e", deadline=DEADLINE))
    return player


def cast(player: Player, person: str, seat: str, decision: str = "GO", reason: str = "", **changes: Any) -> str:
    """Why a ballot does not count; empty if it does."""
    fields: dict[str, Any] = {"gate": "go", "opening": 1} | changes
    event = acts.cast_ballot(
        player.ledger, LAUNCH, person=person, seat=seat, decision=decision, reason=reason,
        at=player.now, wall=player.now, **fields,
    )  # fmt: skip
    player.refresh()
    return "" if isinstance(event, BallotCast) else event.reason


@pytest.mark.parametrize(
    ("ballot", "why"),
    [
        ({"person": "ana", "seat": "captain"}, ""),
        ({"person": "cleo", "seat": "sre", "decision": " no-go ", "reason": "x"}, ""),
        ({"person": "zoe", "seat": "sre"}, "'zoe' is nobody of the plan"),
        ({"person": "dan", "seat": "lead"}, "gate 'go' has no seat for 'lead'"),
        ({"person": "dan", "seat": "sre"}, "Dan does not hold the role 'sre'"),
        ({"person": "ben", "seat": "sre", "decision": "NO-GO", "reason": "  "}, "a NO-GO needs a reason"),
        ({"person": "ben", "seat": "sre", "decision": "HOLD"}, "HOLD is not a ballot"),
        ({"person": "ben", "seat": "sre", "decision": "maybe"}, "'maybe' is no decision"),
        ({"person": "ben", "seat": "sre", "opening": 2}, "this form belongs to opening 2"),
        ({"person": "ben", "seat": "sre", "gate": "gone"}, "there is no gate 'gone'"),
    ],
)
def test_a_ballot_counts_or_is_refused_with_the_reason(ballot: dict[str, Any], why: str) -> None:
    assert cast(at_the_gate(), **ballot).startswith(why)
    assert bool(cast(at_the_gate(), **ballot)) == bool(why)


def test_one_person_fills_one_seat_and_may_think_again() -> None:
    player = at_the_gate(seats=[{"role": "sre"}, {"role": "support"}])
    assert cast(player, "cleo", "sre") == ""
    assert cast(player, "cleo", "support") == "Cleo has filled the seat of 'sre' already; one person fills one seat"
    assert cast(player, "cleo", "sre", "NO-GO", "I looked again") == ""
    assert [one.decision for one in player.state.gate("go").ballots.values()] == [NO_GO]


def test_a_closed_gate_takes_no_ballot() -> None:
    player = Player(plans.plan(gates=[plans.gate("go")]))
    assert cast(player, "ana", "captain") == "gate 'go' is not open"
    player.play(until=T0)
    assert cast(player, "ana", "captain") == "gate 'go' is not open; it decided GO"


def test_a_launch_that_is_over_takes_no_ballot_at_a_gate_left_open() -> None:
    player = at_the_gate()
    player.world.votes = {"go": []}
    acts.claim_rollback(
        player.ledger,
        LAUNCH,
        trigger="captain",
        tier="urgent",
        by="ana",
        at=player.now,
        wall=player.now,
    )
    player.refresh()
    player.play()
    assert cast(player, "ana", "captain") == "the launch is over: rolled-back"


@pytest.mark.parametrize(
    ("person", "already", "seat"),
    [
        ("ben", [], "sre"),
        ("cleo", [], "sre"),
        ("cleo", [("ben", "sre")], "support"),
        ("cleo", [("cleo", "support")], "support"),
        ("ben", [("cleo", "sre")], "sre"),
        ("dan", [], None),
        ("zoe", [], None),
    ],
)
def test_a_person_is_offered_a_free_seat(person: str, already: list[tuple[str, str]], seat: str | None) -> None:
    player = at_the_gate(seats=[{"role": "sre"}, {"role": "support"}])
    for one, place in already:
        assert cast(player, one, place) == ""
    assert gates.seat_of(player.plan, player.state, player.plan.gates[0], person) == seat


# --- criteria ---------------------------------------------------------------------------------------------------------

PASS, FAIL, UNCLEAR, ERROR = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR
SOON, PAST = T0 + timedelta(minutes=1), T0 - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("mode", "verdict", "attested", "waived_until", "expected"),
    [
        ("automated", PASS, None, None, CheckStanding.PASSED),
        ("automated", FAIL, None, None, CheckStanding.FAILED),
        ("automated", UNCLEAR, None, None, CheckStanding.MISSING),
        ("automated", ERROR, None, None, CheckStanding.MISSING),
        ("automated", None, None, None, CheckStanding.MISSING),
        ("automated", FAIL, PASS, None, CheckStanding.FAILED),
        ("attested", None, PASS, None, CheckStanding.PASSED),
        ("attested", None, FAIL, None, CheckStanding.FAILED),
        ("attested", PASS, None, None, CheckStanding.MISSING),
        ("both", PASS, PASS, None, CheckStanding.PASSED),
        ("both", PASS, None, None, CheckStanding.MISSING),
        ("both", None, PASS, None, CheckStanding.MISSING),
        ("both", FAIL, PASS, None, CheckStanding.FAILED),
        ("both", PASS, FAIL, None, CheckStanding.FAILED),
        ("automated", FAIL, None, SOON, CheckStanding.WAIVED),
        ("automated", FAIL, None, T0, CheckStanding.FAILED),
        ("automated", FAIL, None, PAST, CheckStanding.FAILED),
        ("automated", None, None, SOON, CheckStanding.WAIVED),
        ("both", FAIL, FAIL, SOON, CheckStanding.WAIVED),
        ("automated", PASS, None, PAST, CheckStanding.PASSED),
    ],
)
def test_what_a_check_means_to_a_gate(mode: str, verdict, attested, waived_until, expected: CheckStanding) -> None:
    check = plans.plan(checks=[plans.check("disk", mode=mode)]).checks[0]
    state = CheckState(verdict=verdict, attested=attested, waived_until=waived_until)
    assert gates.standing(check, state, T0) is expected


def test_a_gate_on_everything_before_names_each_thing_that_is_not_done() -> None:
    player = Player(
        plans.plan(
            checks=[
                plans.check("asked"),
                plans.check("unasked"),
                plans.check("hopeless", "T-45m", phase="countdown", action="failing"),
                plans.check("unclear"),
                plans.check("failed"),
                plans.check("doubted", mode="attested"),
                plans.check("unattested", mode="attested"),
                plans.check("later", "T-5m", phase="countdown"),
                plans.check("due-later", "T-50m", phase="countdown", due="T-5m"),
                plans.check("nice", blocking=False),
                plans.check("back", None, phase="back"),
            ],
            actions=[
                plans.action("done", "T-45m"),
                plans.action("failing", "T-45m"),
                plans.action("waiting", "T-45m"),
                plans.telling("telling", "T-45m"),
                plans.action("after"),
            ],
            gates=[plans.gate("go")],
        ),
    )
    player.write(
        CheckJudged(check="asked", verdict=PASS, sentence="fine"),
        CheckJudged(check="unclear", verdict=UNCLEAR, sentence="no data"),
        CheckJudged(check="failed", verdict=FAIL, sentence="lag is 9 s"),
        CheckAttested(check="doubted", person="ana", verdict=FAIL, evidence="I saw it"),
        EffectFinished(action="done", attempt=1, result=EffectResult.ALREADY),
        EffectFinished(action="failing", attempt=1, result=EffectResult.FAILED, detail="refused"),
    )
    assert gates.unmet(player.plan, player.state, player.plan.gates[0], player.now) == [
        "unasked: not asked yet",
        "hopeless: not asked, because failing failed: refused",
        "unclear has no clear answer: no data",
        "failed failed: lag is 9 s",
        "doubted failed: ana vouches against it",
        "unattested: not attested yet",
        "failing failed: refused",
        "waiting has not begun",
    ]


def test_one_unmet_criterion_is_told_as_one() -> None:
    ruling = rule(gate(), opened(CAPTAIN_GO, SRE_GO), ["disk: not asked yet"], LATE)
    assert ruling.reason == "deadline passed undecided: 1 criterion unmet: disk: not asked yet"


def test_what_is_on_show_names_itself_anew_when_a_verdict_changes() -> None:
    player = Player(plans.plan(checks=[plans.check("disk")], gates=[plans.gate("go")]))
    place = player.plan.gates[0]
    before = gates.evidence_hash(player.plan, player.state, place, player.now)
    assert gates.evidence_hash(player.plan, player.state, place, player.now) == before
    player.write(CheckJudged(check="disk", verdict=PASS, sentence="fine"))
    assert gates.evidence_hash(player.plan, player.state, place, player.now) != before
