"""The web parts keep to their vendors' manners, and end without leaving anything behind."""

import threading

import httpx
import pytest

from sandbox.parts.partners import DISCORD_TOKEN
from tests.fakes.web_world import WebWorld


@pytest.fixture(scope="module")
def web() -> WebWorld:
    with WebWorld().served() as world:
        yield world


@pytest.mark.parametrize(
    "path",
    [
        "/site/api/admin/maintenance",
        "/site/api/admin/tenants",
        "/site/api/internal/traces/1",
        "/site/api/v2/metrics",
        "/flags/api/v2/flags/teei-csr/audit-mode",
        "/journeys/runs/1",
        "/journeys/suites/smoke/latest",
        "/partners/openai/v1/models",
        "/partners/anthropic/v1/models",
        "/partners/goodera/v1/account",
        "/partners/discord/api/v10/channels/1/messages",
        "/tls/apis/cert-manager.io/v1/namespaces/production/certificates/cockpit-teei-io",
    ],
)
def test_nothing_is_told_without_the_token(web: WebWorld, path: str) -> None:
    headers = {"anthropic-version": "2023-06-01"}
    assert httpx.get(f"{web.address}{path}", headers=headers, trust_env=False).status_code == 401


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/site/api/moon/health", {}, 404),
        ("/site/static/v2.5.0/none.js", {}, 404),
        ("/site/help/none", {}, 404),
        ("/flags/api/v2/flags/teei-csr/none", {"Authorization": "api-sandbox-flags"}, 404),
        ("/partners/acme/v1/account", {}, 404),
        ("/partners/discord/api/v10/channels/1/messages", {"Authorization": f"Bot {DISCORD_TOKEN}"}, 200),
    ],
)
def test_unknown_things_are_not_found(web: WebWorld, path: str, headers: dict[str, str], status: int) -> None:
    assert httpx.get(f"{web.address}{path}", headers=headers, trust_env=False).status_code == status


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", {"environmentKey": "production", "instructions": []}),
        ("application/json; domain-model=launchdarkly.semanticpatch", {"environmentKey": "moon", "instructions": []}),
        (
            "application/json; domain-model=launchdarkly.semanticpatch",
            {"environmentKey": "production", "instructions": [{"kind": "explode"}]},
        ),
    ],
)
def test_the_flag_service_refuses_what_is_no_semantic_patch(web: WebWorld, content_type: str, body: object) -> None:
    headers = {"Authorization": "api-sandbox-flags", "Content-Type": content_type}
    url = f"{web.address}/flags/api/v2/flags/teei-csr/audit-mode"
    assert httpx.patch(url, headers=headers, json=body, trust_env=False).status_code == 400


def test_two_orders_with_one_id_are_one_run(web: WebWorld) -> None:
    headers = {"Authorization": "Bearer sandbox-journey-runner"}
    order = {"id": "one", "journey": "charts"}
    first, second = (
        httpx.post(f"{web.address}/journeys/runs", json=order, headers=headers, trust_env=False).json()
        for _ in range(2)
    )
    assert first == second


def test_stopping_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    with WebWorld().served():
        pass
    left = [thread.name for thread in set(threading.enumerate()) - before if not thread.name.startswith("AnyIO")]
    assert left == []
