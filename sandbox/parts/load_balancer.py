"""A blue-green load balancer in the AWS part's account: port 80 shares its requests out between two target groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import JsonValue
from starlette.routing import BaseRoute

from launch.weights import share_of
from sandbox.parts.aws import AwsPart
from sandbox.product import Product
from sandbox.world import World

if TYPE_CHECKING:
    from types_boto3_elbv2 import ElasticLoadBalancingv2Client

NAME, BLUE, GREEN = "blue-green", "blue", "green"
PORT, RULE = 80, "10"


class LoadBalancerPart:
    """Listener 80 and its rule 10 (`/api/*`) forward to `blue` (100) and `green` (0), with stickiness."""

    name = "load-balancer"

    def __init__(self, aws: AwsPart) -> None:
        self._aws = aws
        self._elb: ElasticLoadBalancingv2Client | None = None
        self._listener = ""
        self._groups: dict[str, str] = {}

    def define(self, world: World) -> None:
        world.define("load-balancer.green", 0, "share of green, set by hand, in %", setter=self._by_hand)
        Product.of(world).exposure.watch(NAME, self._share, slow=True)

    def start(self) -> None:
        access = dict(self._aws.credentials)
        session = boto3.session.Session()
        patient = Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 1})
        ec2: Any = session.client("ec2", **access)  # type: ignore[call-overload]
        elb = self._elb = session.client("elbv2", config=patient, **access)  # type: ignore[call-overload]
        vpc = ec2.create_vpc(CidrBlock="10.40.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"10.40.{number}.0/24", AvailabilityZone=f"{access['region_name']}{zone}"
            )["Subnet"]["SubnetId"]
            for number, zone in enumerate("ab")
        ]
        balancer = elb.create_load_balancer(Name=NAME, Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        for color in (BLUE, GREEN):
            made = elb.create_target_group(Name=color, Protocol="HTTP", Port=8080, VpcId=vpc)
            self._groups[color] = made["TargetGroups"][0]["TargetGroupArn"]
        made = elb.create_listener(
            LoadBalancerArn=balancer, Protocol="HTTP", Port=PORT, DefaultActions=self._forward(0)
        )
        self._listener = made["Listeners"][0]["ListenerArn"]
        path = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*"]}}
        elb.create_rule(ListenerArn=self._listener, Conditions=[path], Priority=int(RULE), Actions=self._forward(0))

    def routes(self) -> Sequence[BaseRoute]:
        return ()

    def tick(self) -> None:
        """Weights change by calls only."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:  # noqa: ARG002  AWS has its own port
        access = self._aws.credentials
        fields: dict[str, JsonValue] = {
            "endpoint_url": access["endpoint_url"],
            "region": access["region_name"],
            "access_key_id": access["aws_access_key_id"],
            "secret_access_key": access["aws_secret_access_key"],
            "load_balancer": NAME,
        }
        return {"aws-load-balancer-weights/sandbox-load-balancer": fields}

    def stop(self) -> None:
        """The AWS part ends the server."""

    def _forward(self, green: int) -> list[Any]:
        weights = ((BLUE, 100 - green), (GREEN, green))
        groups = [{"TargetGroupArn": self._groups[color], "Weight": weight} for color, weight in weights]
        sticky = {"Enabled": True, "DurationSeconds": 300}
        config = {"TargetGroups": groups, "TargetGroupStickinessConfig": sticky}
        return [{"Type": "forward", "ForwardConfig": config}]

    def _by_hand(self, value: JsonValue) -> None:
        if self._elb is not None and self._listener:
            self._elb.modify_listener(ListenerArn=self._listener, DefaultActions=self._forward(int(str(value))))

    def _share(self) -> float | None:
        """What the listener forwards to green; None while the account does not answer."""
        if self._elb is None or not self._listener:
            return None
        try:
            listener = self._elb.describe_listeners(ListenerArns=[self._listener])["Listeners"][0]
        except (BotoCoreError, ClientError):
            return None
        groups = listener["DefaultActions"][0].get("ForwardConfig", {}).get("TargetGroups", [])
        weights = {group.get("TargetGroupArn", ""): group.get("Weight", 0) for group in groups}
        return share_of(weights, self._groups[GREEN])
