"""Issue trackers: Jira Cloud (https://developer.atlassian.com/cloud/jira/platform/rest/v3/) and GitHub's issues
(https://docs.github.com/en/rest/issues/issues)."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Mapping, Sequence

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.parts.bearer import refused
from sandbox.world import World

_EMAIL, _TOKEN, _GITHUB_TOKEN = "launch@teei.io", "sandbox-jira-token", "sandbox-github-issues-token"
_PAIR = base64.b64encode(f"{_EMAIL}:{_TOKEN}".encode()).decode()
_PROJECT, _REPOSITORY = "OPS", "teei/csr-platform"
_LABEL = re.compile(r'labels = "([^"]+)"')

Fields = dict[str, JsonValue]


class TrackersPart:
    """One project and one repository, both without issues until somebody opens one."""

    name = "trackers"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jira: dict[str, Fields] = {}
        self._github: list[Fields] = []

    def define(self, world: World) -> None:
        self._world = world
        world.define("trackers.search_lags", False, "whether Jira's search does not know yet what was created")

    def start(self) -> None:
        """Nothing runs beside the shared server."""

    def stop(self) -> None:
        """Nothing runs beside the shared server."""

    def tick(self) -> None:
        """Issues appear when they are opened."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {
            "jira/sandbox-jira": {
                "url": f"{base_url}/jira",
                "email": _EMAIL,
                "api_token": _TOKEN,
                "project": _PROJECT,
                "timeout_seconds": 5,
            },
            "github-issues/sandbox-issues": {
                "url": f"{base_url}/github",
                "repository": _REPOSITORY,
                "token": _GITHUB_TOKEN,
                "timeout_seconds": 5,
            },
        }

    def routes(self) -> Sequence[BaseRoute]:
        jira, github = "/jira/rest/api/3", f"/github/repos/{_REPOSITORY}"
        return [
            Route(f"{jira}/myself", self._myself),
            Route(f"{jira}/project/{_PROJECT}", self._project),
            Route(f"{jira}/search/jql", self._search),
            Route(f"{jira}/issue", self._create, methods=["POST"]),
            Route(f"{jira}/issue/{{key}}", self._delete, methods=["DELETE"]),
            Route(github, self._repository),
            Route(f"{github}/issues", self._list_issues, methods=["GET"]),
            Route(f"{github}/issues", self._open_issue, methods=["POST"]),
            Route(f"{github}/issues/{{number:int}}", self._patch_issue, methods=["PATCH"]),
        ]

    def _myself(self, request: Request) -> Response:
        return refused(request, _PAIR, scheme="Basic") or JSONResponse({"displayName": "Launch bot"})

    def _project(self, request: Request) -> Response:
        return refused(request, _PAIR, scheme="Basic") or JSONResponse({"key": _PROJECT, "name": "Operations"})

    def _search(self, request: Request) -> Response:
        label = _LABEL.search(request.query_params.get("jql", ""))
        with self._lock:
            found: list[JsonValue] = [
                {"key": key, "fields": {"status": {"name": "To Do"}}}
                for key, fields in self._jira.items()
                if label is not None and label[1] in str(fields.get("labels"))
            ]
        if self._world.get("trackers.search_lags"):
            found = []
        return refused(request, _PAIR, scheme="Basic") or JSONResponse({"issues": found, "isLast": True})

    async def _create(self, request: Request) -> Response:
        fields = (await request.json())["fields"]
        if refusal := refused(request, _PAIR, scheme="Basic"):
            return refusal
        with self._lock:
            key = f"{_PROJECT}-{len(self._jira) + 1}"
            self._jira[key] = fields
        return JSONResponse({"id": key, "key": key}, status_code=201)

    def _delete(self, request: Request) -> Response:
        if refusal := refused(request, _PAIR, scheme="Basic"):
            return refusal
        with self._lock:
            gone = self._jira.pop(request.path_params["key"], None) is None
        return Response(status_code=404 if gone else 204)

    def _repository(self, request: Request) -> Response:
        body: Fields = {"full_name": _REPOSITORY, "has_issues": True}
        return refused(request, _GITHUB_TOKEN) or JSONResponse(body)

    def _list_issues(self, request: Request) -> Response:
        wanted, number = request.query_params.get("labels", ""), int(request.query_params.get("page", 1))
        size = int(request.query_params.get("per_page", 30))
        with self._lock:
            found = [one for one in self._github if wanted in str(one["labels"])]
        page, more = found[(number - 1) * size : number * size], len(found) > number * size
        link = {"Link": f'<{request.url.include_query_params(page=number + 1)}>; rel="next"'} if more else {}
        return refused(request, _GITHUB_TOKEN) or JSONResponse(page, headers=link)

    async def _open_issue(self, request: Request) -> Response:
        body = await request.json()
        if refusal := refused(request, _GITHUB_TOKEN):
            return refusal
        with self._lock:
            issue: Fields = {**body, "number": len(self._github) + 1, "state": "open"}
            self._github.append(issue)
        return JSONResponse(issue, status_code=201)

    async def _patch_issue(self, request: Request) -> Response:
        body, number = await request.json(), request.path_params["number"]
        if refusal := refused(request, _GITHUB_TOKEN):
            return refusal
        with self._lock:
            if not 0 < number <= len(self._github):
                return JSONResponse({"message": "Not Found"}, status_code=404)
            self._github[number - 1] |= body
            return JSONResponse(self._github[number - 1])
