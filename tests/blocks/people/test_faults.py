"""Every block of this family meets every way in which a vendor can fail; what failed is never a reading."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from blocks.chat import SlackChat
from blocks.mail import Brevo
from blocks.pager import PagerDuty
from blocks.publishing import Confluence, LinkedIn
from blocks.status_page import Statuspage
from blocks.tickets import Zendesk
from launch.errors import PermanentFaultError, TransientFaultError
from sandbox.parts.mail import MailPart
from sandbox.parts.pagerduty import PagerDutyPart
from sandbox.parts.publishing import PublishingPart
from sandbox.parts.slack import SlackPart
from sandbox.parts.statuspage import StatuspagePart
from sandbox.parts.tickets import TicketsPart


@dataclass(frozen=True)
class Case:
    part: Callable
    block: type
    address: str
    token_knob: str
    vendor: str


CASES = [
    Case(SlackPart, SlackChat, "slack-chat/sandbox-war-room", "slack.token_valid", "Slack"),
    Case(StatuspagePart, Statuspage, "statuspage/sandbox-statuspage", "statuspage.token_valid", "Statuspage"),
    Case(PagerDutyPart, PagerDuty, "pagerduty/sandbox-pagerduty", "pagerduty.token_valid", "PagerDuty"),
    Case(MailPart, Brevo, "brevo/sandbox-mail", "mail.token_valid", "Brevo"),
    Case(TicketsPart, Zendesk, "zendesk/sandbox-support-desk", "tickets.token_valid", "Zendesk"),
    Case(PublishingPart, Confluence, "confluence/sandbox-wiki", "publishing.wiki_token_valid", "Confluence"),
    Case(PublishingPart, LinkedIn, "linkedin/sandbox-linkedin", "publishing.linkedin_token_valid", "LinkedIn"),
]
each = pytest.mark.parametrize("case", CASES, ids=[case.vendor for case in CASES])


@each
def test_refused_credentials_are_permanent_and_not_told(case, stage):
    built = stage(case.part())
    built.world.set(case.token_knob, False)
    block = case.block(**built.fields[case.address])
    with pytest.raises(PermanentFaultError) as caught:
        block.check()
    sentence = str(caught.value)
    assert sentence.startswith(f'{case.vendor} answered "')
    assert "sandbox-" not in sentence
    assert "xkeysib" not in sentence


@each
@pytest.mark.parametrize("failure", ["500", "429", "refuse"])
def test_vendor_that_is_down_can_be_asked_again(case, failure, stage):
    built = stage(case.part())
    built.world.set(f"vendor.{built.part.name}", failure)
    with pytest.raises(TransientFaultError):
        case.block(**built.fields[case.address]).check()


@each
def test_vendor_that_hangs_is_left_after_the_time_out(case, stage):
    built = stage(case.part())
    built.world.set(f"vendor.{built.part.name}", "hang")
    shortest = 1 if case.block is SlackChat else 0.2
    block = case.block(**{**built.fields[case.address], "timeout_seconds": shortest})
    with pytest.raises(TransientFaultError, match="no answer in time"):
        block.check()


class _Stranger:
    """Something that is not the vendor, at the vendor's address."""

    name = "stranger"

    def __init__(self, response) -> None:
        self._response = response

    def define(self, world) -> None: ...

    def start(self) -> None: ...

    def tick(self) -> None: ...

    def stop(self) -> None: ...

    def routes(self):
        return [Route("/{path:path}", lambda _: self._response, methods=["GET", "POST"])]

    def blocks(self, base_url):
        return {"stranger": {"address": base_url}}


@each
@pytest.mark.parametrize(
    "response",
    [JSONResponse({"ok": True, "unexpected": 1}), PlainTextResponse("<html>sign in</html>")],
    ids=["json", "html"],
)
def test_answer_of_another_form_is_permanent(case, response, stage):
    built = stage(case.part())
    stranger = stage(_Stranger(response)).fields["stranger"]["address"]
    fields = {**built.fields[case.address], "base_url": stranger}
    with pytest.raises(PermanentFaultError):
        case.block(**fields).check()


def test_slack_rate_limit_says_how_long_to_wait(stage):
    built = stage(SlackPart())
    built.world.set("vendor.slack", "429")
    with pytest.raises(TransientFaultError, match=r"wait 1 s"):
        SlackChat(**built.fields["slack-chat/sandbox-war-room"]).check()
