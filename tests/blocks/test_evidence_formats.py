"""What tools write, read: above all that nothing run, nothing scanned and nothing scored never looks fine."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from blocks import evidence_formats as formats
from launch.errors import PermanentFaultError
from launch.probes.evidence import BrowserMatrix, ChaosJournal
from launch.readings import Quantity, Scalar


def plain(values: Mapping[str, Quantity]) -> dict[str, Scalar]:
    return {name: quantity.value for name, quantity in values.items()}


def test_junit_counts_what_ran() -> None:
    text = (
        "<testsuites><testsuite name='a'><testcase name='1'/><testcase name='2'><failure/></testcase>"
        "<testcase name='3'><error/></testcase></testsuite><testsuite name='b'><testcase name='4'><skipped/></testcase>"
        "</testsuite></testsuites>"
    )
    assert plain(formats.junit(text, ["a", "b", "c"])) == {"scenarios": 3, "failed_tests": 2, "suites_missing": 2}


@pytest.mark.integration
def test_junit_as_pytest_itself_writes_it(tmp_path: Path) -> None:
    (tmp_path / "test_shop.py").write_text(
        "import pytest\n"
        "@pytest.fixture\ndef broken():\n    raise OSError\n"
        "def test_good(): pass\n"
        "def test_bad(): assert 1 == 2\n"
        "def test_never(broken): pass\n"
        "@pytest.mark.skip\ndef test_skipped(): pass\n"
        "@pytest.mark.xfail\ndef test_expected(): assert 1 == 2\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--junitxml=report.xml",
        "-c",
        "/dev/null",
    ]
    plain_pytest = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    run = subprocess.run([*command, "test_shop.py"], cwd=tmp_path, check=False, capture_output=True, env=plain_pytest)
    assert run.returncode == 1
    counted = plain(formats.junit((tmp_path / "report.xml").read_text(), ["pytest", "e2e"]))
    assert counted == {"scenarios": 3, "failed_tests": 2, "suites_missing": 1}


@pytest.mark.parametrize("text", ["<testsuites/>", "<testsuite name='a'><testcase><skipped/></testcase></testsuite>"])
def test_junit_without_a_test_is_no_answer(text: str) -> None:
    assert formats.junit(text, []) == {}


def test_junit_that_is_no_xml_is_a_fault() -> None:
    with pytest.raises(PermanentFaultError, match="no XML"):
        formats.junit("all good", [])


def playwright(statuses: dict[str, str]) -> formats.Playwright:
    def metadata(name: str) -> dict[str, str]:
        browser, at, version = name.partition("@")
        return {"browser": browser, "version": version} if at else {"device": name}

    projects = [{"name": name, "metadata": metadata(name)} for name in ("edge@1", "edge@2", "Pixel 5")]
    tests = [{"projectName": name, "status": status} for name, status in statuses.items()]
    inner = {"suites": [{"specs": [{"tests": tests}]}]}
    return formats.Playwright.model_validate({"config": {"projects": projects}, "suites": [inner]})


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ({"edge@1": "expected", "edge@2": "expected", "Pixel 5": "expected"}, (1, 2, 1)),
        ({"edge@1": "expected", "edge@2": "unexpected", "Pixel 5": "flaky"}, (0, 1, 0)),
        ({"edge@1": "expected"}, (0, 1, 0)),
        ({"edge@1": "skipped", "edge@2": "skipped"}, (0, 0, 0)),
    ],
)
def test_a_browser_passed_when_every_version_ran_and_passed(
    statuses: dict[str, str], expected: tuple[int, int, int]
) -> None:
    probe = BrowserMatrix(ask="browser-matrix", of="e", name="n", browsers=("edge",), devices=("Pixel 5",))
    values = plain(formats.playwright(playwright(statuses), probe))
    assert (values["browsers"], values["versions_per_browser"], values["devices"]) == expected


def test_k6_rates_are_told_to_the_nearest_whole_and_absent_metrics_not_at_all() -> None:
    summary = {
        "metrics": {
            "http_reqs": {"values": {"count": 119_996}},
            "http_req_failed": {"values": {"passes": 3, "fails": 1}},
        },
        "state": {"testRunDurationMs": 14_400_812},
    }
    values = plain(formats.k6(formats.K6.model_validate(summary), 25))
    assert values == {"test_duration": 240, "api_rate": 500, "errors": 3}


@pytest.mark.parametrize(
    ("changes", "survived"),
    [
        ({}, True),
        ({"deviated": True}, False),
        ({"status": "aborted"}, False),
        ({"steady_states": {"before": {}, "after": {}}}, False),
    ],
)
def test_chaos_is_survived_only_when_the_steady_state_was_seen_again(
    changes: dict[str, object], *, survived: bool
) -> None:
    action = {"activity": {"type": "action", "provider": {"func": "terminate_pods"}}}
    journal = {
        "status": "completed",
        "deviated": False,
        "steady_states": {"after": {"steady_state_met": True}},
        "run": [{**action, "status": "succeeded"}, {**action, "status": "failed"}],
    }
    probe = ChaosJournal(ask="chaos-journal", of="e", name="n")
    values = plain(formats.chaostoolkit(formats.Journal.model_validate({**journal, **changes}), probe))
    assert values == {"experiment_survived": survived, "pod_kills": 1, "database_failovers": 0}


def axe(passes: list[str], violations: list[str]) -> dict[str, Scalar]:
    rules = {"passes": [{"id": tag, "tags": [tag]} for tag in passes]}
    broken = {"violations": [{"id": tag, "tags": [tag]} for tag in violations]}
    return plain(formats.axe(formats.Axe.model_validate({**rules, **broken})))


ALL = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.mark.parametrize(
    ("passes", "violations", "level"),
    [(ALL, [], "2.2-AA"), (ALL, ["best-practice"], "2.2-AA"), (ALL, ["wcag2a"], "none"), (ALL[:4], [], "none")],
)
def test_a_level_is_reached_when_all_its_rules_ran_and_none_is_violated(
    passes: list[str], violations: list[str], level: str
) -> None:
    assert axe(passes, violations)["wcag_level"] == level


def test_a_missing_or_unscored_category_leaves_lighthouse_without_a_score() -> None:
    names = ("performance", "seo")
    whole = formats.LighthouseReport.model_validate(
        {"categories": {"performance": {"score": 0.9}, "seo": {"score": 1}}}
    )
    assert plain(formats.lighthouse(whole, names)) == {"lighthouse_score": 90}
    for categories in ({"performance": {"score": 0.9}}, {"performance": {"score": 0.9}, "seo": {"score": None}}):
        report = formats.LighthouseReport.model_validate({"categories": categories})
        assert formats.lighthouse(report, names) == {}


@pytest.mark.parametrize(
    ("log", "warnings"),
    [("done\n", 0), ("[WARN] css\nWarning: x\n", 2), ("0 warnings, no errors\n", 0), ("warning: 10 warnings\n", 1)],
)
def test_build_warnings_are_lines_that_speak_of_one(log: str, warnings: int) -> None:
    assert plain(formats.build_log(formats.Build(exit_code=0, log=log)))["build_warnings"] == warnings


def test_an_empty_build_log_tells_nothing_about_warnings() -> None:
    assert plain(formats.build_log(formats.Build(exit_code=0, log=" \n"))) == {"build_exit_code": 0}


@pytest.mark.parametrize(
    ("sites", "ok", "count", "high", "green"),
    [
        ([{"alerts": [{"riskcode": "2"}]}], True, 10, 0, 3),
        ([{"alerts": [{"riskcode": "3"}]}], True, 10, 0, 2),
        ([], True, 10, 0, 2),
        ([{"alerts": []}], True, 0, 0, 2),
        ([{"alerts": []}], False, 10, 1, 1),
    ],
)
def test_a_scanner_that_looked_at_nothing_is_not_green(
    sites: list[object], *, ok: bool, count: int, high: int, green: int
) -> None:
    values = formats.scanners(
        zap=formats.Zap.model_validate({"site": sites}),
        snyk=formats.Snyk(ok=ok, dependencyCount=count),
        npm=formats.NpmAudit.model_validate({"metadata": {"vulnerabilities": {"critical": 0, "high": high}}}),
    )
    assert plain(values) == {"scanners_green": green}


def test_no_bundle_has_no_size() -> None:
    assert formats.size_limit([]) == {}
