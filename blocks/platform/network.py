"""The network around the product on AWS: subnets, peerings, security groups, the load balancer's health checks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, assert_never

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl

from blocks.data.aws_access import AwsAccess, asking
from blocks.platform.workloads import shared
from launch.errors import PermanentFaultError
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.platform import AccountIdentity, Firewall, LoadBalancerHealthChecks, PrivateSubnets
from launch.readings import Quantity, Reading, Scalar, quantities

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import IpPermissionOutputTypeDef, RouteTableTypeDef, SubnetTypeDef
    from types_boto3_elbv2 import ElasticLoadBalancingv2Client
    from types_boto3_elbv2.type_defs import TargetGroupTypeDef

_SYSTEM = "AWS network"
_ANYWHERE = {"0.0.0.0/0", "::/0"}
_EVIDENCE = 256
_ALL_PROTOCOLS = "-1"
NetworkProbe = AccountIdentity | PrivateSubnets | Firewall | LoadBalancerHealthChecks


class AwsNetwork(AwsAccess, Block):
    """One VPC and the load balancer in front of it."""

    _block_type_name = "AWS Network"
    _block_type_slug = "aws-network"
    _description = (
        "One VPC and its load balancer; needs ec2:Describe* and elasticloadbalancing:Describe* "
        "(https://docs.aws.amazon.com/vpc/, https://docs.aws.amazon.com/elasticloadbalancing/)."
    )
    _documentation_url = HttpUrl("https://docs.aws.amazon.com/AWSEC2/latest/APIReference/")
    needs: ClassVar[str] = "`ec2:Describe*`, `elasticloadbalancing:Describe*`"

    answers: ClassVar[tuple[type[Probe], ...]] = (AccountIdentity, PrivateSubnets, Firewall, LoadBalancerHealthChecks)

    vpc: str = Field(min_length=1, description="Name tag of the VPC.")
    load_balancer: str = Field(min_length=1, description="Name of the load balancer.")

    def check(self) -> str:
        """Proves that the key may look, and that VPC and load balancer exist. Raises `SystemFaultError`."""
        vpc, groups = self._vpc_id(), self._target_groups()
        return f"{_SYSTEM}: {self.vpc} is {vpc}, {self.load_balancer} has {len(groups)} target groups"

    def answer(self, probe: NetworkProbe, occasion: Occasion) -> Reading:
        match probe:
            case AccountIdentity():
                where, (values, evidence) = "the credentials", self._identity()
            case PrivateSubnets():
                where, (values, evidence) = f"VPC {self.vpc}", self._subnets(probe.tier)
            case Firewall():
                where, (values, evidence) = f"security groups of VPC {self.vpc}", self._open_ports()
            case LoadBalancerHealthChecks():
                where, (values, evidence) = f"load balancer {self.load_balancer}", self._health_checks()
            case _:
                assert_never(probe)
        return Reading(values=values, where=where, at=occasion.now, evidence=evidence[:_EVIDENCE])

    def _identity(self) -> tuple[dict[str, Quantity], str]:
        sts: Any = self.client("sts")
        with asking("AWS STS", "whose the credentials are"):
            found = sts.get_caller_identity()
        return quantities(account=found.get("Account"), identity=found.get("Arn")), ""

    def _subnets(self, tier: str) -> tuple[dict[str, Quantity], str]:
        inside = {"Name": "vpc-id", "Values": [self._vpc_id()]}
        with asking(_SYSTEM, "describe subnets, routes and peerings"):
            pages = self._ec2.get_paginator("describe_subnets").paginate(Filters=[inside])  # type: ignore[list-item]
            subnets = [subnet for page in pages for subnet in page["Subnets"] if _tag(subnet, "tier") == tier]
            routing = self._ec2.get_paginator("describe_route_tables").paginate(Filters=[inside])  # type: ignore[list-item]
            tables = [table for page in routing for table in page["RouteTables"]]
            found = self._ec2.describe_vpc_peering_connections()["VpcPeeringConnections"]
        exposed = [subnet for subnet in subnets if _public(subnet, tables)]
        private = [subnet for subnet in subnets if subnet not in exposed]
        ends = [
            (peering.get("RequesterVpcInfo", {}).get("VpcId"), peering.get("AccepterVpcInfo", {}).get("VpcId"))
            for peering in found
            if peering.get("Status", {}).get("Code") == "active"
        ]
        values = quantities(
            private_subnets=len(private),
            exposed_subnets=len(exposed),
            availability_zones=len({subnet.get("AvailabilityZone") for subnet in private}),
            active_peerings=sum(inside["Values"][0] in pair for pair in ends),
        )
        return values, _listed("reachable from outside", (_tag(subnet, "Name") for subnet in exposed))

    def _open_ports(self) -> tuple[dict[str, Quantity], str]:
        inside = {"Name": "vpc-id", "Values": [self._vpc_id()]}
        with asking(_SYSTEM, "describe security groups"):
            pages = self._ec2.get_paginator("describe_security_groups").paginate(Filters=[inside])  # type: ignore[list-item]
            groups = [group for page in pages for group in page["SecurityGroups"]]
        opened = {
            (_ports(rule), group.get("GroupName", ""))
            for group in groups
            for rule in group.get("IpPermissions", [])
            if _from_anywhere(rule)
        }
        ports = sorted({ports for ports, _ in opened}, key=str)
        evidence = (f"{ports} in {group}" for ports, group in sorted(opened, key=str))
        return quantities(open_ports=shared(ports) if ports else "none"), _listed("open", evidence)

    def _health_checks(self) -> tuple[dict[str, Quantity], str]:
        groups = self._target_groups()
        checked = [group for group in groups if _checked(group)]
        bare = (group.get("TargetGroupName", "") for group in groups if not _checked(group))
        longest = max((group.get("HealthCheckIntervalSeconds", 0) for group in checked), default=None)
        values = quantities(
            checked_target_groups=len(checked),
            health_check_path=shared(group.get("HealthCheckPath", "") for group in checked),
        )
        return values | quantities("s", health_check_interval=longest), _listed("without health check", bare)

    def _target_groups(self) -> list[TargetGroupTypeDef]:
        with asking(_SYSTEM, f"describe load balancer {self.load_balancer}"):
            found = self._elb.describe_load_balancers(Names=[self.load_balancer])["LoadBalancers"]
            arn = found[0].get("LoadBalancerArn", "")
            pages = self._elb.get_paginator("describe_target_groups").paginate(LoadBalancerArn=arn)
            return [group for page in pages for group in page["TargetGroups"]]

    def _vpc_id(self) -> str:
        with asking(_SYSTEM, f"find VPC {self.vpc}"):
            found = self._ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [self.vpc]}])["Vpcs"]
        if len(found) != 1:
            raise PermanentFaultError(
                system=_SYSTEM,
                question=f"find VPC {self.vpc}",
                answer=f"{len(found)} VPCs of this name",
                next_step="check the Name tag in the system's block",
            )
        return found[0].get("VpcId", "")

    @property
    def _ec2(self) -> EC2Client:
        client: EC2Client = self.client("ec2")
        return client

    @property
    def _elb(self) -> ElasticLoadBalancingv2Client:
        client: ElasticLoadBalancingv2Client = self.client("elbv2")
        return client


def _tag(subnet: SubnetTypeDef, key: str) -> str:
    return next((tag.get("Value", "") for tag in subnet.get("Tags", []) if tag.get("Key") == key), "")


def _public(subnet: SubnetTypeDef, tables: list[RouteTableTypeDef]) -> bool:
    """Whether packets from the internet can get there: the subnet's own route table decides, else the main one."""
    identity = subnet.get("SubnetId")
    own = [table for table in tables if any(end.get("SubnetId") == identity for end in table.get("Associations", []))]
    main = [table for table in tables if any(end.get("Main") for end in table.get("Associations", []))]
    routes = (route for table in own or main for route in table.get("Routes", []))
    return subnet.get("MapPublicIpOnLaunch", False) or any(
        route.get("GatewayId", "").startswith("igw-") for route in routes
    )


def _from_anywhere(rule: IpPermissionOutputTypeDef) -> bool:
    ranges = {entry.get("CidrIp") for entry in rule.get("IpRanges", [])}
    return bool(_ANYWHERE & (ranges | {entry.get("CidrIpv6") for entry in rule.get("Ipv6Ranges", [])}))


def _ports(rule: IpPermissionOutputTypeDef) -> Scalar:
    if rule.get("IpProtocol") == _ALL_PROTOCOLS or "FromPort" not in rule:
        return "all"
    first, last = rule["FromPort"], rule.get("ToPort", rule["FromPort"])
    return first if first == last else f"{first}-{last}"


def _checked(group: TargetGroupTypeDef) -> bool:
    return (
        group.get("HealthCheckEnabled", False)
        and group.get("HealthCheckProtocol", "") in {"HTTP", "HTTPS"}
        and group.get("Matcher", {}).get("HttpCode") == "200"
    )


def _listed(what: str, names: Iterable[str]) -> str:
    joined = ", ".join(names)
    return f"{what}: {joined}" if joined else ""
