"""`tminus doctor`: in a sandbox of its own, and on a real Prefect server with blocks by name."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from prefect import get_client
from prefect.client.schemas.actions import BlockDocumentUpdate
from prefect.settings import PREFECT_API_URL, temporary_settings

from console.main import run
from deployments.registration import register_ledger, save_blocks
from sandbox.parts.slack import SlackPart
from sandbox.server import serve
from sandbox.world import World

T0 = datetime(2026, 12, 7, 7, tzinfo=UTC)
HARNESS = [pytest.mark.harness, pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


@pytest.fixture
def staging(small_plan, tmp_path) -> str:
    """The small plan with an environment whose blocks are of fitting types."""
    text = small_plan.read_text().replace(
        "phases:\n",
        "  - {id: staging, title: S, blocks: {database: postgres-database/d, room: slack-chat/r}}\nphases:\n",
        1,
    )
    (tmp_path / "plan.yaml").write_text(text)
    return "plan.yaml"


@pytest.fixture
def slack() -> Iterator[tuple[World, dict]]:
    world, part = World(now=lambda: T0, t0=T0), SlackPart()
    part.define(world)
    with serve(world, [part]) as server:
        (fields,) = part.blocks(server.base_url(part)).values()
        yield world, dict(fields)


def told(capfdbinary) -> dict:
    return json.loads(capfdbinary.readouterr().out)


def test_a_sandbox_says_which_blocks_are_of_no_use_to_the_plan(small_plan, capfdbinary) -> None:
    assert run(["doctor", str(small_plan), "--json"]) == 1
    document = told(capfdbinary)
    assert document["ready"] is False
    assert [(one["system"], one["condition"]) for one in document["systems"]] == [
        ("database", "unfit"),
        ("room", "unfit"),
    ]


def test_a_sandbox_with_what_the_plan_needs_is_ready(small_plan, tmp_path, capfd) -> None:
    text = small_plan.read_text().replace("postgres/sandbox", "postgres-database/sandbox")
    text = text.replace("slack/sandbox-room", "slack-chat/sandbox-war-room")
    (tmp_path / "plan.yaml").write_text(text)
    code = run(["doctor", "plan.yaml"])
    out = capfd.readouterr().out
    assert "room      slack-chat/sandbox-war-room         ready" in out
    assert (code, out.splitlines()[-1]) == (0, "2 of 2 are ready"), out


def test_an_environment_that_the_plan_does_not_have_is_wrong_input(small_plan, capfd) -> None:
    assert run(["doctor", str(small_plan), "--env", "moon"]) == 2
    assert "the plan has no environment 'moon'; it has sandbox" in capfd.readouterr().err


def test_without_a_server_a_real_environment_is_refused_in_one_sentence(staging, capfd) -> None:
    # Whatever other tests of this session use.
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        assert run(["doctor", staging, "--env", "staging"]) == 1
    assert "no Prefect server is known here; run tminus up, or set PREFECT_API_URL" in capfd.readouterr().err


@pytest.mark.usefixtures("prefect_api")
class TestOnTheServer:
    """In this order: nothing is there, then all is, then one refuses."""

    pytestmark = HARNESS

    def test_blocks_that_are_not_registered_are_missing_each_with_its_place(self, staging, capfdbinary) -> None:
        assert run(["doctor", staging, "--env", "staging", "--json"]) == 1
        systems = {one["system"]: one for one in told(capfdbinary)["systems"]}
        assert {one["condition"] for name, one in systems.items() if name != "launch ledger"} == {"missing"}
        assert systems["room"]["sentence"] == (
            "environments.staging.blocks.room: this Prefect server has no block 'slack-chat/r'; "
            "create it, or name another in the plan"
        )

    def test_blocks_that_answer_are_ready_and_nothing_is_made(
        self, staging, slack, postgres_database, tmp_path, capfdbinary
    ) -> None:
        asyncio.run(save_blocks({"slack-chat/r": slack[1], "postgres-database/d": {"dsn": postgres_database}}))
        asyncio.run(register_ledger(f"sqlite:///{tmp_path}/ledger.db"))
        assert run(["doctor", staging, "--env", "staging", "--json"]) == 0
        document = told(capfdbinary)
        assert document["ready"] is True
        assert [one["system"] for one in document["systems"]] == ["launch ledger", "database", "room"]
        assert not (tmp_path / "ledger.db").exists()

    def test_a_refused_token_is_told_and_not_quoted(self, staging, slack, capfd) -> None:
        world, fields = slack
        world.set("slack.token_valid", False)
        asyncio.run(save_blocks({"slack-chat/r": fields}))
        assert run(["doctor", staging, "--env", "staging"]) == 1
        out = capfd.readouterr().out
        assert 'Slack answered "invalid_auth" to who am I; renew the token in the chat block' in out
        assert fields["token"] not in out

    def test_a_block_that_was_filled_in_wrong_is_told_by_its_fields_and_not_quoted(self, staging, capfd) -> None:
        asyncio.run(saved_as_it_is("slack-chat", "r", {"token": "s3cr3t", "timeout_seconds": "s3cr3t"}))
        assert run(["doctor", staging, "--env", "staging"]) == 1
        out = " ".join(capfd.readouterr().out.split())
        assert "block 'slack-chat/r' has to be filled in again: timeout_seconds: Input should be a valid integer" in out
        assert "s3cr3t" not in out

    def test_so_is_the_block_of_the_ledger(self, staging, tmp_path, capfd) -> None:
        asyncio.run(saved_as_it_is("launch-ledger", "default", {"url": ["s3cr3t"]}))
        try:
            assert run(["doctor", staging, "--env", "staging"]) == 1
        finally:
            asyncio.run(register_ledger(f"sqlite:///{tmp_path}/ledger.db"))
        told = capfd.readouterr()
        out = " ".join((told.out + told.err).split())
        assert "block 'launch-ledger/default' has to be filled in again: url: Input should be a valid string" in out
        assert "s3cr3t" not in out


async def saved_as_it_is(slug: str, name: str, data: dict) -> None:
    """As Prefect's form saves it: by the schema, without the validators of the type."""
    async with get_client() as client:
        found = await client.read_block_document_by_name(name, slug)
        await client.update_block_document(found.id, BlockDocumentUpdate(data=data, merge_existing_data=False))
