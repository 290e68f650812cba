"""The shell block runs real processes: what a script prints, how it ends, and that a run outlives its worker."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from blocks.shell import ShellScripts
from launch.effects.platform import RunScript
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import Occasion, Standing
from launch.release import Release
from tests.fakes.programs import runner_ended

NOW = datetime(2025, 11, 17, 6, tzinfo=UTC)
SCRIPT = Path(__file__).with_name("scripts") / "deploy.sh"


def occasion(key="teei-1/run-deploy-script"):
    return Occasion(launch="teei-1", now=NOW, t0=NOW, release=Release(version="v2.5.0"), key=key)


def run(*arguments, longest=30.0, expect=("Deployment complete!",), script="deploy.sh"):
    return RunScript(
        do="run-script",
        on="shell",
        script=script,
        arguments=arguments,
        expect=expect,
        longest=timedelta(seconds=longest),
    )


@pytest.fixture
def block(tmp_path):
    os.mkfifo(tmp_path / "gate")
    return ShellScripts(
        scripts={"deploy.sh": str(SCRIPT)},
        records=str(tmp_path / "records"),
        work_directory=str(tmp_path),
        environment={"TOKEN": "s3cret-value", "GATE": str(tmp_path / "gate")},
    )


def ended(block, effect, when=None):
    """The observation once the runner process is gone."""
    runner_ended(block.records)
    return block.observe(effect, when or occasion())


def test_a_script_that_prints_what_is_expected_holds(block):
    effect = run("ok", "v2.5.0", "--region=eu-west-1")
    assert block.observe(effect, occasion()).standing is Standing.ABSENT
    block.apply(effect, occasion())
    observation = ended(block, effect)
    assert observation.standing is Standing.HOLDS
    assert observation.detail == 'deploy.sh ended with status 0; last line: "Deployment complete!"'
    (output,) = Path(block.records).glob("*/output")
    assert "arguments: v2.5.0 --region=eu-west-1" in output.read_text()


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("fail", 'deploy.sh ended with status 3; last line: "error: health check failed"'),
        ("silent", 'deploy.sh ended with status 0 but never printed "Deployment complete!"'),
    ],
)
def test_a_script_that_fails_or_says_too_little_has_failed(block, mode, sentence):
    block.apply(run(mode), occasion())
    observation = ended(block, run(mode))
    assert observation.standing is Standing.FAILED
    assert observation.detail.startswith(sentence)


def test_a_script_gets_only_the_named_environment_and_its_secrets_are_blanked(block):
    effect = run("silent", expect=("home: none",))
    block.apply(effect, occasion())
    observation = ended(block, effect)
    assert observation.standing is Standing.HOLDS
    assert observation.detail.endswith('last line: "token: ***, home: none"')


def test_a_script_that_takes_too_long_is_killed(block):
    block.apply(run("hang", longest=0.3), occasion())
    observation = ended(block, run("hang", longest=0.3))
    assert observation.standing is Standing.FAILED
    assert "killed after 0.3 s" in observation.detail


def test_a_run_goes_on_by_itself_and_a_second_apply_finds_it(block, tmp_path):
    effect = run("hang")
    block.apply(effect, occasion())
    block.apply(effect, occasion())
    again = ShellScripts(**{**block.model_dump(), "environment": block.environment})
    assert again.observe(effect, occasion()).standing is Standing.UNDER_WAY
    (tmp_path / "gate").write_text("go on\n")
    assert ended(again, effect).standing is Standing.HOLDS
    (output,) = Path(block.records).glob("*/output")
    assert output.read_text().count("arguments:") == 1


def test_another_key_is_another_run(block):
    block.apply(run("ok"), occasion())
    ended(block, run("ok"))
    assert block.observe(run("ok"), occasion("teei-1/again")).standing is Standing.ABSENT


def test_a_runner_that_was_stopped_leaves_a_failed_run(block, tmp_path):
    effect = run("hang")
    block.apply(effect, occasion())
    (pid_file,) = Path(block.records).glob("*/pid")
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    observation = ended(block, effect)
    (tmp_path / "gate").write_text("let the orphan end\n")
    assert observation.standing is Standing.FAILED
    assert "ended without a result" in observation.detail


def test_a_start_that_left_no_trace_is_unknown_and_not_repeated(block):
    effect = run("ok")
    block.apply(effect, occasion())
    ended(block, effect)
    (record,) = Path(block.records).iterdir()
    for name in ("lock", "pid", "result.json", "output"):
        (record / name).unlink()
    block.apply(effect, occasion())
    assert block.observe(effect, occasion()).standing is Standing.UNKNOWN


@pytest.mark.parametrize("argument", ["; rm -rf /", "$(id)", "a b", "`id`", "a\nb"])
def test_an_argument_that_a_shell_could_read_is_refused_before_anything_runs(block, argument):
    with pytest.raises(PermanentFaultError, match="other characters than allowed"):
        block.apply(run("ok", argument), occasion())
    assert block.observe(run("ok", argument), occasion()).standing is Standing.ABSENT


def test_a_script_that_is_not_in_the_list_is_refused(block):
    with pytest.raises(PermanentFaultError, match=r"not one of deploy\.sh"):
        block.apply(run("ok", script="../deploy.sh"), occasion())


def test_a_file_that_cannot_be_executed_has_failed(block, tmp_path):
    (tmp_path / "broken").write_text("no interpreter")
    (tmp_path / "broken").chmod(0o755)
    broken = block.model_copy(update={"scripts": {"deploy.sh": str(tmp_path / "broken")}})
    broken.apply(run("ok"), occasion())
    observation = ended(broken, run("ok"))
    assert observation.standing is Standing.FAILED
    assert 'status 126; last line: "Exec format error"' in observation.detail


def test_a_damaged_record_is_a_fault(block):
    block.apply(run("ok"), occasion())
    ended(block, run("ok"))
    (result,) = Path(block.records).glob("*/result.json")
    result.write_text("{")
    with pytest.raises(PermanentFaultError, match="a damaged record"):
        block.observe(run("ok"), occasion())


def test_a_work_directory_that_is_gone_is_worth_another_try(block, tmp_path):
    lost = block.model_copy(update={"work_directory": str(tmp_path / "gone")})
    with pytest.raises(TransientFaultError, match="could not be started"):
        lost.apply(run("ok"), occasion())


def test_a_script_cannot_be_taken_back_by_itself(block):
    assert block.observe_restored(run("ok"), {}, occasion()).standing is Standing.UNKNOWN
    with pytest.raises(PermanentFaultError, match="name the action that undoes it"):
        block.restore(run("ok"), {}, occasion())


def test_check_proves_that_scripts_can_run_and_records_be_written(block, tmp_path):
    assert block.check() == "1 scripts can be run"
    with pytest.raises(PermanentFaultError, match="no such executable"):
        block.model_copy(update={"scripts": {"x": str(tmp_path / "none")}}).check()
    (tmp_path / "file").write_text("")
    with pytest.raises(PermanentFaultError, match="records"):
        block.model_copy(update={"records": str(tmp_path / "file" / "below")}).check()


def test_relative_paths_are_refused():
    with pytest.raises(ValidationError, match="absolute"):
        ShellScripts(scripts={"x": "deploy.sh"}, records="/r", work_directory="/")
