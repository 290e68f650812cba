"""Wire details of the observability endpoints that the blocks' own tests do not see."""

from collections.abc import Iterator

import httpx
import pytest

from sandbox.parts.loki import Loki
from sandbox.parts.prometheus import Prometheus
from sandbox.server import serve
from tests.fakes.observed_world import T0, Observed


@pytest.fixture
def prometheus() -> Iterator[httpx.Client]:
    observed = Observed(Prometheus())
    with (
        serve(observed.world, observed.parts) as server,
        httpx.Client(base_url=f"{server.address}/prometheus") as client,
    ):
        client.headers["Authorization"] = "Bearer sandbox-prometheus-token"
        yield client


def test_instant_queries_answer_a_vector(prometheus: httpx.Client) -> None:
    query = 'teei:endpoint_latency_p95:ms{endpoint=~"/api/(reports|exports)"}'
    answer = prometheus.post("/api/v1/query", data={"query": query}).json()
    assert answer["data"]["resultType"] == "vector"
    assert {line["metric"]["endpoint"] for line in answer["data"]["result"]} == {"/api/reports", "/api/exports"}
    assert answer["data"]["result"][0]["value"][0] == T0.timestamp()


@pytest.mark.parametrize("query", ["max(teei:rum_lcp_p75:seconds)", "teei:latency_p95:seconds"])
def test_a_query_for_a_guard_gives_one_series(prometheus: httpx.Client, query: str) -> None:
    assert len(prometheus.get("/api/v1/query", params={"query": query}).json()["data"]["result"]) == 1


@pytest.mark.parametrize(
    "params",
    [
        {"query": "rate(", "start": "1", "end": "2", "step": "1"},
        {"query": "a", "start": "1", "end": "2", "step": "0"},
        {"query": "a", "start": "0", "end": "20000", "step": "1"},
        {"query": "a", "start": "monday", "end": "2", "step": "1"},
        {"query": "a{b}", "start": "1", "end": "2", "step": "1"},
    ],
)
def test_bad_queries_get_the_error_body(prometheus: httpx.Client, params: dict[str, str]) -> None:
    answer = prometheus.get("/api/v1/query_range", params=params)
    assert answer.status_code == 400
    assert (answer.json()["status"], answer.json()["errorType"]) == ("error", "bad_data")


def test_no_sample_comes_from_the_future(prometheus: httpx.Client) -> None:
    params = {"query": "teei:error_rate:percent", "start": T0.timestamp() - 60, "end": T0.timestamp() + 600, "step": 60}
    values = prometheus.get("/api/v1/query_range", params=params).json()["data"]["result"][0]["values"]
    assert [at for at, _ in values] == [T0.timestamp() - 60, T0.timestamp()]


def test_counting_nothing_is_an_empty_vector_as_in_the_real_server() -> None:
    observed = Observed(Loki())
    with serve(observed.world, observed.parts) as server:
        headers = {"Authorization": "Bearer sandbox-loki-token"}
        query = 'sum(count_over_time({env="production"} |~ `nothing like it` [5m]))'
        answer = httpx.get(f"{server.address}/loki/loki/api/v1/query", params={"query": query}, headers=headers)
        assert answer.json()["data"]["result"] == []
