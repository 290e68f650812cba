"""What every registered provider owes: its page in the documents, time-outs, typed secrets, described fields, a check.

As input: the blocks that `blocks` exports, as users register them. A provider that is added meets this file by itself.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from prefect.blocks.core import Block
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

import blocks
from console.systems import block_types
from launch.ports import Checks
from tests.fakes.other_wires import WIRES
from tests.fakes.providers import PROVIDERS

ROOT = Path(__file__).parents[2]
INTEGRATIONS = (ROOT / "docs" / "integrations.md").read_text()
BLOCKS = block_types()
each_provider = pytest.mark.parametrize("slug", sorted(BLOCKS))

SECRET_NAME = re.compile(r"(token|password|secret|secret_access_key|kubeconfig|dsn|api_keys?|_key)$")
NO_SECRET = {"access_key_id"}
BOUNDED_ELSEWHERE = {
    "launch-ledger": "ten seconds to connect, in blocks/ledger_database.py: a launch must not lose its ledger to a field",
    "shell-scripts": "each effect says how long its script may take",
    "chaos-experiments": "each effect says how long its experiment may take",
}
NO_PARTNER = {
    "launch-ledger": "our own database; what SQLite and PostgreSQL answer is in tests/blocks/test_ledger.py",
    "shell-scripts": "processes of this machine; what they answer is in tests/blocks/test_shell.py",
    "load-tests": "Locust as a process of this machine; what it answers is in tests/blocks/test_load_tests.py",
    "chaos-experiments": "Chaos Toolkit likewise, in tests/blocks/test_experiments.py",
    "kafka": "librdkafka's mock cluster and a broker that refuses, in tests/blocks/data/test_kafka.py",
    "postgres-dumps": "pg_dump and pg_restore likewise, in tests/blocks/data/test_dumps.py",
}


def fields_of(model: type[BaseModel], within: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every field of a block, those of models inside it too; Prefect's own are not ours to describe."""
    for name, field in model.model_fields.items():
        if name in Block.model_fields:
            continue
        yield f"{within}{name}", field
        for inner in models_in(field.annotation):
            yield from fields_of(inner, f"{within}{name}.")


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def holds_secret(annotation: Any) -> bool:
    """SecretStr, SecretStr | None, or a mapping of secrets."""
    if get_origin(annotation) in {Union, UnionType}:
        return all(one is type(None) or holds_secret(one) for one in get_args(annotation))
    if get_origin(annotation) is dict:
        return holds_secret(get_args(annotation)[1])
    return annotation is SecretStr


def section(slug: str) -> str:
    found = re.search(rf"^### `{re.escape(slug)}`: .*?(?=^##|\Z)", INTEGRATIONS, re.MULTILINE | re.DOTALL)
    assert found, f"docs/integrations.md has no heading for {slug}"
    return found[0]


def test_every_provider_is_named_in_a_table_by_which_it_is_used() -> None:
    tables = (blocks.ANSWERING, blocks.ACTING, blocks.CHATS, blocks.MAILERS, blocks.PAGERS, blocks.STATUS_BOARDS)
    used = {kind for table in (*tables, blocks.METRIC_SOURCES) for kind in table}
    assert used == set(BLOCKS.values())


@each_provider
def test_it_can_be_checked_by_reading_only(slug) -> None:
    kind = BLOCKS[slug]
    assert issubclass(kind, Block)
    assert {"check", "needs"} <= set(dir(kind))
    assert kind.check.__annotations__ == {"return": "str"}
    words = " ".join((kind.check.__doc__ or "").split())
    assert words.endswith("Raises `SystemFaultError`.")
    proves = words.partition(". ")[0]
    assert f"\n- check: {proves[0].lower()}{proves[1:]}\n" in section(slug)
    assert isinstance(kind.model_construct(), Checks)


@each_provider
def test_it_links_its_reference(slug) -> None:
    assert str(BLOCKS[slug]._documentation_url).startswith("https://")
    assert BLOCKS[slug].get_description()


@each_provider
def test_the_least_rights_are_told_alike_in_the_fault_and_in_the_documents(slug) -> None:
    assert f"\n- needs: {BLOCKS[slug].needs}\n" in section(slug)


@each_provider
def test_every_field_is_described(slug) -> None:
    assert [name for name, field in fields_of(BLOCKS[slug]) if not field.description] == []


@each_provider
def test_every_secret_is_typed_as_one(slug) -> None:
    named = {name: field for name, field in fields_of(BLOCKS[slug]) if SECRET_NAME.search(name.rpartition(".")[2])}
    bare = [name for name, field in named.items() if not holds_secret(field.annotation) and name not in NO_SECRET]
    assert bare == []


@each_provider
def test_it_waits_for_a_bounded_time(slug) -> None:
    field = BLOCKS[slug].model_fields.get("timeout_seconds")
    if slug in BOUNDED_ELSEWHERE:
        assert field is None
        return
    assert field is not None
    assert 0 < field.default <= 120
    (least,) = (one.gt if hasattr(one, "gt") else one.ge for one in field.metadata)
    assert least >= 0


@each_provider
def test_it_has_a_row_in_a_table_of_errors(slug) -> None:
    rows = [slug in PROVIDERS, slug in WIRES, slug in NO_PARTNER]
    assert sum(rows) == 1


@each_provider
def test_what_is_not_proved_is_said(slug) -> None:
    told = dict(re.findall(r"^- (proved by|unproven|needs): (.+)$", section(slug), re.MULTILINE))
    assert told.keys() == {"proved by", "unproven", "needs"}
    source, test = re.findall(r"\]\(\.\./([^)]+)\)", section(slug))
    assert (ROOT / source).is_file()
    assert (ROOT / test).is_file()
