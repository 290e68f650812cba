"""AWS Application Load Balancers: weights of the target groups that a listener or a rule forwards to.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html#forward-actions
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl

from blocks.data.aws_access import AwsAccess, asking
from blocks.routing.weighing import Splits, Table, Weighing
from launch.errors import PermanentFaultError

if TYPE_CHECKING:
    from types_boto3_elbv2 import ElasticLoadBalancingv2Client
    from types_boto3_elbv2.type_defs import ListenerTypeDef

_FORWARD = "forward"


class LoadBalancerWeights(AwsAccess, Weighing, Block):
    """One load balancer. A route is a listener's port (`443`), or one with a rule's priority (`443/10`).

    A target is the name of a target group. ELB has no conditional write: of two that write at the same moment the last
    one wins, which the next look at the weights shows.
    """

    _block_type_name = "AWS Load Balancer Weights"
    _block_type_slug = "aws-load-balancer-weights"
    _description = (
        "Weights of the target groups behind one Application Load Balancer; needs elasticloadbalancing:Describe*, "
        "ModifyListener and ModifyRule "
        "(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html)."
    )
    _documentation_url = HttpUrl(
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html"
    )
    needs: ClassVar[str] = (
        "`elasticloadbalancing:DescribeLoadBalancers`, `DescribeListeners`, `DescribeRules`, "
        "`DescribeTargetGroups`, `ModifyListener`, `ModifyRule`"
    )

    load_balancer: str = Field(min_length=1, description="Name of the load balancer.")

    @property
    def named(self) -> str:
        """The system, as a fault's sentence names it."""
        return f"load balancer {self.load_balancer}"

    def check(self) -> str:
        """Proves that the key may look, and that the load balancer exists. Raises `SystemFaultError`."""
        listeners = self._listeners(self._elb)
        return f"{self.named} listens on {', '.join(str(one.get('Port')) for one in listeners) or 'no port'}"

    def read(self, route: str) -> Table:
        """Raises `SystemFaultError`."""
        elb = self._elb
        arn, actions, rule = self._actions(elb, route)
        forward = next((action for action in actions if action.get("Type") == _FORWARD), None)
        if forward is None:
            return Table({}, None)
        groups = forward.get("ForwardConfig", {}).get("TargetGroups") or [
            {"TargetGroupArn": forward.get("TargetGroupArn", "")}
        ]
        names = self._names(elb, [str(group["TargetGroupArn"]) for group in groups])
        weights = {names[group["TargetGroupArn"]]: group.get("Weight") for group in groups}
        return Table({_FORWARD: weights}, (arn, actions, rule, names))

    def write(self, route: str, table: Table, splits: Splits) -> None:
        """Stickiness, and the actions before forwarding, stay. Raises `SystemFaultError`."""
        arn, actions, rule, names = table.seen
        changed = [_weighted(action, splits.get(_FORWARD, {}), names) for action in actions]
        elb = self._elb
        with asking(self.named, f"set the weights of {route}"):
            if rule:
                elb.modify_rule(RuleArn=arn, Actions=changed)
            else:
                elb.modify_listener(ListenerArn=arn, DefaultActions=changed)

    def _actions(self, elb: ElasticLoadBalancingv2Client, route: str) -> tuple[str, Sequence[Any], bool]:
        port, _, priority = route.partition("/")
        listener = next((one for one in self._listeners(elb) if str(one.get("Port")) == port), None)
        if listener is None:
            raise self._unknown(route, f"no listener on port {port}")
        if not priority:
            return listener.get("ListenerArn", ""), listener.get("DefaultActions", []), False
        with asking(self.named, f"read the rules of port {port}"):
            pages = elb.get_paginator("describe_rules").paginate(ListenerArn=listener.get("ListenerArn", ""))
            rules = [rule for page in pages for rule in page["Rules"]]
        found = next((rule for rule in rules if rule.get("Priority") == priority), None)
        if found is None:
            raise self._unknown(route, f"no rule of priority {priority}")
        return found.get("RuleArn", ""), found.get("Actions", []), True

    def _listeners(self, elb: ElasticLoadBalancingv2Client) -> list[ListenerTypeDef]:
        with asking(self.named, "read its listeners"):
            arn = elb.describe_load_balancers(Names=[self.load_balancer])["LoadBalancers"][0].get("LoadBalancerArn", "")
            pages = elb.get_paginator("describe_listeners").paginate(LoadBalancerArn=arn)
            return [listener for page in pages for listener in page["Listeners"]]

    def _names(self, elb: ElasticLoadBalancingv2Client, arns: list[str]) -> dict[str, str]:
        with asking(self.named, "read its target groups"):
            groups = elb.describe_target_groups(TargetGroupArns=arns)["TargetGroups"]
        return {group.get("TargetGroupArn", ""): group.get("TargetGroupName", "") for group in groups}

    def _unknown(self, route: str, answer: str) -> PermanentFaultError:
        return PermanentFaultError(
            system=self.named, question=f"read route {route}", answer=answer, next_step="check the route in the plan"
        )

    @property
    def _elb(self) -> ElasticLoadBalancingv2Client:
        client: ElasticLoadBalancingv2Client = self.client("elbv2")
        return client


def _weighted(action: Any, weights: dict[str, int | None], names: dict[str, str]) -> Any:
    if action.get("Type") != _FORWARD:
        return action
    config = action.get("ForwardConfig", {})
    groups = [
        {"TargetGroupArn": arn} | ({"Weight": weight} if (weight := weights.get(name)) is not None else {})
        for arn, name in names.items()
    ]
    kept = {key: value for key, value in action.items() if key not in {"TargetGroupArn", "ForwardConfig"}}
    return {**kept, "ForwardConfig": {**config, "TargetGroups": groups}}
