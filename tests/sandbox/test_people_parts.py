"""What the parts of people and words promise beyond what the blocks' own tests ask of them."""

import smtplib
import socket
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from sandbox.parts.mail import MailPart
from sandbox.parts.pagerduty import PagerDutyPart
from sandbox.parts.publishing import PublishingPart
from sandbox.parts.slack import SlackPart
from sandbox.parts.statuspage import StatuspagePart
from sandbox.parts.tickets import TicketsPart
from sandbox.server import serve
from sandbox.world import World

T0 = datetime(2026, 11, 30, 7, tzinfo=UTC)
PARTS = [SlackPart, StatuspagePart, PagerDutyPart, MailPart, TicketsPart, PublishingPart]
each = pytest.mark.parametrize("kind", PARTS, ids=[kind.name for kind in PARTS])


def built(kind):
    world = World(now=lambda: T0 - timedelta(days=7), t0=T0)
    part = kind()
    part.define(world)
    return part, world


@each
def test_every_knob_is_named_after_its_part(kind):
    part, world = built(kind)
    assert world.knobs
    assert {name.partition(".")[0] for name in world.knobs} == {part.name}


@each
def test_every_answer_needs_credentials(kind):
    part, world = built(kind)
    part.start()
    public = ("/public/", "/events/", "/users/me")
    with serve(world, [part]) as server, httpx.Client(base_url=server.base_url(part)) as client:
        for route in part.routes():
            if route.path.startswith(public[:2]) or public[2] in route.path:
                continue
            for method in route.methods - {"HEAD"}:
                path = route.path.replace("{id}", "PSCHED1").replace("{method}", "auth.test")
                answer = client.request(
                    method, path, params={"since": T0.isoformat(), "until": T0.isoformat()}, json={}
                )
                assert answer.status_code == 401 or answer.json().get("error") == "invalid_auth", route.path
    part.stop()


@each
def test_stop_is_safe_before_start_and_twice(kind):
    part, _ = built(kind)
    part.stop()
    part.start()
    part.stop()
    part.stop()


def test_relay_is_a_real_server_that_is_gone_after_stop():
    part, _ = built(MailPart)
    part.start()
    relay = part.blocks("http://unused")["smtp-relay/sandbox-mail-relay"]["server"]
    with smtplib.SMTP(relay["host"], relay["port"], timeout=5) as session:
        assert session.ehlo()[0] == 250
    part.stop()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((relay["host"], relay["port"]), timeout=1)


def test_product_mail_reaches_the_inbox():
    part, _ = built(MailPart)
    part.deliver("user@pilot.example", "Reset", "https://cockpit.teei.io/reset/1")
    assert [mail.subject for mail in part.inbox("user@pilot.example")] == ["Reset"]
    assert part.inbox("other@pilot.example") == []
