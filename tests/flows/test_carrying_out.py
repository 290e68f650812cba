"""What is due at one moment goes on side by side; when its results are written depends on whether it is the day."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from flows.conductor import Conductor, Doing
from launch.agenda import AskCheck
from launch.events import AnyEvent, CheckJudged
from launch.verdicts import Verdict
from tests.fakes.flown_launch import LAUNCH, FlownLaunch, WitnessedLedger
from tests.fakes.plans import check, plan

PLAN = plan(checks=[check("hangs"), check("answers")])
DUE = [AskCheck(check=one) for one in PLAN.checks]


def judged(launch: FlownLaunch) -> list[str]:
    return [event.check for event in launch.events(CheckJudged)]


def carried_out(launch: FlownLaunch, *, hangs_until_the_other_is: str) -> list[str]:
    """The checks in the order in which they were judged, where one answers only when the other is `asked` or `written`."""
    other = {"asked": asyncio.Event(), "written": asyncio.Event()}

    def witness(_event: AnyEvent) -> None:
        if "answers" in judged(launch):
            other["written"].set()

    async def handle(due: object) -> Doing:
        assert isinstance(due, AskCheck)
        if due.check.id == "hangs":
            await asyncio.wait_for(other[hangs_until_the_other_is].wait(), 20)
        else:
            other["asked"].set()
        return Doing([CheckJudged(check=due.check.id, verdict=Verdict.PASS, sentence="")])

    conductor = Conductor(launch.stage(WitnessedLedger(launch.ledger, witness)), LAUNCH)
    asyncio.run(conductor.carry_out(DUE, handle))
    return judged(launch)


def test_on_the_day_a_result_is_written_while_another_system_hangs() -> None:
    launch = FlownLaunch(PLAN, patient=True)
    assert carried_out(launch, hangs_until_the_other_is="written") == ["answers", "hangs"]


def test_a_rehearsal_writes_in_the_order_of_the_agenda_however_long_each_takes() -> None:
    launch = FlownLaunch(PLAN)
    assert carried_out(launch, hangs_until_the_other_is="asked") == ["hangs", "answers"]


def test_on_the_day_what_a_result_sets_off_does_not_wait_for_the_others() -> None:
    launch = FlownLaunch(PLAN, patient=True)
    told = asyncio.Event()

    async def tell() -> Sequence[AnyEvent]:
        told.set()
        return ()

    async def handle(due: object) -> Doing:
        assert isinstance(due, AskCheck)
        if due.check.id == "hangs":
            await asyncio.wait_for(told.wait(), 20)
            return Doing()
        return Doing([CheckJudged(check=due.check.id, verdict=Verdict.PASS, sentence="")], tell)

    asyncio.run(Conductor(launch.stage(launch.ledger), LAUNCH).carry_out(DUE, handle))
    assert judged(launch) == ["answers"]
