from datetime import timedelta

import pytest

from blocks.pager import PagerDuty
from launch.ports import Pager
from launch.probes.people import AlertRunbooks, EscalationResponse, OncallRota, PagedIncidents
from sandbox.parts.pagerduty import PagerDutyPart

POLICIES = EscalationResponse(
    ask="escalation-response", of="pager", policies={"response_p0": "TEEI P0", "response_p1": "TEEI P1"}
)
INCIDENTS = PagedIncidents(ask="paged-incidents", of="pager")


@pytest.fixture
def pager(stage):
    built = stage(PagerDutyPart())
    return built, PagerDuty(**built.fields["pagerduty/sandbox-pagerduty"])


def values(pager, probe):
    built, block = pager
    return {name: found.value for name, found in block.answer(probe, built.occasion()).values.items()}


def test_it_is_a_pager_that_shows_its_key_is_good(pager):
    assert isinstance(pager[1], Pager)
    assert "accepts the REST key" in pager[1].check()


def test_same_key_is_one_incident(pager):
    built, block = pager
    link = block.page("P1", "Login answers 500", key="a")
    assert link.startswith("https://teei.pagerduty.com/incidents/")
    assert block.page("P1", "Login answers 500", key="a") == link
    assert block.page("info", "FYI", key="b") != link
    assert built.part.paged() == ["Login answers 500", "FYI"]


def test_escalation_reads_the_first_rung_in_minutes(pager):
    pager[0].world.set("pagerduty.response_p1", 20)
    assert values(pager, POLICIES) == {"response_p0": 5, "response_p1": 20, "rungs_unstaffed": 0}
    assert POLICIES.metrics() == set(values(pager, POLICIES))


def test_rung_without_anybody_on_call_is_counted(pager):
    pager[0].world.set("pagerduty.oncall_gap", True)
    assert values(pager, POLICIES)["rungs_unstaffed"] == 1


def test_unknown_policy_is_no_reading(pager):
    probe = EscalationResponse(ask="escalation-response", of="pager", policies={"response_p0": "Nobody"})
    assert values(pager, probe) == {}


def test_services_without_runbook_are_counted(pager):
    pager[0].world.set("pagerduty.services_without_runbook", 2)
    assert values(pager, AlertRunbooks(ask="alert-runbooks", of="pager")) == {
        "services": 5,
        "services_without_runbook": 2,
    }


@pytest.mark.parametrize(("filled", "ahead"), [(28, 28), (9, 9), (60, 28), (0, 0)])
def test_rota_counts_days_up_to_the_horizon(pager, filled, ahead):
    pager[0].world.set("pagerduty.rota_days", filled)
    probe = OncallRota(ask="oncall-rota", of="pager", schedules=("Launch primary",), horizon=timedelta(weeks=4))
    assert values(pager, probe) == {"published_ahead": ahead}


def test_unknown_schedule_is_no_reading(pager):
    assert values(pager, OncallRota(ask="oncall-rota", of="pager", schedules=("Launch primary", "Nobody"))) == {}


def test_incidents_are_counted_from_go_live_on(pager):
    pager[0].at("T+8h")
    assert values(pager, INCIDENTS) == {
        "incidents": 1,
        "p0_p1_incidents": 0,
        "incidents_untriaged": 0,
        "incidents_unowned": 0,
        "incidents_unwritten": 0,
    }


def test_severe_and_unowned_incidents_are_told_apart(pager):
    pager[0].at("T+8h").world.set("pagerduty.p1_incidents", 2)
    pager[0].world.set("pagerduty.incidents_have_owner", False)
    found = values(pager, INCIDENTS)
    assert (found["p0_p1_incidents"], found["incidents_unowned"], found["incidents"]) == (2, 3, 3)


def test_fresh_incident_is_not_yet_written_up(pager):
    pager[0].at("T+2h10m")
    assert values(pager, INCIDENTS)["incidents_unwritten"] == 1


def test_window_leaves_older_incidents_out(pager):
    pager[0].at("T+24h")
    probe = PagedIncidents(ask="paged-incidents", of="pager", window=timedelta(hours=3))
    assert values(pager, probe)["incidents"] == 0
