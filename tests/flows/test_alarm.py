"""An alarm is written once and tried until it gets through, on each channel for itself.

As input: an open launch whose plan has a pager and a chat; as output we check the ledger and what reached the two.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from flows.clocks import RealClock, machine_clock
from flows.desk import PrefectPeople
from flows.recover import raise_alarm
from flows.runs import PrefectRuns
from flows.stage import Stage
from launch import acts
from launch.events import AlarmRaised, AnyEvent, MessageSent
from launch.plan import Plan
from launch.release import Release
from tests.fakes import plans
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.systems import Room, outage

LAUNCH = "cockpit-1"


@dataclass
class Beeper:
    """A pager: incidents by key, so that a repetition is no second one."""

    down: bool = False
    incidents: dict[str, str] = field(default_factory=dict)

    def page(self, severity: str, summary: str, *, key: str) -> str:
        if self.down:
            raise outage("beeper", "page")
        self.incidents.setdefault(key, summary)
        return f"beeper://{key}"


@dataclass
class Standing:
    """A launch that stands still, its pager and its room."""

    beeper: Beeper = field(default_factory=Beeper)
    room: Room = field(default_factory=Room)

    def __post_init__(self) -> None:
        self.plan = the_plan()
        ledger, clock = MemoryLedger(), RealClock()
        runs = PrefectRuns("cockpit", clock)
        self.stage = Stage(
            ledger=ledger,
            clock=clock,
            wall=machine_clock,
            systems=lambda plan, environment: {"beeper": self.beeper, "room": self.room},
            people=PrefectPeople(ledger, clock, machine_clock, runs),
            runs=runs,
        )
        now = machine_clock()
        acts.open_launch(
            ledger, LAUNCH, plan=self.plan, plan_hash="hash", plan_path="", release=Release(version="v2"),
            t0=now + timedelta(hours=1), environment="sandbox", opened_by="ana", at=now, wall=now,
        )  # fmt: skip

    def alarm(self, what: str = "countdown/process/1") -> None:
        asyncio.run(raise_alarm(self.stage, LAUNCH, self.plan, what, "countdown has no process"))

    def written(self, kind: type[AnyEvent]) -> int:
        return sum(isinstance(record.event, kind) for record in self.stage.ledger.records(LAUNCH))


def the_plan() -> Plan:
    system = {"id": "beeper", "integration": "pagerduty", "what": "Pager"}
    beeper = {"id": "beeper", "kind": "paging", "name": "Beeper", "integration": "pagerduty", "system": "beeper"}
    room = {"id": "war-room", "kind": "chat", "name": "#launch", "integration": "slack", "system": "room"}
    systems = [*plans.plan().model_dump(mode="json")["systems"], system]
    return plans.plan(systems=systems, comms={"channels": [beeper | {"address": "x"}, room | {"address": "launch"}]})


def test_an_alarm_reaches_pager_and_war_room_once_however_often_it_is_raised() -> None:
    standing = Standing()
    for _ in range(3):
        standing.alarm()
    assert list(standing.beeper.incidents.values()) == [f"{LAUNCH}: countdown has no process"]
    assert len(standing.room.told) == 1
    assert (standing.written(AlarmRaised), standing.written(MessageSent)) == (1, 2)


def test_a_pager_that_was_down_is_tried_again_and_the_war_room_is_not() -> None:
    standing = Standing(beeper=Beeper(down=True))
    standing.alarm()
    assert (standing.beeper.incidents, len(standing.room.told)) == ({}, 1)
    standing.beeper.down = False
    standing.alarm()
    assert (len(standing.beeper.incidents), len(standing.room.told)) == (1, 1)
    assert standing.written(AlarmRaised) == 1


def test_another_alarm_is_another_page() -> None:
    standing = Standing()
    standing.alarm("countdown/process/1")
    standing.alarm("countdown/process/2")
    assert len(standing.beeper.incidents) == 2
