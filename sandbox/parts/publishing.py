"""A Confluence space and a LinkedIn organisation, each by its vendor's REST API."""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping, Sequence

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.world import World

_EMAIL, _TOKEN = "launch@teei.io", "sandbox-confluence-token"
_LINKEDIN_TOKEN = "sandbox-linkedin-token"
_AUTHOR = "urn:li:organization:5515715"
_SPACE = "98304"

Fields = dict[str, JsonValue]


class PublishingPart:
    """Pages with versions, and posts that are drafts or published."""

    name = "publishing"

    def __init__(self) -> None:
        self._pages: list[Fields] = []
        self._posts: list[Fields] = []
        self._sequence = 0
        self._lock = threading.Lock()

    def define(self, world: World) -> None:
        self._world = world
        world.define("publishing.wiki_token_valid", True, "whether Confluence accepts the token")
        world.define("publishing.linkedin_token_valid", True, "whether LinkedIn accepts the token")
        world.define("publishing.page_text", "", "what every wiki page shows instead of its text; empty: its text")

    def start(self) -> None:
        """Nothing runs beside the shared server."""

    def stop(self) -> None:
        """Nothing runs beside the shared server."""

    def tick(self) -> None:
        """Nothing moves by itself."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {
            "confluence/sandbox-wiki": {
                "base_url": base_url,
                "email": _EMAIL,
                "api_token": _TOKEN,
                "space": "LAUNCH",
                "timeout_seconds": 5,
            },
            "linkedin/sandbox-linkedin": {
                "token": _LINKEDIN_TOKEN,
                "author": _AUTHOR,
                "base_url": f"{base_url}/rest",
                "timeout_seconds": 5,
            },
        }

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/wiki/api/v2/spaces", self._spaces),
            Route("/wiki/api/v2/pages", self._list_pages, methods=["GET"]),
            Route("/wiki/api/v2/pages", self._create_page, methods=["POST"]),
            Route("/wiki/api/v2/pages/{id}", self._change_page, methods=["PUT", "DELETE"]),
            Route("/rest/posts", self._list_posts, methods=["GET"]),
            Route("/rest/posts", self._create_post, methods=["POST"]),
            Route("/rest/posts/{id}", self._change_post, methods=["POST", "DELETE"]),
        ]

    def posts(self) -> list[tuple[str, str]]:
        """Lifecycle state and words of every post."""
        return [(str(post["lifecycleState"]), str(post["commentary"])) for post in self._posts]

    def _wiki_refusal(self, request: Request) -> Response | None:
        expected = "Basic " + base64.b64encode(f"{_EMAIL}:{_TOKEN}".encode()).decode()
        if request.headers.get("authorization") == expected and self._world.get("publishing.wiki_token_valid"):
            return None
        return JSONResponse({"message": "Client must be authenticated to access this resource."}, status_code=401)

    def _social_refusal(self, request: Request) -> Response | None:
        expected = f"Bearer {_LINKEDIN_TOKEN}"
        if request.headers.get("authorization") == expected and self._world.get("publishing.linkedin_token_valid"):
            return None
        refused = {
            "status": 401,
            "serviceErrorCode": 65600,
            "code": "INVALID_ACCESS_TOKEN",
            "message": "Invalid access token",
        }
        return JSONResponse(refused, status_code=401)

    def _spaces(self, request: Request) -> Response:
        found = request.query_params.get("keys") == "LAUNCH"
        results: list[JsonValue] = [{"id": _SPACE, "key": "LAUNCH", "name": "Launches"}] if found else []
        return self._wiki_refusal(request) or JSONResponse({"results": results, "_links": {}})

    def _list_pages(self, request: Request) -> Response:
        title = request.query_params.get("title")
        found: list[JsonValue] = [self._shown(page) for page in self._pages if page["title"] == title]
        return self._wiki_refusal(request) or JSONResponse({"results": found, "_links": {}})

    def _shown(self, page: Fields) -> Fields:
        forced = str(self._world.get("publishing.page_text"))
        body: JsonValue = {"storage": {"value": forced or page["text"], "representation": "storage"}}
        return {**{name: value for name, value in page.items() if name != "text"}, "body": body}

    async def _create_page(self, request: Request) -> Response:
        refusal = self._wiki_refusal(request)
        if refusal:
            return refusal
        given: Fields = await request.json()
        with self._lock:
            if any(page["title"] == given["title"] for page in self._pages):
                taken: JsonValue = {
                    "errors": [{"status": 400, "code": "INVALID_REQUEST_PARAMETER", "title": "Title taken"}]
                }
                return JSONResponse(taken, status_code=400)
            self._sequence += 1
            page: Fields = {"id": str(655360 + self._sequence), "status": "current", "title": given["title"]}
            page |= {"spaceId": _SPACE, "text": _text(given), "version": self._version(1, "")}
            self._pages.append(page)
        return JSONResponse(self._shown(page))

    async def _change_page(self, request: Request) -> Response:
        refusal = self._wiki_refusal(request)
        page = next((one for one in self._pages if one["id"] == request.path_params["id"]), None)
        if refusal or page is None:
            return refusal or JSONResponse({"errors": [{"status": 404, "code": "NOT_FOUND"}]}, status_code=404)
        if request.method == "DELETE":
            self._pages.remove(page)
            return Response(status_code=204)
        given: Fields = await request.json()
        wanted, current = given.get("version"), page["version"]
        if (
            not isinstance(wanted, dict)
            or not isinstance(current, dict)
            or wanted["number"] != int(str(current["number"])) + 1
        ):
            return JSONResponse({"errors": [{"status": 409, "code": "CONFLICT"}]}, status_code=409)
        page |= {
            "text": _text(given),
            "version": self._version(int(str(wanted["number"])), str(wanted.get("message", ""))),
        }
        return JSONResponse(self._shown(page))

    def _version(self, number: int, message: str) -> JsonValue:
        return {"number": number, "message": message, "createdAt": self._world.now().isoformat()}

    def _list_posts(self, request: Request) -> Response:
        found: list[JsonValue] = [
            post for post in reversed(self._posts) if post["author"] == request.query_params.get("author")
        ]
        return self._social_refusal(request) or JSONResponse({"elements": found, "paging": {"start": 0, "count": 50}})

    async def _create_post(self, request: Request) -> Response:
        refusal = self._social_refusal(request)
        if refusal:
            return refusal
        with self._lock:
            self._sequence += 1
            post: Fields = {**await request.json(), "id": f"urn:li:share:{7000000000 + self._sequence}"}
            self._posts.append(post)
        return Response(status_code=201, headers={"x-restli-id": str(post["id"])})

    async def _change_post(self, request: Request) -> Response:
        refusal = self._social_refusal(request)
        post = next((one for one in self._posts if one["id"] == request.path_params["id"]), None)
        if refusal or post is None:
            return refusal or JSONResponse({"status": 404, "message": "Not found"}, status_code=404)
        if request.method == "DELETE":
            self._posts.remove(post)
            return Response(status_code=204)
        patch: Fields = (await request.json())["patch"]["$set"]
        post |= patch
        return Response(status_code=204)


def _text(given: Fields) -> str:
    body = given.get("body")
    return str(body.get("value", "")) if isinstance(body, dict) else ""
