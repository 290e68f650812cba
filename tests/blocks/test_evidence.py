"""The evidence store: only what is fresh, from the right place and of the right commit counts."""

from collections.abc import Iterator

import pytest

from blocks.evidence import EvidenceStore
from launch.errors import PermanentFaultError
from launch.probes.evidence import BuildLog, Coverage, DependencyAudit, LoadTest, SecurityScans
from sandbox.parts.evidence import EvidenceStore as Part
from tests.fakes.observed_world import Observed


@pytest.fixture
def world() -> Iterator[Observed]:
    with Observed(Part()).served() as world:
        yield world.at(days=-6)


def load_test(**fields: object) -> LoadTest:
    base = {"ask": "load-test", "of": "evidence", "name": "load-test", "pilot_users": 25, "environment": "staging"}
    return LoadTest.model_validate({**base, **fields})


def test_fresh_evidence_counts(world: Observed) -> None:
    values = world.block(EvidenceStore).answer(load_test(), world.occasion()).values
    assert {name: quantity.value for name, quantity in values.items()} == {
        "load_factor": 2,
        "test_duration": 240,
        "concurrent_users": 50,
        "api_rate": 500,
        "latency_p95": 412.6,
        "errors": 0,
    }


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"missing": True}, "no evidence"),
        ({"age_hours": 49}, "more than 2 days"),
        ({"environment": "laptop"}, "from laptop, not staging"),
        ({"commit": "0" * 40}, "of commit 000000000000"),
    ],
)
def test_unfit_evidence_carries_no_value_and_says_why(world: Observed, facts: dict[str, object], told: str) -> None:
    world.world.set("evidence.load-test", facts)
    reading = world.block(EvidenceStore).answer(load_test(), world.occasion())
    assert reading.values == {}
    assert told in reading.evidence


def test_evidence_does_not_exist_before_its_day(world: Observed) -> None:
    world.at(days=-7)
    assert world.block(EvidenceStore).answer(load_test(), world.occasion()).values == {}


def test_a_release_without_a_commit_takes_any(world: Observed) -> None:
    world.world.set("evidence.load-test", {"commit": "0" * 40})
    assert world.block(EvidenceStore).answer(load_test(), world.occasion(commit="")).values


def test_one_missing_scanner_leaves_the_count_out(world: Observed) -> None:
    probe = SecurityScans(ask="security-scans", of="evidence", name="security")
    block, now = world.block(EvidenceStore), world.at(days=-7).occasion()
    assert block.answer(probe, now).values["scanners_green"].value == 3
    world.world.set("evidence.security-snyk", {"missing": True})
    assert block.answer(probe, now).values == {}


def test_package_age_is_counted_to_now(world: Observed) -> None:
    probe = DependencyAudit(ask="dependency-audit", of="evidence", name="dependencies")
    values = world.block(EvidenceStore).answer(probe, world.occasion()).values
    assert values["critical_cves"].value == 0
    assert values["package_age"].unit == "days"
    assert values["package_age"].value == pytest.approx(96.125)


def test_evidence_of_another_format_is_a_fault(world: Observed) -> None:
    probe = Coverage(ask="coverage", of="evidence", name="load-test")
    with pytest.raises(PermanentFaultError, match='the format that "coverage" reads'):
        world.block(EvidenceStore).answer(probe, world.occasion())


def test_a_failed_build_and_its_warnings_are_told_apart(world: Observed) -> None:
    world.world.set("evidence.frontend-build", {"exit_code": 1, "warnings": ["a", "b"]})
    probe = BuildLog(ask="build-log", of="evidence", name="frontend-build")
    values = world.block(EvidenceStore).answer(probe, world.at(hours=-13).occasion()).values
    assert (values["build_exit_code"].value, values["build_warnings"].value) == (1, 2)
