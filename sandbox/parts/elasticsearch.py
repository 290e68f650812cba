"""The product's log lines in an Elasticsearch (https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-count).

The lines are those of the part `loki`. Query strings may name the fields `app`, `env`, `level` and `message`, with a
word, a phrase in quotation marks, or several in parentheses with OR between them; several of these hold together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.parts.bearer import refused
from sandbox.parts.loki import Line, Loki
from sandbox.world import World

_KEY = "sandbox-elasticsearch-key"
_CLAUSE = re.compile(r'(\w+):(?:\(([^)]*)\)|"([^"]*)"|(\S+))')
_LEVEL = re.compile(r"level=(\w+)")
_DAY = timedelta(days=1)

Query = Mapping[str, JsonValue]


class ElasticsearchPart:
    """One index pattern, `logs-*`, of five shards."""

    name = "elasticsearch"

    def __init__(self, loki: Loki) -> None:
        self._loki = loki

    def define(self, world: World) -> None:
        self._world = world
        world.define("elasticsearch.failed_shards", 0, "how many of the five shards do not answer")

    def start(self) -> None:
        """Nothing runs beside the shared server."""

    def stop(self) -> None:
        """Nothing runs beside the shared server."""

    def tick(self) -> None:
        """Lines are functions of their moment."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {"elasticsearch/sandbox-elasticsearch": {"url": base_url, "api_key": _KEY, "timeout_seconds": 5}}

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/logs-*/_count", self._count, methods=["GET", "POST"])]

    async def _count(self, request: Request) -> Response:
        if refusal := refused(request, _KEY, scheme="ApiKey"):
            return refusal
        now = self._world.now()
        start, end, wanted, unwanted = now - _DAY, now, list[str](), list[str]()
        if request.method == "POST":
            asked = (await request.json())["query"]["bool"]
            start, end = _window(asked["filter"])
            wanted, unwanted = _strings(asked["filter"]), _strings(asked["must_not"])
        count = sum(
            all(_is(line, query) for query in wanted) and not any(_is(line, query) for query in unwanted)
            for line in self._loki.written(start, end)
        )
        failed = int(str(self._world.get("elasticsearch.failed_shards")))
        shards: JsonValue = {"total": 5, "successful": 5 - failed, "skipped": 0, "failed": failed}
        return JSONResponse({"count": count, "_shards": shards})


def _window(filters: Sequence[Query]) -> tuple[datetime, datetime]:
    (bounds,) = (one["range"]["@timestamp"] for one in filters if "range" in one)  # type: ignore[call-overload,index]
    return datetime.fromisoformat(bounds["gt"]), datetime.fromisoformat(bounds["lte"])  # type: ignore[call-overload,index,arg-type]


def _strings(queries: Sequence[Query]) -> list[str]:
    return [str(one["query_string"]["query"]) for one in queries if "query_string" in one]  # type: ignore[call-overload,index]


def _is(line: Line, query: str) -> bool:
    level = _LEVEL.search(line.text)
    fields = {**line.labels, "level": level[1] if level else ""}
    for field, several, phrase, word in _CLAUSE.findall(query):
        if field == "message":
            if (phrase or word) not in line.text:
                return False
        elif fields.get(field) not in {*(several.split(" OR ") if several else [phrase or word])}:
            return False
    return True
