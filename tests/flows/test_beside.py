"""Things side by side: each goes its own way, once, and what goes wrong in one is not lost."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from flows.beside import Beside, speaks, speaks_or_asks, takes_time
from launch.agenda import AskCheck, CallSeats, DoEffect, SettleGate
from launch.events import AnyEvent, EffectBegun, EffectFinished, EffectResult
from launch.gates import GateRuling
from tests.fakes import plans

PLAN = plans.plan(
    checks=[plans.check("near")],
    actions=[plans.action("slow"), plans.action("quick"), plans.telling("say")],
    gates=[plans.gate("go")],
)
SLOW, QUICK, SAY = (DoEffect(action.id, action) for action in PLAN.actions)
ASK, CALL = AskCheck(PLAN.checks[0]), CallSeats(PLAN.gates[0], 1)
SETTLE = SettleGate(PLAN.gates[0], GateRuling())


@dataclass
class Doing:
    events: list[AnyEvent] = field(default_factory=list)
    then: Callable[[], Awaitable[Sequence[AnyEvent]]] | None = None


@dataclass
class Desk:
    """Carries out a `DoEffect` when its name is let go; `written` is what was written, in order."""

    going: dict[str, asyncio.Event] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    async def handle(self, due: object) -> Doing:
        name = due.id if isinstance(due, DoEffect) else type(due).__name__
        self.begun.append(name)

        async def finish() -> Sequence[AnyEvent]:
            await self.going.setdefault(name, asyncio.Event()).wait()
            return [EffectFinished(action=name, attempt=1, result=EffectResult.APPLIED)]

        return Doing([EffectBegun(action=name, attempt=1, key=name)], finish)

    def write(self, *events: AnyEvent) -> None:
        self.written += [f"{event.kind} {event.action}" for event in events]

    def let_go(self, name: str) -> None:
        self.going.setdefault(name, asyncio.Event()).set()


def test_what_ends_soon_waits_for_nothing_slow() -> None:
    desk = Desk()

    async def play() -> None:
        beside = Beside(desk.handle, desk.write, takes=takes_time)
        assert beside.take([SLOW, QUICK, SAY]) == []
        desk.let_go("quick")
        while "effect-finished quick" not in desk.written:
            await beside.next_end()
        assert beside.working
        assert beside.speaking
        assert "effect-finished slow" not in desk.written
        desk.let_go("slow")
        desk.let_go("say")
        await beside.finish()
        assert not beside.working
        assert not beside.speaking

    asyncio.run(play())
    assert next(line for line in desk.written if line.startswith("effect-finished")) == "effect-finished quick"


def test_what_is_under_way_is_not_begun_again() -> None:
    desk = Desk()

    async def play() -> None:
        beside = Beside(desk.handle, desk.write, takes=takes_time)
        for _ in range(3):
            beside.take([SLOW, SAY])
            await asyncio.sleep(0)
        desk.let_go("slow")
        desk.let_go("say")
        await beside.finish()
        beside.take([SLOW])
        await beside.finish()

    asyncio.run(play())
    assert desk.begun == ["slow", "say", "slow"]


def test_what_decides_is_left_to_the_loop() -> None:
    async def play() -> list[object]:
        desk = Desk()
        beside = Beside(desk.handle, desk.write, takes=takes_time)
        rest = beside.take([SETTLE, QUICK])
        desk.let_go("quick")
        await beside.finish()
        return rest

    assert asyncio.run(play()) == [SETTLE]


def test_an_error_that_nobody_planned_for_is_raised() -> None:
    async def broken(due: object) -> Doing:
        raise LookupError(due)

    async def play() -> None:
        beside = Beside(broken, Desk().write, takes=takes_time)
        beside.take([QUICK])
        await beside.next_end()

    with pytest.raises(LookupError):
        asyncio.run(play())


@pytest.mark.parametrize(("due", "words"), [(SAY, True), (CALL, True), (SLOW, False), (ASK, False), (SETTLE, False)])
def test_only_words_are_words(due: object, words) -> None:
    assert speaks(due) is words


@pytest.mark.parametrize(("due", "beside"), [(SAY, True), (CALL, True), (ASK, True), (SLOW, False), (SETTLE, False)])
def test_a_launch_speaks_and_asks_beside_its_work_and_acts_in_its_turn(due: object, beside) -> None:
    assert speaks_or_asks(due) is beside
