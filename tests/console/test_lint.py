"""`tminus lint` in a process of its own: exit codes, output, and what it must not import."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def tminus(*arguments: str, flags: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *flags, "-m", "console.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=60)


@pytest.fixture
def wrong_plan(small_plan: Path, tmp_path: Path) -> Path:
    path = tmp_path / "wrong.yaml"
    path.write_text(
        small_plan.read_text().replace("gate: go\n", "gate: stop\n").replace("offset: T-2d", "offset: T-2h")
    )
    return path


def test_a_clean_plan_exits_0(small_plan: Path) -> None:
    finished = tminus("lint", str(small_plan))
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout == f"{small_plan}: valid; 2 checks, 3 actions, 1 gates\n"


def test_findings_exit_1_with_file_line_code_path_and_what_would_be_right(wrong_plan: Path) -> None:
    finished = tminus("lint", str(wrong_plan))
    assert finished.returncode == 1
    first, second = finished.stdout.splitlines()
    assert first.startswith(f"{wrong_plan}:28: P202 checks[0].offset: T-2h lies outside phase 'hardening'")
    assert second == f'{wrong_plan}:43: P101 checks[1].gate: the plan has no gate "stop"; there is go'


def test_findings_as_one_json_document(wrong_plan: Path) -> None:
    finished = tminus("lint", str(wrong_plan), "--json")
    assert (finished.returncode, finished.stderr) == (1, "")
    document = json.loads(finished.stdout)
    assert [finding["code"] for finding in document["findings"]] == ["P202", "P101"]
    assert set(document["findings"][0]) == {"code", "path", "line", "problem", "right"}


def test_a_doubt_about_a_plan_that_can_be_launched_is_a_finding_too(small_plan: Path, tmp_path: Path) -> None:
    path = tmp_path / "doubtful.yaml"
    query = 'query: {of: database, query: "errors", step: 5m}'
    path.write_text(small_plan.read_text().replace('    unit: "%"\n', f'    unit: "%"\n    {query}\n', 1))
    finished = tminus("lint", str(path))
    assert finished.returncode == 1
    assert ": P243 thresholds[0].gap: samples every 5m are further apart than `gap`" in finished.stdout
    document = json.loads(tminus("lint", str(path), "--json").stdout)
    assert [finding["code"] for finding in document["findings"]] == ["P243"]
    assert len(document["hash"]) == 64


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read: no such file or directory"),
        (b"a: [1,\nb: 2", "plan.yaml:3: this is not YAML"),
        (b"\xff\xfe\x00", "this is not UTF-8 text"),
    ],
)
def test_what_cannot_be_read_exits_2_with_one_sentence(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "plan.yaml"
    if content is not None:
        path.write_bytes(content)
    finished = tminus("lint", str(path))
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr.count("\n") == 1
    assert sentence in finished.stderr


@pytest.mark.parametrize("arguments", [("lint",), ("timeline", "--t0", "2026-12-07T06:00Z"), ("plans", "ids")])
def test_looking_at_a_plan_imports_neither_prefect_nor_blocks(small_plan: Path, arguments: tuple[str, ...]) -> None:
    finished = tminus(*arguments, str(small_plan), flags=("-X", "importtime"))
    assert finished.returncode == 0
    imported = {line.rsplit("|", 1)[-1].strip().partition(".")[0] for line in finished.stderr.splitlines()}
    assert "launch" in imported
    assert not imported & {"prefect", "blocks", "flows", "tasks", "sandbox", "sqlalchemy", "httpx", "boto3", "rich"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nonsense",), "tminus: No such command 'nonsense'; see tminus --help"),
        (("lint",), "tminus: Missing argument 'PLAN'; see tminus lint --help"),
        (("lint", "--fast", "x"), "tminus: No such option '--fast'; see tminus lint --help"),
    ],
)
def test_wrong_arguments_exit_2_with_one_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    finished = tminus(*arguments)
    assert (finished.returncode, finished.stdout, finished.stderr) == (2, "", sentence + "\n")


def test_the_table_of_commands_names_commands_that_are_there() -> None:
    for name in ("", "lint", "timeline", "plans", "status", "attest", "waive", "hold", "slip", "report", "audit"):
        finished = tminus(*filter(None, [name]), "--help")
        assert finished.returncode == 0, finished.stderr
        assert "Usage: tminus" in finished.stdout
