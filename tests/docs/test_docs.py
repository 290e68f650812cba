"""The documents say what the code says: every block has its heading, every word its place, every command its name."""

import re
import shlex
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner
from prefect.blocks.core import Block

import blocks
from blocks.routing.weighing import Weighing
from console.main import COMMANDS
from console.rehearse import rehearse
from launch.agenda import Due
from launch.effects.data import SwitchOrigin
from launch.effects.exposure import ExposureEffect
from launch.effects.platform import ScaleWorkloads, SetImages
from launch.events import Decision, Outcome
from launch.plan.rollback import Order, Tier
from launch.plan.schedule import FlowPhase
from launch.plan_file import load_plan
from launch.verdicts import Verdict
from sandbox.faults import KINDS, parse_fault

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")])
INTEGRATIONS = (ROOT / "docs" / "integrations.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
BLOCKS = {
    kind.get_block_type_slug(): kind
    for kind in (getattr(blocks, name) for name in blocks.__all__)
    if isinstance(kind, type) and issubclass(kind, Block)
}


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def section_of(slug: str) -> str:
    found = re.search(rf"^### `{re.escape(slug)}`: .*?(?=^##|\Z)", INTEGRATIONS, re.MULTILINE | re.DOTALL)
    assert found, f"docs/integrations.md has no heading for block {slug!r}"
    return found[0]


def listed(section: str, what: str) -> list[str]:
    line = re.search(rf"^- {what}: (.+)$", section, re.MULTILINE)
    return re.findall(r"`([^`]+)`", line[1]) if line else []


def words_of(kinds: tuple[type, ...], field: str) -> list[str]:
    return [get_args(kind.model_fields[field].annotation)[0] for kind in kinds]


@pytest.mark.parametrize("slug", sorted(BLOCKS))
def test_every_block_has_a_heading_with_its_verbs(slug) -> None:
    section, kind = section_of(slug), BLOCKS[slug]
    assert listed(section, "asks") == words_of(getattr(kind, "answers", ()), "ask")
    assert listed(section, "does") == words_of(getattr(kind, "effects", ()), "do")
    for promise in ("needs", "proved by", "unproven"):
        assert re.search(rf"^- {promise}: \S", section, re.MULTILINE), f"{slug} does not say what it {promise}"


@pytest.mark.parametrize("slug", sorted(BLOCKS))
def test_every_block_is_tested_where_its_heading_says(slug) -> None:
    section, kind = section_of(slug), BLOCKS[slug]
    source, tests = re.findall(r"\]\(\.\./([^)]+)\)", section)
    assert source == kind.__module__.replace(".", "/") + ".py"
    content = (ROOT / tests).read_text()
    assert kind.__name__ in content or f"{slug}/" in content or kind.__module__ in content


def test_no_heading_names_a_block_that_is_not_there() -> None:
    assert set(re.findall(r"^### `([^`]+)`", INTEGRATIONS, re.MULTILINE)) == set(BLOCKS)


@pytest.mark.parametrize("entry", [kind.__name__ for kind in get_args(Due)])
def test_every_entry_of_the_agenda_is_explained(entry) -> None:
    assert f"| {entry} |" in ARCHITECTURE


@pytest.mark.parametrize("words", [Decision, Verdict, Tier, FlowPhase, Order])
def test_every_word_of_a_decision_is_in_the_documents(words: type[StrEnum]) -> None:
    text = ARCHITECTURE + (ROOT / "docs" / "decisions" / "0003-order-of-undo.md").read_text()
    missing = [word.value for word in words if not re.search(rf"\b{re.escape(word.value)}\b", text)]
    assert not missing


def test_every_outcome_is_explained_to_the_captain() -> None:
    text = (ROOT / "docs" / "how-to" / "run-a-launch.md").read_text()
    assert [outcome.value for outcome in Outcome if f"`{outcome.value}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    targets += re.findall(r'src="([^"]+)"', page.read_text())
    for target in targets:
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{named(page)} links to {target}"


def commands(page: Path) -> list[list[str]]:
    """Words of every shell line of a page, comments left out."""
    fences = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    spoken = re.findall(r"`((?:tminus|make) [a-z][^`]*)`", page.read_text())
    lines = [line for fence in fences for line in fence.splitlines()] + spoken
    return [words for line in lines if (words := shlex.split(line, comments=True))]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_exists(page) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for words in commands(page):
        if words[0] == "make" and len(words) > 1:
            assert words[1] in targets, f"{named(page)}: make {words[1]}"
        if "tminus" in words[:3]:
            command = words[words.index("tminus") + 1]
            assert command in COMMANDS, f"{named(page)}: tminus {command}"
        for option, value in pairwise(words):
            if option == "--fault" and "@" in value:
                parse_fault(value)


def test_every_kind_of_fault_is_told_to_the_captain() -> None:
    text = (ROOT / "docs" / "how-to" / "run-a-launch.md").read_text()
    assert [kind for kind in KINDS if f"`{kind}" not in text] == []


def test_the_plan_of_the_how_to_is_valid() -> None:
    text = (ROOT / "docs" / "how-to" / "write-a-plan.md").read_text()
    load_plan(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0], "write-a-plan.md")


def test_the_excerpt_of_the_readme_is_from_the_plan() -> None:
    plan = (ROOT / "plans" / "teei-csr.yaml").read_text()
    for excerpt in re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL):
        parts = re.split(r"^ *# \.\.\.\n", excerpt, flags=re.MULTILINE)
        assert [part for part in parts if part not in plan] == []


@pytest.mark.parametrize("effect", [*get_args(ExposureEffect), ScaleWorkloads, SetImages, SwitchOrigin])
def test_every_effect_that_moves_exposure_is_explained(effect) -> None:
    text = (ROOT / "docs" / "how-to" / "move-traffic.md").read_text()
    (word,) = words_of((effect,), "do")
    assert f"| `{word}` |" in text


@pytest.mark.parametrize("slug", sorted(slug for slug, kind in BLOCKS.items() if issubclass(kind, Weighing)))
def test_every_router_says_what_its_routes_and_rights_are(slug) -> None:
    assert f"| `{slug}` |" in (ROOT / "docs" / "how-to" / "move-traffic.md").read_text()


def test_the_help_of_a_rehearsal_lists_every_kind_of_fault() -> None:
    told = CliRunner().invoke(rehearse, ["--help"]).output
    assert [kind.example for kind in KINDS.values() if kind.example not in told] == []
