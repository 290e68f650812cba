from datetime import timedelta

import pytest

from blocks.tickets import Zendesk
from launch.effects.people import OpenTicket
from launch.errors import PermanentFaultError
from launch.ports import Standing
from launch.probes.people import SupportDesk, SupportTickets, TicketDue
from sandbox.parts.tickets import TicketsPart

TASK = OpenTicket(
    do="open-ticket", on="desk", ticket="postmortem", subject="Postmortem", text="Hold it", due_in=timedelta(hours=20)
)
DUE = TicketDue(ask="ticket-due", of="desk", ticket="postmortem")


@pytest.fixture
def desk(stage):
    built = stage(TicketsPart())
    return built, Zendesk(**built.fields["zendesk/sandbox-support-desk"])


def values(desk, probe):
    built, block = desk
    return {name: found.value for name, found in block.answer(probe, built.occasion()).values.items()}


def test_wrong_token_is_seen_though_zendesk_answers_200(desk):
    assert desk[1].check() == "Zendesk knows this token as 'Launch bot'"
    desk[0].world.set("tickets.token_valid", False)
    with pytest.raises(PermanentFaultError, match="401"):
        desk[1].check()


@pytest.mark.parametrize(("moment", "count"), [("T+10m", 0), ("T+1h", 3)])
def test_customers_tickets_are_counted_from_go_live_on(desk, moment, count):
    desk[0].at(moment).world.set("tickets.opened", 3)
    assert values(desk, SupportTickets(ask="support-tickets", of="desk")) == {"support_tickets": count}


def test_desk_counts_agents_and_verified_addresses(desk):
    desk[0].world.set("tickets.address_verified", False)
    probe = SupportDesk(ask="support-desk", of="desk", group="Pilot support")
    assert values(desk, probe) == {"support_agents": 4, "addresses_verified": 0}


def test_unknown_group_has_no_agents_to_count(desk):
    assert set(values(desk, SupportDesk(ask="support-desk", of="desk", group="Nobody"))) == {"addresses_verified"}


def test_task_is_opened_once_and_its_due_date_measured(desk):
    built, block = desk
    assert values(desk, DUE) == {}
    before = block.observe(TASK, built.occasion())
    assert before.standing is Standing.ABSENT
    for _ in range(2):
        block.apply(TASK, built.at("T+1h").occasion())
    assert block.observe(TASK, built.occasion()).standing is Standing.HOLDS
    assert values(desk, DUE) == {"postmortem_within": 20}
    block.restore(TASK, before.state, built.occasion())
    assert block.observe_restored(TASK, before.state, built.occasion()).standing is Standing.HOLDS
    assert values(desk, DUE) == {}
