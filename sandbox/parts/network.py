"""The network of the sandbox, in the AWS part's account: a VPC with its subnets, a peering, a load balancer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import boto3
from pydantic import JsonValue
from starlette.routing import BaseRoute

from sandbox.world import World

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import IpPermissionTypeDef, TagTypeDef
    from types_boto3_elbv2 import ElasticLoadBalancingv2Client

REGION = "eu-west-1"
VPC, LOAD_BALANCER = "teei-production", "teei-production"
_SERVICES = ("reporting-api", "q2q-pipeline", "notification-service", "export-service")
_ZONES = ("a", "b", "c")


class AwsEndpoint(Protocol):
    """What this part needs of the AWS part: `endpoint` waits until the server listens."""

    @property
    def endpoint(self) -> str: ...


class NetworkPart:
    """Creates the network; its knobs change it through the same API that the product's owners use."""

    name = "network"

    def __init__(self, aws: AwsEndpoint) -> None:
        self._aws = aws
        self._started = threading.Event()

    def define(self, world: World) -> None:
        self._world = world
        knobs: tuple[tuple[str, JsonValue, str, Callable[[JsonValue], None]], ...] = (
            ("network.exposed-subnets", False, "whether private subnets have a route to the internet", self._expose),
            ("network.peering", True, "whether the peering with the data VPC is active", self._peer),
            ("network.open-ports", [443], "ports open to the internet", self._open),
            ("network.health-check-path", "/health", "path of the first target group's health check", self._check_path),
            ("network.health-check-seconds", 10, "interval of the first target group's health check", self._check_pace),
        )
        for name, default, what, push in knobs:
            world.define(name, default, what, setter=self._once_started(push))
        self._pushes = [(name, default, push) for name, default, _, push in knobs]

    def start(self) -> None:
        access: dict[str, str] = {
            "endpoint_url": self._aws.endpoint,
            "region_name": REGION,
            "aws_access_key_id": "sandbox",
            "aws_secret_access_key": "sandbox",
        }
        session = boto3.session.Session()
        self._ec2: EC2Client = session.client("ec2", **access)  # type: ignore[call-overload]
        self._elb: ElasticLoadBalancingv2Client = session.client("elbv2", **access)  # type: ignore[call-overload]
        self._lay_subnets()
        self._peering = ""
        self._peer(True)
        self._opened: list[int] = []
        self._open([443])
        self._balance()
        self._started.set()
        for name, default, push in self._pushes:
            if (value := self._world.get(name)) != default:
                push(value)

    def routes(self) -> Sequence[BaseRoute]:
        return ()

    def tick(self) -> None:
        """Nothing moves by itself."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:  # noqa: ARG002  AWS has its own port
        fields: dict[str, JsonValue] = {
            "endpoint_url": self._aws.endpoint,
            "region": REGION,
            "access_key_id": "sandbox",
            "secret_access_key": "sandbox",
            "vpc": VPC,
            "load_balancer": LOAD_BALANCER,
        }
        return {"aws-network/sandbox-network": fields}

    def stop(self) -> None:
        """The AWS part ends the server."""

    def _once_started(self, push: Callable[[JsonValue], None]) -> Callable[[JsonValue], None]:
        def pushed(value: JsonValue) -> None:
            if self._started.is_set():
                push(value)

        return pushed

    def _lay_subnets(self) -> None:
        ec2 = self._ec2
        self._vpc = self._create_vpc(VPC, "10.20.0.0/16")
        self._data_vpc = self._create_vpc("teei-data", "10.30.0.0/16")
        self._gateway = ec2.create_internet_gateway()["InternetGateway"].get("InternetGatewayId", "")
        ec2.attach_internet_gateway(InternetGatewayId=self._gateway, VpcId=self._vpc)
        private = self._create_table()
        public = self._create_table()
        ec2.create_route(RouteTableId=public, DestinationCidrBlock="0.0.0.0/0", GatewayId=self._gateway)
        self._public = []
        for number, zone in enumerate(_ZONES):
            self._create_subnet("private", zone, f"10.20.{number}.0/24", private)
            self._public.append(self._create_subnet("public", zone, f"10.20.{100 + number}.0/24", public))
        self._private_table = private
        group = ec2.create_security_group(GroupName="teei-edge", Description="load balancer", VpcId=self._vpc)
        self._group = group["GroupId"]

    def _create_vpc(self, name: str, block: str) -> str:
        tags = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": name}]}]
        created = self._ec2.create_vpc(CidrBlock=block, TagSpecifications=tags)  # type: ignore[arg-type]
        return created["Vpc"].get("VpcId", "")

    def _create_table(self) -> str:
        return self._ec2.create_route_table(VpcId=self._vpc)["RouteTable"].get("RouteTableId", "")

    def _create_subnet(self, tier: str, zone: str, block: str, table: str) -> str:
        tags: list[TagTypeDef] = [{"Key": "Name", "Value": f"{tier}-{zone}"}, {"Key": "tier", "Value": tier}]
        created = self._ec2.create_subnet(
            VpcId=self._vpc,
            CidrBlock=block,
            AvailabilityZone=f"{REGION}{zone}",
            TagSpecifications=[{"ResourceType": "subnet", "Tags": tags}],
        )
        subnet = created["Subnet"].get("SubnetId", "")
        self._ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        return subnet

    def _balance(self) -> None:
        elb = self._elb
        created = elb.create_load_balancer(Name=LOAD_BALANCER, Subnets=self._public, SecurityGroups=[self._group])
        balancer = created["LoadBalancers"][0].get("LoadBalancerArn", "")
        self._targets = [self._create_targets(service) for service in _SERVICES]
        for port, targets in enumerate(self._targets, start=8443):
            forward = [{"Type": "forward", "TargetGroupArn": targets}]
            elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=port, DefaultActions=forward)  # type: ignore[arg-type]

    def _create_targets(self, service: str) -> str:
        created = self._elb.create_target_group(
            Name=service,
            Protocol="HTTP",
            Port=8080,
            VpcId=self._vpc,
            HealthCheckEnabled=True,
            HealthCheckProtocol="HTTP",
            HealthCheckPath="/health",
            HealthCheckIntervalSeconds=10,
            HealthCheckTimeoutSeconds=5,
            UnhealthyThresholdCount=2,
            Matcher={"HttpCode": "200"},
        )
        return created["TargetGroups"][0].get("TargetGroupArn", "")

    def _expose(self, value: JsonValue) -> None:
        table, everywhere = self._private_table, "0.0.0.0/0"
        if value:
            self._ec2.create_route(RouteTableId=table, DestinationCidrBlock=everywhere, GatewayId=self._gateway)
        else:
            self._ec2.delete_route(RouteTableId=table, DestinationCidrBlock=everywhere)

    def _peer(self, value: JsonValue) -> None:
        if not value:
            self._ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=self._peering)
            return
        asked = self._ec2.create_vpc_peering_connection(VpcId=self._vpc, PeerVpcId=self._data_vpc)
        self._peering = asked["VpcPeeringConnection"].get("VpcPeeringConnectionId", "")
        self._ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=self._peering)

    def _open(self, value: JsonValue) -> None:
        wanted = [int(str(port)) for port in value] if isinstance(value, list) else []
        if gone := [port for port in self._opened if port not in wanted]:
            self._ec2.revoke_security_group_ingress(GroupId=self._group, IpPermissions=_rules(gone))
        if new := [port for port in wanted if port not in self._opened]:
            self._ec2.authorize_security_group_ingress(GroupId=self._group, IpPermissions=_rules(new))
        self._opened = wanted

    def _check_path(self, value: JsonValue) -> None:
        self._elb.modify_target_group(TargetGroupArn=self._targets[0], HealthCheckPath=str(value))

    def _check_pace(self, value: JsonValue) -> None:
        seconds = int(str(value))
        self._elb.modify_target_group(TargetGroupArn=self._targets[0], HealthCheckIntervalSeconds=seconds)


def _rules(ports: Sequence[int]) -> list[IpPermissionTypeDef]:
    anywhere = "0.0.0.0/0"
    return [
        {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": anywhere}]} for port in ports
    ]
