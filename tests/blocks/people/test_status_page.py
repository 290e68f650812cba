import pytest

from blocks.status_page import Statuspage
from launch.effects.people import ScheduleMaintenance, SetStatus
from launch.moments import parse_offset
from launch.ports import Standing, StatusBoard
from launch.probes.people import PublicMaintenance, PublicResolution, PublicStatus, StatusPageSetup
from sandbox.parts.statuspage import StatuspagePart

NOTICE = ScheduleMaintenance(
    do="schedule-maintenance",
    on="page",
    title="Scheduled Maintenance",
    text="Upgrade",
    start=parse_offset("T-60m"),
    end=parse_offset("T0"),
)
MAINTENANCE = PublicMaintenance(
    ask="public-maintenance", of="page", start=parse_offset("T-60m"), end=parse_offset("T0")
)


def status(state, text="words"):
    return SetStatus(do="set-status", on="page", state=state, title="Title", text=text)


@pytest.fixture
def page(stage):
    built = stage(StatuspagePart())
    return built, Statuspage(**built.fields["statuspage/sandbox-statuspage"])


def values(page, probe):
    built, block = page
    return {name: found.value for name, found in block.answer(probe, built.occasion()).values.items()}


def bring(page, effect, key="teei-1/action"):
    built, block = page
    block.apply(effect, built.occasion(key))
    assert block.observe(effect, built.occasion(key)).standing is Standing.HOLDS


def test_it_is_a_status_board_that_can_be_managed(page):
    assert isinstance(page[1], StatusBoard)
    assert "can be managed and read" in page[1].check()


def test_setup_counts_components_and_subscribers(page):
    page[0].world.set("statuspage.quarantined", 2)
    assert values(page, StatusPageSetup(ask="status-page-setup", of="page")) == {
        "components": 5,
        "subscribers_active": 12,
        "subscribers_quarantined": 2,
    }


def test_notice_is_announced_once_moved_with_t0_and_taken_back(page):
    built, block = page
    assert block.observe(NOTICE, built.occasion()).standing is Standing.ABSENT
    bring(page, NOTICE)
    assert values(page, MAINTENANCE) == {"maintenances_covering": 1, "maintenances_in_progress": 0}
    later = NOTICE.model_copy(update={"end": parse_offset("T+2h")})
    assert block.observe(later, built.occasion()).standing is Standing.ABSENT
    bring(page, later)
    assert values(page, MAINTENANCE)["maintenances_covering"] == 1
    block.restore(NOTICE, {}, built.occasion())
    assert block.observe_restored(NOTICE, {}, built.occasion()).standing is Standing.HOLDS
    assert values(page, MAINTENANCE) == {"maintenances_covering": 0, "maintenances_in_progress": 0}


def test_maintenance_starts_the_notice_and_operational_completes_it(page):
    bring(page, NOTICE)
    page[0].at("T-60m")
    bring(page, status("maintenance"))
    assert values(page, MAINTENANCE) == {"maintenances_covering": 1, "maintenances_in_progress": 1}
    assert values(page, PublicStatus(ask="public-status", of="page"))["page_status"] == "Service Under Maintenance"
    bring(page, status("operational"))
    assert values(page, PublicStatus(ask="public-status", of="page")) == {
        "page_status": "All Systems Operational",
        "components_down": 0,
    }


def test_maintenance_without_notice_is_opened(page):
    page[0].at("T-60m")
    bring(page, status("maintenance"))
    assert values(page, MAINTENANCE)["maintenances_in_progress"] == 1


def test_rollback_is_told_from_investigating_to_resolved(page):
    page[0].at("T+30m")
    probe = PublicResolution(ask="public-resolution", of="page", holding="earlier version")
    bring(page, status("investigating"))
    assert values(page, probe) == {"resolutions": 0, "incidents_open": 1}
    assert values(page, PublicStatus(ask="public-status", of="page"))["page_status"] == "Minor Service Outage"
    bring(page, status("resolved", "Service restored to earlier version"))
    assert values(page, probe) == {"resolutions": 1, "incidents_open": 0}
    page[0].at("T+4h")
    assert values(page, probe)["resolutions"] == 0


def test_an_incident_goes_through_its_states_as_one(page):
    built, block = page
    built.at("T+30m")
    bring(page, status("investigating"))
    for state, text in (
        ("identified", "It is the cache"),
        ("monitoring", "The cache is off"),
        ("resolved", "It is over"),
    ):
        assert block.observe(status(state, text), built.occasion()).standing is Standing.ABSENT
        bring(page, status(state, text))
    probe = PublicResolution(ask="public-resolution", of="page", holding="over")
    assert values(page, probe) == {"resolutions": 1, "incidents_open": 0}


def test_an_incident_may_begin_where_its_cause_is_known(page):
    page[0].at("T+30m")
    bring(page, status("identified", "It is the cache"))
    probe = PublicResolution(ask="public-resolution", of="page", holding="over")
    assert values(page, probe)["incidents_open"] == 1


def test_other_words_are_another_state_of_an_incident(page):
    built, block = page
    built.at("T+30m")
    bring(page, status("monitoring", "The cache is off"))
    assert block.observe(status("monitoring", "The cache is on"), built.occasion()).standing is Standing.ABSENT


def test_maintenance_is_verified_before_it_is_completed(page):
    bring(page, NOTICE)
    page[0].at("T-60m")
    bring(page, status("maintenance"))
    bring(page, status("verifying", "We look at it"))
    assert values(page, MAINTENANCE)["maintenances_in_progress"] == 1
    assert page[1].observe(status("maintenance"), page[0].occasion()).standing is Standing.HOLDS
    bring(page, status("operational"))
    assert values(page, MAINTENANCE)["maintenances_in_progress"] == 0


def test_resolved_is_told_even_if_investigating_never_was(page):
    page[0].at("T+30m")
    bring(page, status("resolved", "restored"))
    probe = PublicResolution(ask="public-resolution", of="page", holding="restored")
    assert values(page, probe)["resolutions"] == 1


def test_restore_puts_components_and_incidents_back(page):
    built, block = page
    effect = status("maintenance")
    before = block.observe(effect, built.occasion()).state
    bring(page, effect)
    assert block.observe_restored(effect, before, built.occasion()).standing is Standing.ABSENT
    block.restore(effect, before, built.occasion())
    assert block.observe_restored(effect, before, built.occasion()).standing is Standing.HOLDS


def test_other_launches_are_left_alone(page):
    built, block = page
    bring(page, NOTICE)
    other = built.occasion(launch="teei-0")
    block.restore(NOTICE, {}, other)
    assert values(page, MAINTENANCE)["maintenances_covering"] == 1


def test_announcement_is_said_once_per_key(page):
    _, block = page
    first = block.announce("operational", "All is well", key="a")
    assert block.announce("operational", "All is well", key="a") == first
    assert block.announce("operational", "All is well", key="b") != first


def test_update_changes_no_state(page):
    _, block = page
    probe = PublicResolution(ask="public-resolution", of="page", holding="words")
    block.announce("update", "Still fine", key="a")
    assert values(page, probe)["incidents_open"] == 0
    opened = block.announce("investigating", "Slow", key="b")
    assert block.announce("update", "Still looking", key="c") == opened
    assert values(page, probe)["incidents_open"] == 1


def test_announcement_on_an_open_incident_updates_it_and_operational_closes_it(page):
    _, block = page
    opened = block.announce("investigating", "Slow", key="a")
    assert block.announce("identified", "Found", key="b") == opened
    bring(page, status("operational"))
    probe = PublicResolution(ask="public-resolution", of="page", holding="words")
    assert values(page, probe)["incidents_open"] == 0
