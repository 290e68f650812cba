"""A source repository and its pipelines that speak GitHub's REST API (version 2022-11-28): https://docs.github.com/rest."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.parts.bearer import refused
from sandbox.product import COMMIT
from sandbox.world import World

_TOKEN = "ghp_sandbox"
_REPOSITORY = "/repos/teei/csr-platform"
_PREVIOUS_COMMIT = "9a8b7c6d5e4f30211203f4e5d6c7b8a998877665"
_NOT_FOUND: JsonValue = {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}
_FILES: dict[str, JsonValue] = {
    "config/resilience.json": {
        "services": {
            name: {"retries": {"max": 3, "backoff": "exponential"}}
            for name in ("reporting-api", "q2q-pipeline", "notification-service", "export-service")
        }
    }
}


@dataclass(frozen=True)
class _Workflow:
    """A rehearsal on staging: when it starts relative to T0, how long it takes and what it does."""

    starts: timedelta
    minutes: int
    jobs: tuple[str, ...]


_WORKFLOWS = {
    "staging-deploy.yml": _Workflow(
        timedelta(days=-4, hours=-2),
        24,
        ("preflight", "deploy services", "migrate", "publish assets", "rehearse rollback"),
    ),
    "staging-rollback-drill.yml": _Workflow(
        timedelta(days=-4, hours=-1), 17, ("deploy new version", "roll back", "verify")
    ),
}


class Ci:
    """The part `ci`."""

    name = "ci"

    _world: World

    def __init__(self) -> None:
        self._rulesets: dict[int, dict[str, JsonValue]] = {}
        self._tags = {"v2.5.0": COMMIT, "v2.4.9": _PREVIOUS_COMMIT}
        self._lock = threading.Lock()

    def define(self, world: World) -> None:
        self._world = world
        world.define("ci.enforcement", None, "enforcement that every ruleset shows; null: as it was set")
        world.define("ci.lost-tags", False, "true: tags are taken and never shown, but for release tags")
        world.define("ci.files", {}, "files of the repository that read otherwise, by path")
        for workflow in _WORKFLOWS:
            name = f"ci.{workflow.removesuffix('.yml')}"
            world.define(name, {}, f"how {workflow} ended otherwise: conclusion, minutes, failed_job, running")

    def start(self) -> None:
        """Nothing to start."""

    def tick(self) -> None:
        """Nothing to do: a run shows when its day has come."""

    def stop(self) -> None:
        """Nothing to stop."""

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route(_REPOSITORY, self._repository),
            Route(f"{_REPOSITORY}/rulesets", self._list_rulesets, methods=["GET"]),
            Route(f"{_REPOSITORY}/rulesets", self._create_ruleset, methods=["POST"]),
            Route(f"{_REPOSITORY}/rulesets/{{id:int}}", self._ruleset, methods=["GET", "PUT"]),
            Route(f"{_REPOSITORY}/releases", self._releases),
            Route(f"{_REPOSITORY}/git/ref/tags/{{tag}}", self._tag),
            Route(f"{_REPOSITORY}/git/refs", self._create_ref, methods=["POST"]),
            Route(f"{_REPOSITORY}/contents/{{path:path}}", self._contents),
            Route(f"{_REPOSITORY}/actions/workflows/{{file}}/runs", self._runs),
            Route(f"{_REPOSITORY}/actions/runs/{{id:int}}/jobs", self._jobs),
        ]

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {"github/sandbox-ci": {"url": base_url, "repository": "teei/csr-platform", "token": _TOKEN}}

    def _repository(self, request: Request) -> Response:
        return refused(request, _TOKEN) or JSONResponse({"full_name": "teei/csr-platform", "default_branch": "main"})

    def _list_rulesets(self, request: Request) -> Response:
        with self._lock:
            brief = [
                {name: self._shown(one)[name] for name in ("id", "name", "enforcement")}
                for one in self._rulesets.values()
            ]
        return refused(request, _TOKEN) or JSONResponse(brief)

    async def _create_ruleset(self, request: Request) -> Response:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        asked = await request.json()
        with self._lock:
            if any(one["name"] == asked.get("name") for one in self._rulesets.values()):
                return JSONResponse(
                    {"message": "Validation Failed", "errors": ["Name must be unique"]}, status_code=422
                )
            number = len(self._rulesets) + 1
            self._rulesets[number] = {"id": number, **asked}
            return JSONResponse(self._rulesets[number], status_code=201)

    async def _ruleset(self, request: Request) -> Response:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        changes = await request.json() if request.method == "PUT" else {}
        with self._lock:
            one = self._rulesets.get(request.path_params["id"])
            if one is None:
                return JSONResponse(_NOT_FOUND, status_code=404)
            one.update(changes)
            return JSONResponse(self._shown(one))

    def _shown(self, ruleset: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        turned = self._world.get("ci.enforcement")
        return {**ruleset, "enforcement": ruleset["enforcement"] if turned is None else turned}

    def _releases(self, request: Request) -> Response:
        def release(tag: str, published: datetime) -> JsonValue:
            return {"tag_name": tag, "draft": False, "prerelease": False, "published_at": published.strftime("%FT%TZ")}

        t0 = self._world.t0
        releases = [release("v2.5.0", t0 - timedelta(days=8)), release("v2.4.9", t0 - timedelta(days=40))]
        return refused(request, _TOKEN) or JSONResponse(releases)

    def _tag(self, request: Request) -> Response:
        tag = request.path_params["tag"]
        lost = self._world.get("ci.lost-tags") is True and not tag.startswith("v")
        with self._lock:
            sha = None if lost else self._tags.get(tag)
        found: JsonValue = {"ref": f"refs/tags/{tag}", "object": {"type": "commit", "sha": sha}}
        answer = JSONResponse(_NOT_FOUND, status_code=404) if sha is None else JSONResponse(found)
        return refused(request, _TOKEN) or answer

    async def _create_ref(self, request: Request) -> Response:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        asked = await request.json()
        tag = str(asked["ref"]).removeprefix("refs/tags/")
        with self._lock:
            if tag in self._tags:
                return JSONResponse({"message": "Reference already exists", "status": "422"}, status_code=422)
            self._tags[tag] = str(asked["sha"])
        return JSONResponse({"ref": asked["ref"], "object": {"type": "commit", "sha": asked["sha"]}}, status_code=201)

    def _contents(self, request: Request) -> Response:
        turned = self._world.get("ci.files")
        files = {**_FILES, **(turned if isinstance(turned, dict) else {})}
        path = request.path_params["path"]
        known = path in files and request.query_params.get("ref", COMMIT) == COMMIT
        return refused(request, _TOKEN) or (
            JSONResponse(files[path]) if known else JSONResponse(_NOT_FOUND, status_code=404)
        )

    def _runs(self, request: Request) -> Response:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        file = request.path_params["file"]
        if file not in _WORKFLOWS:
            return JSONResponse(_NOT_FOUND, status_code=404)
        turned = self._turned(file)
        minutes = turned.get("minutes", _WORKFLOWS[file].minutes)
        started = self._world.t0 + _WORKFLOWS[file].starts
        ended = started + timedelta(minutes=minutes if isinstance(minutes, int | float) else 0)
        running = bool(turned.get("running"))
        run = {
            "id": list(_WORKFLOWS).index(file) + 1,
            "head_sha": COMMIT,
            "status": "in_progress" if running else "completed",
            "conclusion": None if running else turned.get("conclusion", "success"),
            "run_attempt": 2 if running else 1,
            "run_started_at": started.strftime("%FT%TZ"),
            "updated_at": ended.strftime("%FT%TZ"),
        }
        due = ended <= self._world.now() and request.query_params.get("head_sha", COMMIT) == COMMIT
        return JSONResponse({"total_count": int(due), "workflow_runs": [run] if due else []})

    def _jobs(self, request: Request) -> Response:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        number = request.path_params["id"]
        if not 1 <= number <= len(_WORKFLOWS):
            return JSONResponse(_NOT_FOUND, status_code=404)
        file = list(_WORKFLOWS)[number - 1]
        failed = self._turned(file).get("failed_job")
        jobs = [{"name": job, "conclusion": "failure" if job == failed else "success"} for job in _WORKFLOWS[file].jobs]
        # One to a page: who reads only the first is found out.
        page = int(request.query_params.get("page", 1))
        return JSONResponse({"total_count": len(jobs), "jobs": jobs[page - 1 : page]})

    def _turned(self, file: str) -> Mapping[str, JsonValue]:
        turned = self._world.get(f"ci.{file.removesuffix('.yml')}")
        return turned if isinstance(turned, dict) else {}
