"""GitHub: freeze, tag, files and workflow runs."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from blocks.ci import GitHubRepository
from launch.effects.observability import FreezeBranches, TagRollback
from launch.errors import PermanentFaultError
from launch.ports import Acts, Answers, Standing
from launch.probes.repository import BranchFreeze, RepositoryValues, RollbackTag, WorkflowRun
from sandbox.parts.ci import Ci
from tests.fakes.observed_world import T0, Observed, vendor

MAIN = "refs/heads/main"
FREEZE = FreezeBranches(do="freeze-branches", on="repository", ruleset="freeze", branches=(MAIN,), bypass_teams=(7,))
FROZEN = BranchFreeze(ask="branch-freeze", of="repository", ruleset="freeze", branches=(MAIN,))
TAG = TagRollback(do="tag-rollback", on="repository")
TAGGED = RollbackTag(ask="rollback-tag", of="repository")
DRILL = WorkflowRun(
    ask="workflow-run", of="repository", workflow="staging-rollback-drill.yml", jobs=("roll back",), duration="minutes"
)


@pytest.fixture
def world() -> Iterator[Observed]:
    with Observed(Ci()).served() as world:
        yield world


def test_the_block_answers_and_acts(world: Observed) -> None:
    block = world.block(GitHubRepository)
    assert isinstance(block, Answers)
    assert isinstance(block, Acts)


def test_a_freeze_is_set_seen_and_lifted(world: Observed) -> None:
    block, now = world.block(GitHubRepository), world.occasion()
    before = block.observe(FREEZE, now)
    assert before.standing is Standing.ABSENT
    assert block.answer(FROZEN, now).values["freeze_active"].value is False
    block.apply(FREEZE, now)
    block.apply(FREEZE, now)
    assert block.observe(FREEZE, now).standing is Standing.HOLDS
    assert block.answer(FROZEN, now).values["freeze_active"].value is True
    assert block.observe_restored(FREEZE, before.state, now).standing is Standing.ABSENT
    block.restore(FREEZE, before.state, now)
    assert block.observe_restored(FREEZE, before.state, now).standing is Standing.HOLDS
    assert block.answer(FROZEN, now).values["freeze_active"].value is False


def test_a_freeze_of_another_branch_is_none(world: Observed) -> None:
    block, now = world.block(GitHubRepository), world.occasion()
    block.apply(FREEZE, now)
    other = BranchFreeze(ask="branch-freeze", of="repository", ruleset="freeze", branches=(MAIN, "refs/heads/release"))
    assert block.answer(other, now).values["freeze_active"].value is False


def test_the_rollback_tag_is_the_previous_release(world: Observed) -> None:
    block, now = world.block(GitHubRepository), world.occasion()
    assert block.answer(TAGGED, now).values["rollback_tagged"].value is False
    block.apply(TAG, now)
    block.apply(TAG, now)
    assert block.observe(TAG, now).standing is Standing.HOLDS
    reading = block.answer(TAGGED, now)
    assert reading.values["rollback_tagged"].value is True
    assert "rollback-v2.4.9" in reading.where


def _github(answers: dict[str, JsonValue]) -> object:
    def answer(request: Request) -> Response:
        path = request.url.path.removeprefix("/vendor/repos/o/r")
        return JSONResponse(answers.get(path), status_code=200 if path in answers else 404)

    return answer


def test_an_annotated_tag_is_followed_to_its_commit_and_another_commit_refused(world: Observed) -> None:
    releases: JsonValue = [{"tag_name": "v1", "draft": False, "prerelease": False}]
    answers: dict[str, JsonValue] = {
        "/releases": releases,
        "/git/ref/tags/v1": {"object": {"type": "tag", "sha": "aaa"}},
        "/git/tags/aaa": {"object": {"type": "commit", "sha": "bbb"}},
        "/git/ref/tags/rollback-v1": {"object": {"type": "commit", "sha": "ccc"}},
    }
    with vendor(_github(answers)) as url:
        block = GitHubRepository(url=url, repository="o/r", token="t")
        assert block.observe(TAG, world.occasion()).standing is Standing.FAILED
        answers["/git/ref/tags/rollback-v1"] = {"object": {"type": "commit", "sha": "bbb"}}
        assert block.observe(TAG, world.occasion()).standing is Standing.HOLDS


def test_without_an_earlier_release_there_is_nothing_to_return_to(world: Observed) -> None:
    with vendor(_github({"/releases": []})) as url:
        block = GitHubRepository(url=url, repository="o/r", token="t")
        with pytest.raises(PermanentFaultError, match=r"publish the release before v2\.5\.0"):
            block.answer(TAGGED, world.occasion())


def test_a_run_tells_outcome_jobs_and_minutes(world: Observed) -> None:
    block = world.block(GitHubRepository)
    values = block.answer(DRILL, world.at(days=-4).occasion()).values
    assert {name: q.value for name, q in values.items()} == {"run_succeeded": True, "jobs_missing": 0, "minutes": 17}
    world.world.set("ci.staging-rollback-drill", {"failed_job": "roll back", "conclusion": "failure"})
    values = block.answer(DRILL, world.occasion()).values
    assert (values["run_succeeded"].value, values["jobs_missing"].value) == (False, 1)


@pytest.mark.parametrize(("days", "commit"), [(-5, None), (-1, None), (-4, "another")])
def test_a_run_to_come_a_stale_one_and_one_of_another_commit_are_no_answer(
    world: Observed, days: int, commit: str | None
) -> None:
    world.at(days=days)
    occasion = world.occasion() if commit is None else world.occasion(commit=commit)
    assert world.block(GitHubRepository).answer(DRILL, occasion).values == {}


def test_a_run_that_is_repeated_is_no_answer_until_it_has_ended(world: Observed) -> None:
    world.at(days=-4).world.set("ci.staging-rollback-drill", {"running": True})
    reading = world.block(GitHubRepository).answer(DRILL, world.occasion())
    assert reading.values == {}
    assert reading.evidence.endswith("(attempt 2) is in_progress")


def run(number: int, *, minutes_ago: float, status: str = "completed", conclusion: str | None = "success") -> JsonValue:
    """https://docs.github.com/rest/actions/workflow-runs#list-workflow-runs-for-a-workflow"""
    started = (T0 - timedelta(minutes=minutes_ago)).strftime("%FT%TZ")
    whole: JsonValue = {"id": number, "status": status, "conclusion": conclusion, "run_attempt": 1}
    assert isinstance(whole, dict)
    return {**whole, "run_started_at": started, "updated_at": started}


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        ([run(2, minutes_ago=5, status="queued", conclusion=None), run(1, minutes_ago=90)], None),
        ([run(2, minutes_ago=5, conclusion="cancelled"), run(1, minutes_ago=90)], False),
        ([run(2, minutes_ago=5, conclusion="timed_out"), run(1, minutes_ago=90)], False),
        ([run(2, minutes_ago=5), run(1, minutes_ago=90, conclusion="failure")], True),
        # A run of long ago that was repeated just now is the newest.
        ([run(1, minutes_ago=5, conclusion="failure"), run(2, minutes_ago=60)], False),
        ([run(1, minutes_ago=-0.5)], True),
        ([run(1, minutes_ago=-5)], None),
    ],
)
def test_the_newest_run_counts_however_it_ended(runs: list[JsonValue], told: bool | None) -> None:  # noqa: FBT001
    async def answer(request: Request) -> Response:
        if request.url.path.endswith("/jobs"):
            return JSONResponse({"total_count": 1, "jobs": [{"name": "roll back", "conclusion": "success"}]})
        return JSONResponse({"total_count": len(runs), "workflow_runs": runs})

    with vendor(answer) as url:
        block = GitHubRepository.model_validate({"url": url, "repository": "a/b", "token": "t"})
        seen = block.answer(DRILL, Observed().occasion()).values
    assert (seen["run_succeeded"].value if seen else None) is told


def _values(**values: str) -> RepositoryValues:
    path = "config/resilience.json"
    return RepositoryValues(ask="repository-values", of="repository", path=path, values=values)


def test_the_largest_number_and_the_one_word_are_read(world: Observed) -> None:
    probe = _values(most="services.*.retries.max", backoff="services.*.retries.backoff", none="services.*.timeout")
    values = world.block(GitHubRepository).answer(probe, world.occasion()).values
    assert {name: quantity.value for name, quantity in values.items()} == {"most": 3, "backoff": "exponential"}


def test_words_that_differ_are_no_answer(world: Observed) -> None:
    services: JsonValue = {"a": {"backoff": "exponential"}, "b": {"backoff": "none"}}
    world.world.set("ci.files", {"config/resilience.json": {"services": services}})
    reading = world.block(GitHubRepository).answer(_values(backoff="services.*.backoff"), world.occasion())
    assert reading.values == {}


def test_a_file_that_is_not_there_is_permanent(world: Observed) -> None:
    probe = RepositoryValues(ask="repository-values", of="repository", path="nowhere.json", values={"a": "b"})
    with pytest.raises(PermanentFaultError, match="404"):
        world.block(GitHubRepository).answer(probe, world.occasion())
