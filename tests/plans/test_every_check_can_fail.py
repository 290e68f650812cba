"""Every check of the TEEI plan passes in a healthy world, fails when exactly its fact is broken, and passes again.

One launch is played against the sandbox; at each of its moments all checks of that moment are asked together.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import pytest
from pydantic import JsonValue

from launch.moments import format_offset
from launch.plan_file import load_plan
from launch.verdicts import Judgement, Verdict
from sandbox.world import World
from tests.breaks import data, observability, people, platform, web
from tests.plans.played_launch import PLAN, ROLLBACK, PlayedLaunch, questions

pytestmark = pytest.mark.integration

QUESTIONS = {question.id: question for question in questions(load_plan(PLAN.read_text()).plan)}
MOMENTS = sorted({question.moment for question in QUESTIONS.values()})

NO_HTTP = {
    "sql-values", "replication", "migration-status", "connection-pool", "redis-settings", "cached-keys", "dns-record",
}  # fmt: skip
"""Probes that speak SQL, Redis' protocol or DNS: a vendor whose HTTP fails does not touch them."""

MEASURES_THE_ANSWER = {
    "health-endpoints-200", "t15-service-health", "rb-health", "api-version-headers", "rate-limits-per-tier",
    "cdn-origin-switched",
}  # fmt: skip
"""The product's own status codes are what these checks measure: where it is out of order they fail by that."""

Knobs = tuple[tuple[str, JsonValue], ...]


@dataclass(frozen=True)
class Break:
    """Knobs that make one check fail."""

    check: str
    knobs: Knobs


BREAKS = [
    Break(check, knobs)
    for family in (data, observability, people, platform, web)
    for check, knobs in family.BREAKS.items()
]


class Stage:
    """One moment of the launch: the questions asked at it, and how they were answered while nothing was broken."""

    def __init__(self, played: PlayedLaunch, moment: timedelta) -> None:
        self.played = played
        self.questions = [question for question in QUESTIONS.values() if question.moment == moment]
        played.reach(moment)
        self.healthy = played.ask(self.questions)

    @contextlib.contextmanager
    def turned(self, knobs: Knobs, shows_after: timedelta = timedelta(0)) -> Iterator[None]:
        """The knobs at other values, and back at their defaults afterwards; time passes until the world shows it."""
        world: World = self.played.town.world
        try:
            for name, value in knobs:
                world.set(name, value)
            self.played.pass_time(shows_after)
            yield
        finally:
            for name, _ in knobs:
                world.reset(name)
            self.played.pass_time(shows_after)


@pytest.fixture(scope="module")
def played() -> Iterator[PlayedLaunch]:
    launch = PlayedLaunch()
    try:
        launch.start()
        yield launch
    finally:
        launch.stop()


@pytest.fixture(scope="module")
def stages(played: PlayedLaunch) -> Callable[[timedelta], Stage]:
    return functools.cache(functools.partial(Stage, played))


@pytest.fixture
def stage(stages: Callable[[timedelta], Stage], request: pytest.FixtureRequest) -> Stage:
    return stages(request.param)


def not_passed(answers: Mapping[str, Judgement]) -> dict[str, str]:
    return {check: one.sentence for check, one in answers.items() if one.verdict is not Verdict.PASS}


def test_there_is_a_break_for_every_check_and_criterion_that_systems_answer() -> None:
    assert {one.check for one in BREAKS} == set(QUESTIONS)


@pytest.mark.parametrize("stage", MOMENTS, ids=format_offset, indirect=True)
def test_everything_passes_while_nothing_is_broken(stage: Stage) -> None:
    assert not_passed(stage.healthy) == {}


def _cases() -> list[object]:
    known = [one for one in BREAKS if one.check in QUESTIONS]
    in_order = sorted(known, key=lambda one: QUESTIONS[one.check].moment)
    return [pytest.param(QUESTIONS[one.check].moment, one, id=one.check) for one in in_order]


@pytest.mark.parametrize(("stage", "broken"), _cases(), indirect=["stage"])
def test_a_broken_fact_fails_its_check_alone_and_mended_it_passes_again(stage: Stage, broken: Break) -> None:
    shows_after = observability.SHOWS_AFTER.get(broken.check, timedelta(0))
    with stage.turned(broken.knobs, shows_after):
        answers = stage.played.ask(stage.questions)
    mended = stage.played.ask([QUESTIONS[broken.check]])

    assert set(not_passed(answers)) == {broken.check}, not_passed(answers)
    assert_told(answers[broken.check], stage.healthy[broken.check])
    assert not_passed(mended) == {}


@pytest.mark.parametrize("stage", [QUESTIONS["smoke-acceptance-all-pass"].moment], ids=format_offset, indirect=True)
def test_a_step_that_stays_broken_fails_the_acceptance_with_the_next_run_of_the_suite(stage: Stage) -> None:
    with stage.turned((("site.login", False),), shows_after=timedelta(minutes=6)):
        answers = stage.played.ask(stage.questions)
    assert set(not_passed(answers)) == {"smoke-login", "smoke-acceptance-all-pass"}, not_passed(answers)
    assert not_passed(stage.played.ask(stage.questions)) == {}


@pytest.mark.parametrize("stage", [ROLLBACK], ids=format_offset, indirect=True)
def test_the_rollback_undoes_everything_but_the_mail_that_has_left(stage: Stage) -> None:
    left = {name: effect.detail for name, effect in stage.played.state.effects.items() if not effect.done}
    assert left == {"undo-schedule-onboarding-emails": "mailing 'onboarding' has been sent"}


def assert_told(failed: Judgement, healthy: Judgement) -> None:
    """The verdict is a plain fail; its sentence says what was measured, what was expected and where, and is news."""
    assert failed.verdict is Verdict.FAIL, failed.sentence
    findings = [finding for finding in failed.findings if finding.verdict is Verdict.FAIL]
    sentences = failed.sentence.split("; ")
    assert len(sentences) == len(findings)
    for sentence, finding in zip(sentences, findings, strict=True):
        told = re.fullmatch(
            r"(?P<metric>\S+) is (?P<measured>.+?) at (?P<where>.+), expected (?P<expected>.+)", sentence
        )
        assert told is not None, sentence
        assert told.groupdict() == finding.model_dump(include={"metric", "measured", "where", "expected"})
    known = {(finding.metric, finding.measured, finding.where) for finding in healthy.findings}
    assert all((finding.metric, finding.measured, finding.where) not in known for finding in findings)


@pytest.mark.parametrize("answer", ["500", "429", "refuse"])
@pytest.mark.parametrize("stage", MOMENTS, ids=format_offset, indirect=True)
def test_a_vendor_that_gives_no_answer_is_an_error_that_names_it(stage: Stage, answer: str) -> None:
    vendors = tuple((knob, answer) for knob in stage.played.town.world.knobs if knob.startswith("vendor."))
    with stage.turned(vendors):
        answers = stage.played.ask(stage.questions)
    deaf = {one.id for one in stage.questions if {probe.ask for probe in one.probes} <= NO_HTTP}
    untouched = {check for check, one in answers.items() if one.verdict is Verdict.PASS}
    assert untouched == deaf, {check: answers[check].sentence for check in untouched ^ deaf}
    for check in set(answers) - deaf - MEASURES_THE_ANSWER:
        assert answers[check].verdict is Verdict.ERROR, (check, answers[check].sentence)
        assert re.fullmatch(r'\S.* answered ".+" to (?!for |to )\S.*', answers[check].sentence), answers[check].sentence
