"""The network block against moto, with the network that the sandbox lays out in it."""

from __future__ import annotations

import socket
from datetime import UTC, datetime

import pytest
from starlette.responses import Response
from starlette.routing import Route

from blocks.platform.network import AwsNetwork
from launch.errors import PermanentFaultError, TransientFaultError
from launch.probes.platform import AccountIdentity, Firewall, LoadBalancerHealthChecks, PrivateSubnets
from sandbox.parts.aws import AwsPart
from sandbox.parts.network import NetworkPart
from sandbox.server import serve
from sandbox.world import World

pytestmark = pytest.mark.integration

SUBNETS = PrivateSubnets(ask="private-subnets", of="network")
FIREWALL = Firewall(ask="firewall", of="network")
HEALTH = LoadBalancerHealthChecks(ask="load-balancer-health-checks", of="network")


@pytest.fixture(scope="module")
def network():
    moment = datetime(2025, 11, 16, 21, tzinfo=UTC)
    world = World(now=lambda: moment, t0=moment)
    aws = AwsPart()
    part = NetworkPart(aws)
    aws.define(world)
    part.define(world)
    try:
        aws.start()
        part.start()
        yield world, AwsNetwork(**part.blocks("")["aws-network/sandbox-network"])
    finally:
        aws.stop()


def values(block, probe, occasion):
    return {name: quantity.value for name, quantity in block.answer(probe, occasion).values.items()}


def test_credentials_say_whose_they_are(network, rehearsal):
    _, block = network
    seen = values(block, AccountIdentity(ask="account-identity", of="network"), rehearsal.occasion)
    assert seen["account"] == "123456789012", "a word: a leading zero counts"
    assert seen["identity"].startswith("arn:aws:sts::123456789012:")


def test_the_network_as_it_should_be(network, rehearsal):
    _, block = network
    assert values(block, SUBNETS, rehearsal.occasion) == {
        "private_subnets": 3,
        "exposed_subnets": 0,
        "availability_zones": 3,
        "active_peerings": 1,
    }
    assert values(block, FIREWALL, rehearsal.occasion) == {"open_ports": 443}
    assert values(block, HEALTH, rehearsal.occasion) == {
        "checked_target_groups": 4,
        "health_check_path": "/health",
        "health_check_interval": 10,
    }


@pytest.mark.parametrize(
    ("probe", "turn", "expected"),
    [
        (SUBNETS, ("network.exposed-subnets", True), {"private_subnets": 0, "exposed_subnets": 3}),
        (SUBNETS, ("network.peering", False), {"active_peerings": 0}),
        (FIREWALL, ("network.open-ports", [22, 443]), {"open_ports": "22, 443"}),
        (FIREWALL, ("network.open-ports", []), {"open_ports": "none"}),
        (HEALTH, ("network.health-check-path", "/"), {"health_check_path": "/health, /"}),
        (HEALTH, ("network.health-check-seconds", 60), {"health_check_interval": 60}),
    ],
)
def test_a_change_of_the_network_shows_and_can_be_taken_back(network, rehearsal, probe, turn, expected):
    world, block = network
    before = values(block, probe, rehearsal.occasion)
    world.set(*turn)
    assert expected.items() <= values(block, probe, rehearsal.occasion).items()
    world.reset(turn[0])
    assert values(block, probe, rehearsal.occasion) == before


def test_check_says_what_is_there(network):
    _, block = network
    assert "teei-production has 4 target groups" in block.check()


def test_names_that_do_not_exist_are_permanent(network, rehearsal):
    _, block = network
    with pytest.raises(PermanentFaultError, match="0 VPCs of this name"):
        block.model_copy(update={"vpc": "nowhere"}).answer(SUBNETS, rehearsal.occasion)
    with pytest.raises(PermanentFaultError, match="LoadBalancerNotFound"):
        block.model_copy(update={"load_balancer": "nothing"}).answer(HEALTH, rehearsal.occasion)


def test_an_endpoint_that_is_not_there_is_worth_another_try(network, rehearsal):
    _, block = network
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    gone = block.model_copy(update={"endpoint_url": f"http://127.0.0.1:{port}"})
    with pytest.raises(TransientFaultError):
        gone.answer(FIREWALL, rehearsal.occasion)


class RefusingAws:
    """Answers every call as EC2 does when the key lacks a right."""

    name = "aws"
    body = (
        b"<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>"
    )

    def routes(self):
        refusal = Response(self.body, status_code=403, media_type="text/xml")
        return [Route("/{path:path}", lambda request: refusal, methods=["POST"])]


@pytest.mark.parametrize("probe", [SUBNETS, FIREWALL])
def test_refused_credentials_name_the_right_to_give(network, rehearsal, probe):
    _, block = network
    aws = RefusingAws()
    with (
        serve(rehearsal.world, [aws]) as server,
        pytest.raises(PermanentFaultError, match=r"UnauthorizedOperation .HTTP 403.*missing right: Describe"),
    ):
        block.model_copy(update={"endpoint_url": f"{server.base_url(aws)}/"}).answer(probe, rehearsal.occasion)


def test_a_body_that_is_not_from_aws_is_a_fault(network, rehearsal):
    _, block = network
    aws = RefusingAws()
    aws.body = b"<html>"
    with (
        serve(rehearsal.world, [aws]) as server,
        pytest.raises(PermanentFaultError, match="not what AWS serves"),
    ):
        block.model_copy(update={"endpoint_url": f"{server.base_url(aws)}/"}).answer(FIREWALL, rehearsal.occasion)
