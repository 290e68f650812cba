"""GitHub: freezes, tags, files and workflow runs of one repository."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, assert_never
from urllib.parse import quote

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, PrivateAttr, RootModel, SecretStr

from blocks import wire
from blocks.endpoint import Endpoint
from blocks.payloads import Payload, read
from launch.effects.base import Effect
from launch.effects.observability import FreezeBranches, TagRollback
from launch.errors import PermanentFaultError
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.repository import BranchFreeze, RepositoryValues, RollbackTag, WorkflowRun
from launch.readings import Quantity, Reading, Scalar, quantities


class _Repository(Payload):
    full_name: str


class _Brief(Payload):
    id: int
    name: str


class _Briefs(RootModel[list[_Brief]]):
    """Rulesets of a repository."""


class _RefName(Payload):
    include: list[str] = Field(default_factory=list)
    exclude: list[str] = Field(default_factory=list)


class _Conditions(Payload):
    ref_name: _RefName = _RefName()


class _Rule(Payload):
    type: str


class _Ruleset(Payload):
    id: int
    enforcement: str
    conditions: _Conditions = _Conditions()
    rules: list[_Rule] = Field(default_factory=list)

    def freezes(self, branches: tuple[str, ...]) -> bool:
        """Whether nobody outside the bypass list may update any of `branches`."""
        names = self.conditions.ref_name
        covered = "~ALL" in names.include or set(branches) <= set(names.include)
        forbids = any(rule.type == "update" for rule in self.rules)
        return self.enforcement == "active" and forbids and covered and not set(branches) & set(names.exclude)


class _Release(Payload):
    tag_name: str
    draft: bool
    prerelease: bool


class _Releases(RootModel[list[_Release]]):
    """Releases, newest first."""


class _Object(Payload):
    type: str
    sha: str


class _Ref(Payload):
    object: _Object


class _Run(Payload):
    id: int
    status: str
    conclusion: str | None
    run_attempt: int = 1
    run_started_at: datetime
    updated_at: datetime


class _Runs(Payload):
    workflow_runs: list[_Run]


class _Job(Payload):
    name: str
    conclusion: str | None


class _Jobs(Payload):
    total_count: int
    jobs: list[_Job]


_PAGE, _PAGES = 100, 10
_COMPLETED = "completed"
# GitHub's clock and the launch's may be that far apart.
_SKEW = timedelta(minutes=1)


class GitHubRepository(Block):
    """A repository at GitHub (or GitHub Enterprise Server)."""

    _block_type_name = "GitHub project"
    _block_type_slug = "github"
    _description = (
        "Rulesets, tags, files and workflow runs: https://docs.github.com/rest. A fine-grained token needs "
        "administration (write, for freezes), contents (write, for tags) and actions (read)."
    )
    _documentation_url = HttpUrl("https://docs.github.com/rest")
    needs: ClassVar[str] = (
        "administration (write, for freezes), contents (write, for tags), actions (read), on one repository"
    )

    answers: ClassVar[tuple[type[Probe], ...]] = (WorkflowRun, RepositoryValues, BranchFreeze, RollbackTag)
    effects: ClassVar[tuple[type[Effect], ...]] = (FreezeBranches, TagRollback)

    url: str = Field(default="https://api.github.com", description="API address.")
    repository: str = Field(description="`owner/name`.")
    token: SecretStr = Field(description="Fine-grained token or the token of an app's installation.")
    timeout_seconds: float = Field(default=15.0, gt=0, description="Longest wait for any one step of an exchange.")
    _endpoint: Endpoint | None = PrivateAttr(default=None)

    def check(self) -> str:
        """Proves that the repository can be seen with the token. Raises `SystemFaultError`."""
        name = self._api.ask(_Repository, "GET", self._path(""), question="whether it can be seen").full_name
        return f"GitHub shows the repository {name}"

    def answer(self, probe: WorkflowRun | RepositoryValues | BranchFreeze | RollbackTag, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        match probe:
            case WorkflowRun():
                return self._workflow(probe, occasion)
            case RepositoryValues():
                return self._values(probe, occasion)
            case BranchFreeze():
                found = self._ruleset(probe.ruleset)
                frozen = found is not None and found.freezes(probe.branches)
                told = "there is none" if found is None else f"its enforcement is {found.enforcement}"
                return Reading(
                    values=quantities("", freeze_active=frozen),
                    where=f'ruleset "{probe.ruleset}" of {self.repository}',
                    at=occasion.now,
                    evidence=told,
                )
            case RollbackTag():
                tag, wanted, actual = self._rollback_tag(probe.prefix, occasion)
                return Reading(
                    values=quantities("", rollback_tagged=actual is not None and actual == wanted),
                    where=f"tag {tag} of {self.repository}",
                    at=occasion.now,
                    evidence=f"tag is at {actual or 'no commit'}, previous release at {wanted}",
                )
            case _:
                assert_never(probe)

    def observe(self, effect: FreezeBranches | TagRollback, occasion: Occasion) -> Observation:
        """Raises `SystemFaultError`."""
        match effect:
            case FreezeBranches():
                found = self._ruleset(effect.ruleset)
                state: State = {"enforcement": found.enforcement if found else "disabled"}
                if found is not None and found.freezes(effect.branches):
                    return Observation(standing=Standing.HOLDS, state=state, detail="the branches are frozen")
                return Observation(standing=Standing.ABSENT, state=state, detail="the branches are open")
            case TagRollback():
                tag, wanted, actual = self._rollback_tag(effect.prefix, occasion)
                if actual is None:
                    return Observation(standing=Standing.ABSENT, detail=f"there is no tag {tag}")
                if actual != wanted:
                    detail = f"tag {tag} exists at another commit ({actual[:12]})"
                    return Observation(standing=Standing.FAILED, detail=detail)
                return Observation(standing=Standing.HOLDS, detail=f"tag {tag} is at {wanted[:12]}")
            case _:
                assert_never(effect)

    def apply(self, effect: FreezeBranches | TagRollback, occasion: Occasion) -> None:
        """Raises `SystemFaultError`."""
        match effect:
            case FreezeBranches():
                self._freeze(effect)
            case TagRollback():
                tag, wanted, _ = self._rollback_tag(effect.prefix, occasion)
                self._api.send(
                    "POST",
                    self._path("/git/refs"),
                    question=f"tagging {tag}",
                    # 422 is "Reference already exists": another run was faster, which `observe` will confirm or refuse.
                    ok={201, 422},
                    json={"ref": f"refs/tags/{tag}", "sha": wanted},
                )
            case _:
                assert_never(effect)

    def observe_restored(self, effect: FreezeBranches | TagRollback, before: State, occasion: Occasion) -> Observation:
        """A freeze is back at its earlier enforcement; a tag is never taken back. Raises `SystemFaultError`."""
        if isinstance(effect, TagRollback):
            return Observation(standing=Standing.HOLDS, state=before, detail="the tag stays as the rollback's record")
        now = self.observe(effect, occasion)
        back = now.state["enforcement"] == before.get("enforcement", "disabled")
        standing = Standing.HOLDS if back else Standing.ABSENT
        return Observation(standing=standing, state=now.state, detail=f"enforcement is {now.state['enforcement']}")

    def restore(self, effect: FreezeBranches | TagRollback, before: State, occasion: Occasion) -> None:  # noqa: ARG002 - the port's verb
        """Raises `SystemFaultError`."""
        found = self._ruleset(effect.ruleset) if isinstance(effect, FreezeBranches) else None
        if found is not None:
            self._api.send(
                "PUT",
                self._path(f"/rulesets/{found.id}"),
                question="lifting the freeze",
                json={"enforcement": before.get("enforcement", "disabled")},
            )

    def _freeze(self, effect: FreezeBranches) -> None:
        found = self._ruleset(effect.ruleset)
        branches: list[JsonValue] = list(effect.branches)
        bypass: list[JsonValue] = [
            {"actor_id": team, "actor_type": "Team", "bypass_mode": "pull_request"} for team in effect.bypass_teams
        ]
        self._api.send(
            "PUT" if found else "POST",
            self._path(f"/rulesets/{found.id}" if found else "/rulesets"),
            question=f'the freeze "{effect.ruleset}"',
            json={
                "name": effect.ruleset,
                "target": "branch",
                "enforcement": "active",
                "conditions": {"ref_name": {"include": branches, "exclude": []}},
                "rules": [{"type": "update"}, {"type": "deletion"}, {"type": "non_fast_forward"}],
                "bypass_actors": bypass,
            },
        )

    def _workflow(self, probe: WorkflowRun, occasion: Occasion) -> Reading:
        commit = {"head_sha": occasion.release.commit} if probe.of_release and occasion.release.commit else {}
        question = f'the runs of workflow "{probe.workflow}"'
        runs = self._api.ask(
            _Runs,
            "GET",
            self._path(f"/actions/workflows/{quote(probe.workflow)}/runs"),
            question=question,
            params={"per_page": _PAGE, **commit},
        ).workflow_runs
        fresh = [run for run in runs if -_SKEW <= occasion.now - run.updated_at <= probe.not_older_than]
        if not fresh:
            told = f"{len(runs)} runs, none within {probe.not_older_than}"
            return Reading(values={}, where=question, at=occasion.now, evidence=told)
        newest = max(fresh, key=lambda run: run.run_started_at)
        if newest.status != _COMPLETED:
            # What ended before it is of yesterday: a repetition is there because that was not good enough.
            told = f"run {newest.id} (attempt {newest.run_attempt}) is {newest.status}"
            return Reading(values={}, where=question, at=occasion.now, evidence=told)
        done = {job.name for job in self._jobs(newest.id, question) if job.conclusion == "success"}
        missing = [job for job in probe.jobs if job not in done]
        minutes = (newest.updated_at - newest.run_started_at) / timedelta(minutes=1)
        return Reading(
            values=quantities("", run_succeeded=newest.conclusion == "success", jobs_missing=len(missing))
            | quantities("min", **{probe.duration: minutes}),
            where=f'run {newest.id} of workflow "{probe.workflow}" in {self.repository}',
            at=occasion.now,
            evidence=f"{newest.conclusion}; without success: {', '.join(missing) or 'none'}"[:256],
        )

    def _jobs(self, run: int, question: str) -> list[_Job]:
        """Of its newest attempt."""
        found: list[_Job] = []
        for page in range(1, _PAGES + 1):
            params = {"per_page": _PAGE, "page": page}
            answer = self._api.ask(
                _Jobs, "GET", self._path(f"/actions/runs/{run}/jobs"), question=question, params=params
            )
            found += answer.jobs
            if not answer.jobs or len(found) >= answer.total_count:
                break
        return found

    def _values(self, probe: RepositoryValues, occasion: Occasion) -> Reading:
        question = f'the file "{probe.path}"'
        response = self._api.send(
            "GET",
            self._path(f"/contents/{quote(probe.path)}"),
            question=question,
            params={"ref": occasion.release.commit} if occasion.release.commit else {},
            headers={"Accept": "application/vnd.github.raw+json"},
        )
        document = wire.json_body(response, system=self._api.system, question=question)
        found = {name: _settled(_at(document, path.split("."))) for name, path in probe.values.items()}
        return Reading(
            values={name: Quantity(value=value) for name, value in found.items() if value is not None},
            where=f"{probe.path} of {self.repository}",
            at=occasion.now,
        )

    def _ruleset(self, name: str) -> _Ruleset | None:
        question = f'the ruleset "{name}"'
        briefs = self._api.ask(
            _Briefs,
            "GET",
            self._path("/rulesets"),
            question=question,
            params={"per_page": 100, "includes_parents": False},
        ).root
        number = next((brief.id for brief in briefs if brief.name == name), None)
        if number is None:
            return None
        return self._api.ask(_Ruleset, "GET", self._path(f"/rulesets/{number}"), question=question)

    def _rollback_tag(self, prefix: str, occasion: Occasion) -> tuple[str, str, str | None]:
        """The rollback tag, the commit it must carry, and the commit that it carries (None without such a tag)."""
        question = "which release came before"
        releases = self._api.ask(
            _Releases, "GET", self._path("/releases"), question=question, params={"per_page": 30}
        ).root
        published = [one.tag_name for one in releases if not (one.draft or one.prerelease)]
        previous = next((tag for tag in published if tag != occasion.release.version), None)
        wanted = self._commit(previous) if previous else None
        if previous is None or wanted is None:
            raise PermanentFaultError(
                system=self._api.system,
                question=question,
                answer="no earlier published release with a tag",
                next_step=f"publish the release before {occasion.release.version}",
            )
        return f"{prefix}{previous}", wanted, self._commit(f"{prefix}{previous}")

    def _commit(self, tag: str) -> str | None:
        question = f"the tag {tag}"
        response = self._api.send("GET", self._path(f"/git/ref/tags/{quote(tag)}"), question=question, ok={200, 404})
        if response.status_code == 404:
            return None
        target = read(_Ref, response, system=self._api.system, question=question).object
        if target.type == "tag":  # an annotated tag is an object of its own that points to the commit
            target = self._api.ask(_Ref, "GET", self._path(f"/git/tags/{target.sha}"), question=question).object
        return target.sha

    def _path(self, path: str) -> str:
        return f"/repos/{self.repository}{path}"

    @property
    def _api(self) -> Endpoint:
        if self._endpoint is None:
            headers = {
                "Authorization": f"Bearer {self.token.get_secret_value()}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            }
            self._endpoint = Endpoint(
                "GitHub", self.url, headers=headers, timeout_seconds=self.timeout_seconds, needs=self.needs
            )
        return self._endpoint


def _at(document: JsonValue, path: list[str]) -> list[JsonValue] | None:
    """Every value at `path`; None when a step of it is not there."""
    if not path:
        return [document]
    step, rest = path[0], path[1:]
    if step == "*" and isinstance(document, dict | list) and document:
        members = document.values() if isinstance(document, dict) else document
        found = [_at(member, rest) for member in members]
        complete = [values for values in found if values is not None]
        return [value for values in complete for value in values] if len(complete) == len(found) else None
    return _at(document[step], rest) if isinstance(document, dict) and step in document else None


def _settled(values: list[JsonValue] | None) -> Scalar | None:
    """The largest of numbers, or the one word that all are; None for anything else."""
    if not values:
        return None
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == len(values):
        return max(numbers)
    words = [value for value in values if isinstance(value, str | bool)]
    return words[0] if len(words) == len(values) and len(set(words)) == 1 else None
