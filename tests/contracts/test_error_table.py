"""Whatever goes wrong between a provider and its vendor is one sentence that helps, and never a pass.

As input: every verb of every provider over HTTP, its questions and effects taken from the plans, against a server that
answers as the vendor words each trouble. As output: the fault, or a verdict.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import blocks
from console.systems import block_types
from launch.effects.data import WarmCache
from launch.effects.platform import AwaitRollout
from launch.errors import PermanentFaultError, SystemFaultError, TransientFaultError
from launch.ports import Observation, Standing
from launch.probes.data import PublishConfirm
from launch.probes.stores import AssetHeaders
from launch.probes.web_edges import ApiKeys, TlsCertificate
from launch.readings import Reading
from launch.verdicts import Verdict, judge
from tests.fakes.providers import AGAIN, PROVIDERS, SECRET, Trouble, provider
from tests.fakes.scripted_server import ScriptedServer, scripted
from tests.fakes.verbs import OCCASION, T0, effects, questions

READING = {
    slug: {"GET", "POST"}
    for slug in (
        "aws-load-balancer-weights",  # AWS asks by POST
        "aws-network",
        "cloudwatch",
        "cloudwatch-logs",
        "database-snapshots",
        "secret-store",
        "gateway-routes",  # a SelfSubjectAccessReview is posted and kept nowhere
        "istio-routes",
        "kubernetes-namespace",
        "slack-chat",  # so does Slack's SDK
        "new-relic-metrics",  # GraphQL
        "uptime-robot",  # so does Uptime Robot's API v2
    )
}
READY_ANYWAY = {
    # A folder: what its root shows is the store's own affair, a name that is not there included.
    "evidence-store": {Trouble.LOST, Trouble.MALFORMED, Trouble.EMPTY},
    # A route of no name: an endpoint that does not know it took the token.
    "http-weights": {Trouble.LOST},
    # The specification leaves the body free: https://github.com/opencontainers/distribution-spec.
    "image-registry": {Trouble.EMPTY},
    # Each partner has its own words for an account: that it is JSON is all that can be said.
    "partners": {Trouble.EMPTY},
    # A page for people.
    "web-site": {Trouble.MALFORMED, Trouble.EMPTY},
}
THEN_REDIS = {
    # A service of no name: an endpoint that does not know it took the token, and the cache is asked next.
    "cache-admin": {Trouble.LOST},
}
PASSED_ANYWAY = {
    # Nothing of an asset but its status and type is asked for here; its content is, where it is stored.
    (AssetHeaders, Trouble.EMPTY),
    # As for the check of partners.
    (ApiKeys, Trouble.EMPTY),
}
WAITS_ONLY = {AwaitRollout}
ELSEWHERE = {
    TlsCertificate: "a handshake with the product, before cert-manager is asked: tests/blocks/web/test_edges.py",
    PublishConfirm: "over AMQP: tests/blocks/data/test_rabbit.py",
    WarmCache: "what is cached is seen in Redis: tests/contracts/test_other_wires.py",
}

VERBS = [
    (slug, kind, model)
    for slug in PROVIDERS
    for kind, field, known in (("answer", "answers", questions()), ("effect", "effects", effects()))
    for model in getattr(block_types()[slug], field, ())
    if model in known and model not in ELSEWHERE
]


SPOKEN: dict[str, Callable[[Any], object]] = {
    "brevo": lambda block: block.send(["c@d.example"], "subject", "text", key="k"),
    **{kind._block_type_slug: lambda block: block.page("P1", "it burns", key="k") for kind in blocks.PAGERS},
    "slack-chat": lambda block: block.post("war-room", "words", key="k"),
    "statuspage": lambda block: block.announce("investigating", "words", key="k"),
}
SOURCES = sorted(kind._block_type_slug for kind in blocks.METRIC_SOURCES)
SAID_ANYWAY = {
    # An account without events answers `{}`, and any 2xx to a mail is Brevo's acceptance.
    ("brevo", Trouble.EMPTY),
}


@pytest.fixture(scope="module")
def vendor() -> Iterator[ScriptedServer]:
    with scripted() as server:
        yield server


@pytest.fixture
def met(vendor: ScriptedServer, slug: str, trouble: Trouble) -> Callable[[Callable[[Any], object]], Any]:
    """What a verb of the provider returns, or the fault that it raises."""
    dialect, _ = PROVIDERS[slug]
    block = provider(slug, vendor.url, patience=0.15 if trouble is Trouble.SILENT else 5)

    def meet(verb: Callable[[Any], object]) -> object:
        with vendor.playing(lambda asked: dialect(trouble, asked)):
            try:
                return verb(block)
            except SystemFaultError as fault:
                return fault

    return meet


def assert_helps(fault: Any, slug: str, trouble: Trouble) -> None:
    """One sentence that names the system, the question, the answer and the next step; right about asking again."""
    assert isinstance(fault, SystemFaultError), (slug, fault)
    assert fault.system
    assert fault.question
    assert fault.answer
    assert fault.next_step
    assert SECRET not in str(fault)
    assert "\n" not in str(fault)
    assert isinstance(fault, TransientFaultError if trouble in AGAIN else PermanentFaultError), fault
    if trouble is Trouble.SILENT:
        assert fault.answer.startswith("no answer in time"), fault
    if trouble is Trouble.LIMITED:
        assert "wait" in fault.next_step, fault
    if trouble is Trouble.CREDENTIALS:
        assert re.search(r"renew|credentials", fault.next_step), fault


@pytest.mark.parametrize("trouble", Trouble)
@pytest.mark.parametrize("slug", PROVIDERS)
def test_a_check_that_meets_trouble_is_one_sentence_that_helps(met, vendor, slug, trouble) -> None:
    found = met(lambda block: block.check())
    assert {asked.method for asked in vendor.seen} <= READING.get(slug, {"GET"})
    if trouble in READY_ANYWAY.get(slug, {}):
        assert isinstance(found, str)
        return
    if trouble in THEN_REDIS.get(slug, {}):
        assert found.system.startswith("Redis")
        return
    assert_helps(found, slug, trouble)
    if trouble is Trouble.RIGHT and slug != "web-site":
        assert re.search(r"missing right: \S", found.next_step), found


@pytest.mark.parametrize("trouble", Trouble)
@pytest.mark.parametrize(("slug", "question"), [(s, q) for s, kind, q in VERBS if kind == "answer"])
def test_a_question_that_meets_trouble_is_never_passed(met, slug, question, trouble) -> None:
    asked = questions()[question]
    found = met(lambda block: block.answer(asked.probe, OCCASION))
    if isinstance(found, Reading):
        passed = judge(asked.limits, [found], OCCASION.release).verdict is Verdict.PASS
        assert passed == ((question, trouble) in PASSED_ANYWAY), found
        assert asked.limits or not found.values
    else:
        assert_helps(found, slug, trouble)


@pytest.mark.parametrize("trouble", Trouble)
@pytest.mark.parametrize(("slug", "effect"), [(s, e) for s, kind, e in VERBS if kind == "effect"])
def test_an_effect_that_meets_trouble_is_never_taken_for_done(met, slug, effect, trouble) -> None:
    wanted = effects()[effect]
    found = met(lambda block: block.observe(wanted, OCCASION))
    if isinstance(found, Observation):
        assert found.standing is not Standing.HOLDS
    else:
        assert_helps(found, slug, trouble)
    told = met(lambda block: block.apply(wanted, OCCASION))
    if told is None:
        # What was accepted in unreadable words is observed afterwards.
        assert effect in WAITS_ONLY or trouble in {Trouble.MALFORMED, Trouble.EMPTY}
    else:
        assert_helps(told, slug, trouble)


@pytest.mark.parametrize("trouble", Trouble)
@pytest.mark.parametrize("slug", SPOKEN)
def test_words_that_meet_trouble_are_never_taken_for_said(met, slug, trouble) -> None:
    found = met(SPOKEN[slug])
    if isinstance(found, SystemFaultError):
        assert_helps(found, slug, trouble)
    else:
        assert (slug, trouble) in SAID_ANYWAY, found


@pytest.mark.parametrize("trouble", Trouble)
@pytest.mark.parametrize("slug", SOURCES)
def test_a_series_that_meets_trouble_is_no_series(met, slug, trouble) -> None:
    found = met(lambda block: block.series("up", start=T0, end=OCCASION.now, step_seconds=60))
    if isinstance(found, SystemFaultError):
        assert_helps(found, slug, trouble)
    else:
        assert found == []
        assert trouble in {Trouble.LOST, Trouble.EMPTY}
