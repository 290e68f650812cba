import pytest

from blocks.publishing import Confluence, LinkedIn
from launch.effects.people import DraftPost, PublishPage, PublishPost
from launch.errors import PermanentFaultError
from launch.ports import Standing
from launch.probes.people import WikiPage
from sandbox.parts.publishing import PublishingPart

PAGE = PublishPage(do="publish-page", on="wiki", title="Summary", text="# Metrics\n\nUptime <100 %\n\n## Wins\nmany")
PROBE = WikiPage(ask="wiki-page", of="wiki", title="Summary", mentions=("uptime <100 %", "Wins", "Learnings"))
WORDS = "We are live (really)! #csr"
DRAFT, POST = (
    DraftPost(do="draft-post", on="social", text=WORDS),
    PublishPost(do="publish-post", on="social", text=WORDS),
)


@pytest.fixture
def built(stage):
    return stage(PublishingPart()).at("T+24h")


@pytest.fixture
def wiki(built):
    return Confluence(**built.fields["confluence/sandbox-wiki"])


@pytest.fixture
def social(built):
    return LinkedIn(**built.fields["linkedin/sandbox-linkedin"])


def test_both_prove_their_credentials(wiki, social):
    assert wiki.check() == "Confluence space 98304 (LAUNCH) can be read"
    assert social.check().startswith("LinkedIn shows 0 recent posts")


def test_unknown_space_is_named(built):
    wiki = Confluence(**{**built.fields["confluence/sandbox-wiki"], "space": "NONE"})
    with pytest.raises(PermanentFaultError, match="the space 'NONE'"):
        wiki.check()


def test_page_is_published_found_again_and_trashed(built, wiki):
    before = wiki.observe(PAGE, built.occasion())
    assert before.standing is Standing.ABSENT
    wiki.apply(PAGE, built.occasion())
    assert wiki.observe(PAGE, built.occasion()).standing is Standing.HOLDS
    wiki.restore(PAGE, before.state, built.occasion())
    assert wiki.observe_restored(PAGE, before.state, built.occasion()).standing is Standing.HOLDS


def test_new_edition_replaces_the_text_and_restore_brings_the_old_one_back(built, wiki):
    wiki.apply(PAGE, built.occasion())
    edition = PAGE.model_copy(update={"text": "Learnings"})
    before = wiki.observe(edition, built.occasion())
    assert before.standing is Standing.ABSENT
    wiki.apply(edition, built.occasion())
    assert wiki.observe(edition, built.occasion()).standing is Standing.HOLDS
    wiki.restore(edition, before.state, built.occasion())
    assert wiki.observe_restored(edition, before.state, built.occasion()).standing is Standing.HOLDS
    assert wiki.observe(PAGE, built.occasion()).standing is Standing.HOLDS


def test_page_reading_counts_missing_phrases(built, wiki):
    reading = wiki.answer(PROBE, built.occasion())
    assert {name: found.value for name, found in reading.values.items()} == {"pages": 0}
    wiki.apply(PAGE, built.occasion())
    reading = wiki.answer(PROBE, built.occasion())
    assert {name: found.value for name, found in reading.values.items()} == {"pages": 1, "phrases_missing": 1}
    assert reading.evidence == "Learnings"


def test_page_written_before_the_launch_does_not_count(built, wiki):
    wiki.apply(PAGE, built.at("T-1d").occasion())
    assert wiki.answer(PROBE, built.at("T+1h").occasion()).values["pages"].value == 0


def test_draft_is_published_and_not_written_twice(built, social):
    assert social.observe(DRAFT, built.occasion()).standing is Standing.ABSENT
    social.apply(DRAFT, built.occasion())
    assert social.observe(DRAFT, built.occasion()).standing is Standing.HOLDS
    assert social.observe(POST, built.occasion()).standing is Standing.ABSENT
    social.apply(POST, built.occasion())
    assert social.observe(POST, built.occasion()).standing is Standing.HOLDS
    assert built.part.posts() == [("PUBLISHED", r"We are live \(really\)! \#csr")]


def test_post_without_draft_is_published_at_once_and_can_be_deleted(built, social):
    social.apply(POST, built.occasion())
    assert social.observe(POST, built.occasion()).standing is Standing.HOLDS
    social.restore(POST, {}, built.occasion())
    assert social.observe_restored(POST, {}, built.occasion()).standing is Standing.HOLDS
    assert built.part.posts() == []
