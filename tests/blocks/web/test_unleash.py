"""Flags of a real Unleash: given, taken back and read back; who gets them is what Unleash itself says."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from blocks.unleash import Unleash
from launch.effects.exposure import KillFlags, SetFlagShare
from launch.effects.web import SetFlag
from launch.errors import PermanentFaultError
from launch.ports import Standing
from launch.probes.web_edges import FlagSegment, FlagStates
from tests.blocks.web.unleash_server import UnleashServer, unleash
from tests.fakes.verbs import OCCASION

pytestmark = pytest.mark.integration

USERS = [f"user-{number}" for number in range(200)]
BETA = ("ann", "bob")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnleashServer]:
    with unleash(tmp_path_factory.mktemp("unleash")) as server:
        server.create_segment("beta", {"contextName": "userId", "operator": "IN", "values": list(BETA)})
        server.create_segment("pilots", {"contextName": "userId", "operator": "IN", "values": ["pilot-1", "pilot-2"]})
        server.create_segment("guests", {"contextName": "userId", "operator": "STR_STARTS_WITH", "values": ["guest-"]})
        yield server


@pytest.fixture(scope="module")
def new_flag(server: UnleashServer) -> Callable[[], str]:
    numbers = count(1)

    def make() -> str:
        name = f"flag-{next(numbers)}"
        server.create_flag(name)
        return name

    return make


@pytest.fixture
def flag(new_flag: Callable[[], str]) -> str:
    return new_flag()


@pytest.fixture
def block(server: UnleashServer) -> Unleash:
    return Unleash.model_validate(_fields(server))


def _fields(server: UnleashServer) -> dict[str, object]:
    return {"url": server.url, "token": server.token, "environment": "development", "pilot_segment": "pilots"}


def share(flag: str, percent: float, cohort: str = "") -> SetFlagShare:
    return SetFlagShare(do="set-flag-share", on="flags", flag=flag, percent=percent, cohort=cohort)


def put(flag: str, state: str) -> SetFlag:
    return SetFlag.model_validate({"do": "set-flag", "on": "flags", "flag": flag, "state": state})


def kill(*flags: str) -> KillFlags:
    return KillFlags(do="kill-flags", on="flags", flags=flags)


def states(block: Unleash, flag: str) -> object:
    return block.answer(FlagStates(ask="flag-states", of="f", flags={"it": flag}), OCCASION).values["it"].value


def who(server: UnleashServer, flag: str) -> set[str]:
    return {user for user in USERS[:60] if server.is_on(flag, user)}


def test_a_rollout_in_steps_is_what_unleash_serves(block, server, flag) -> None:
    assert block.observe(share(flag, 0), OCCASION).standing is Standing.HOLDS
    before: set[str] = set()
    for percent in (10, 30, 50, 100):
        seen = block.observe(share(flag, percent), OCCASION)
        assert seen.standing is Standing.ABSENT
        block.apply(share(flag, percent), OCCASION)
        seen = block.observe(share(flag, percent), OCCASION)
        assert (seen.standing, seen.exposure) == (Standing.HOLDS, percent)
        now = who(server, flag)
        # Whom it let in, it keeps.
        assert before <= now
        assert len(now) / 60 == pytest.approx(percent / 100, abs=0.2)
        before = now
    block.apply(kill(flag), OCCASION)
    assert who(server, flag) == set()
    assert block.observe(kill(flag), OCCASION).exposure == 0


def test_a_cohort_gets_it_and_nobody_else(block, server, flag) -> None:
    block.apply(share(flag, 100, "beta"), OCCASION)
    assert block.observe(share(flag, 100, "beta"), OCCASION).standing is Standing.HOLDS
    everybody = block.observe(share(flag, 0), OCCASION)
    assert (everybody.standing, everybody.exposure) == (Standing.HOLDS, 0)
    assert [server.is_on(flag, user) for user in (*BETA, "user-1")] == [True, True, False]
    assert block.observe(share(flag, 100, "beta"), OCCASION).exposure is None


def test_a_flag_that_was_off_for_all_is_not_given_to_all_by_its_first_cohort(block, server, flag) -> None:
    block.apply(share(flag, 100), OCCASION)
    block.apply(kill(flag), OCCASION)
    block.apply(share(flag, 100, "beta"), OCCASION)
    assert [server.is_on(flag, user) for user in ("ann", "user-1")] == [True, False]


@pytest.mark.parametrize("state", ["on", "off", "pilot-only"])
@pytest.mark.parametrize("earlier", ["on", "off", "pilot-only"])
def test_every_state_can_be_set_from_every_state(block, server, flag, earlier, state) -> None:
    block.apply(put(flag, earlier), OCCASION)
    block.apply(put(flag, state), OCCASION)
    assert block.observe(put(flag, state), OCCASION).standing is Standing.HOLDS
    assert states(block, flag) == state
    served = [server.is_on(flag, user) for user in ("pilot-1", "user-1")]
    assert served == {"on": [True, True], "off": [False, False], "pilot-only": [True, False]}[state]


BEFORE = {
    "nothing": (),
    "a share": (lambda flag: share(flag, 30),),
    "a cohort and a share": (lambda flag: share(flag, 100, "beta"), lambda flag: share(flag, 10)),
    "killed": (lambda flag: share(flag, 30), kill),
}
EFFECTS = {
    "a share": lambda flag: share(flag, 50),
    "a cohort": lambda flag: share(flag, 100, "pilots"),
    "pilots only": lambda flag: put(flag, "pilot-only"),
    "killed": kill,
}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("effect", EFFECTS)
def test_what_was_there_comes_back(block, server, flag, before, effect) -> None:
    for earlier in BEFORE[before]:
        block.apply(earlier(flag), OCCASION)
    wanted = EFFECTS[effect](flag)
    was, served = block.observe(wanted, OCCASION), [server.is_on(flag, user) for user in (*BETA, *USERS[:5])]
    block.apply(wanted, OCCASION)
    block.restore(wanted, was.state, OCCASION)
    seen = block.observe_restored(wanted, was.state, OCCASION)
    assert seen.standing is Standing.HOLDS, seen
    assert [server.is_on(flag, user) for user in (*BETA, *USERS[:5])] == served


@pytest.mark.parametrize("before", [(share("x", 0),), (share("x", 30),), (share("x", 100, "beta"), share("x", 20))])
def test_two_undos_of_one_flag_at_the_same_moment_do_not_fail_each_other(block, flag, monkeypatch, before) -> None:
    """As when two steps of a rollout are taken back side by side: both have read what only one of them finds to do."""
    for effect in before:
        block.apply(effect.model_copy(update={"flag": flag}), OCCASION)
    undo, other = share(flag, 0), share(flag, 50) if len(before) == 1 else share(flag, 100, "pilots")
    recorded = block.observe(undo, OCCASION).state
    block.apply(other, OCCASION)
    block.apply(share(flag, 100), OCCASION)
    late, fresh = [block._setting(flag)], Unleash._setting
    block.restore(undo, recorded, OCCASION)
    monkeypatch.setattr(Unleash, "_setting", lambda self, name: late.pop() if late else fresh(self, name))
    block.restore(undo, recorded, OCCASION)
    assert late == []
    assert block.observe_restored(undo, recorded, OCCASION).standing is Standing.HOLDS


def test_a_restore_is_not_done_before_it_is(block, flag) -> None:
    was = block.observe(share(flag, 50), OCCASION)
    block.apply(share(flag, 50), OCCASION)
    seen = block.observe_restored(share(flag, 50), was.state, OCCASION)
    assert (seen.standing, seen.detail) == (Standing.ABSENT, f"not as it was: {flag}")


def test_all_flags_are_killed_at_once_and_twice_is_once(block, new_flag) -> None:
    flags = [new_flag() for _ in range(3)]
    for flag in flags:
        block.apply(share(flag, 100), OCCASION)
    assert block.observe(kill(*flags), OCCASION).exposure == 100
    for _ in range(2):
        block.apply(kill(*flags), OCCASION)
        seen = block.observe(kill(*flags), OCCASION)
        assert (seen.standing, seen.exposure, seen.detail) == (Standing.HOLDS, 0, "3 flags are off")


def test_a_rule_made_by_hand_is_seen_and_stays(block, server, flag) -> None:
    constraint = {"contextName": "userId", "operator": "STR_ENDS_WITH", "values": ["@example.com"]}
    server.add_strategy(
        flag, {"name": "flexibleRollout", "parameters": {"rollout": "100"}, "constraints": [constraint]}
    )
    block.apply(share(flag, 10), OCCASION)
    seen = block.observe(share(flag, 10), OCCASION)
    assert (seen.standing, seen.exposure) == (Standing.HOLDS, 10)
    assert seen.detail.endswith("beside 1 other rules")
    assert states(block, flag) == "mixed"
    assert server.is_on(flag, "x@example.com")


def test_two_rollouts_that_are_hashed_differently_are_nothing_one_can_tell(block, server, flag) -> None:
    for group, percent in (("one", "20"), ("two", "40")):
        parameters = {"rollout": percent, "groupId": group, "stickiness": "default"}
        server.add_strategy(flag, {"name": "flexibleRollout", "parameters": parameters})
    block.apply(share(flag, 100, "beta"), OCCASION)  # switches on, with nothing for the others
    assert block.observe(share(flag, 0), OCCASION).exposure == 0
    parameters = {"rollout": "40", "groupId": "two", "stickiness": "random"}
    server.add_strategy(flag, {"name": "flexibleRollout", "parameters": parameters})
    block.apply(share(flag, 20), OCCASION)
    assert block.observe(share(flag, 20), OCCASION).exposure == 20
    server.add_strategy(flag, {"name": "flexibleRollout", "parameters": parameters})
    seen = block.observe(share(flag, 20), OCCASION)
    assert (seen.standing, seen.exposure) == (Standing.ABSENT, None)


def test_parts_of_a_percent_are_refused(block, flag) -> None:
    with pytest.raises(PermanentFaultError, match="whole percents"):
        block.apply(share(flag, 33.3), OCCASION)


def test_tenants_in_the_pilot_segment_count(block, server, flag) -> None:
    block.apply(put(flag, "pilot-only"), OCCASION)
    probe = FlagSegment(ask="flag-segment", of="f", flag=flag, tenants=("pilot-1", "pilot-9"))
    told = block.answer(probe, OCCASION)
    assert (told.values["tenants_enabled"].value, told.evidence) == (1, "pilot-only; not in the segment: pilot-9")


def test_a_segment_of_conditions_counts_nobody(server, flag) -> None:
    block = Unleash.model_validate({**_fields(server), "pilot_segment": "guests"})
    block.apply(put(flag, "pilot-only"), OCCASION)
    probe = FlagSegment(ask="flag-segment", of="f", flag=flag, tenants=("guest-1",))
    assert block.answer(probe, OCCASION).values == {}


def test_the_check_tells_what_is_wrong(block, server) -> None:
    assert block.check() == f"{server.url} takes the token for default/development"
    cases = {
        "renew the credentials": {"token": "*:*.somebody-else"},
        "HTTP 404": {"project": "ghost"},
        "no environment moon": {"environment": "moon"},
    }
    for told, fields in cases.items():
        with pytest.raises(PermanentFaultError, match=told):
            Unleash.model_validate({**_fields(server), **fields}).check()


def test_who_may_only_look_is_told_which_right_is_missing(server, flag) -> None:
    viewer = Unleash.model_validate({**_fields(server), "token": server.viewer()})
    with pytest.raises(PermanentFaultError, match="missing right: UPDATE_FEATURE_ENVIRONMENT"):
        viewer.check()
    assert states(viewer, flag) == "off"
    with pytest.raises(PermanentFaultError, match="missing right: CREATE_FEATURE_STRATEGY"):
        viewer.apply(share(flag, 10), OCCASION)


def test_names_that_are_not_there(block, flag) -> None:
    with pytest.raises(PermanentFaultError, match=r"HTTP 404.*the state of flag ghost"):
        block.apply(share("ghost", 10), OCCASION)
    with pytest.raises(PermanentFaultError, match=r"no such segment.*segment ghosts"):
        block.apply(share(flag, 10, "ghosts"), OCCASION)


def test_a_record_that_is_no_setting_is_refused(block, flag) -> None:
    with pytest.raises(PermanentFaultError, match="by hand"):
        block.restore(share(flag, 10), {flag: 3}, OCCASION)
