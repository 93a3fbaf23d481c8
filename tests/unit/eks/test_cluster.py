"""The cluster, what it stands on and what runs in it name one another by the same names."""

from __future__ import annotations

import ipaddress
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from cfnlint.decode import decode_str

from .cluster_view import Manifest, name_of, namespace_of, of_kind, pod_of
from .manifests import CRDS, EKS, build, needs_kubectl

SERVICES = {
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "s3",
    "sts",
    "logs",
    "monitoring",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "sqs",
    "ssm",
    "secretsmanager",
}
"""What nodes, add-ons and charts call: without one of them something never becomes ready."""


@pytest.fixture(scope="module")
def cluster() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((EKS / "cluster.yaml").read_text())
    return found


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    template, errors = decode_str((EKS / "foundation.yaml").read_text())
    assert errors == []
    found: dict[str, Any] = json.loads(json.dumps(template))["Resources"]
    return found


@pytest.fixture(scope="module")
def prod() -> list[Manifest]:
    return build(EKS / "overlays" / "prod")


def policies(cluster: dict[str, Any], account: str) -> list[dict[str, Any]]:
    (one,) = [one for one in cluster["iam"]["podIdentityAssociations"] if one["serviceAccountName"] == account]
    found: list[dict[str, Any]] = one["permissionPolicy"]["Statement"]
    return found


def test_the_cluster_has_the_fields_of_eksctl(cluster: dict[str, Any]) -> None:
    schema = yaml.safe_load((CRDS / "ClusterConfig.yaml").read_text())
    jsonschema.Draft202012Validator(schema).validate(cluster)
    for wrong in ({"natt": {}}, {"privateCluster": {"enabled": True, "additionalEndpointServices": ["secretsmanager"]}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(schema).validate(cluster | wrong)


def test_every_service_that_is_called_has_an_endpoint_and_nothing_a_way_out(resources: dict[str, Any]) -> None:
    endpoints = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::EC2::VPCEndpoint" and "Condition" not in one]
    assert {one["ServiceName"]["Fn::Sub"].partition("${AWS::Region}.")[2] for one in endpoints} == SERVICES
    assert all(one["PrivateDnsEnabled"] and one["VpcEndpointType"] == "Interface" for one in endpoints)
    assert not {"AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::Route"} & {one["Type"] for one in resources.values()}
    assert resources["EndpointS3"]["Properties"]["DnsOptions"] == {"PrivateDnsOnlyForInboundResolverEndpoint": "AllResolvers"}


def test_a_node_of_karpenter_may_join(cluster: dict[str, Any], resources: dict[str, Any]) -> None:
    node_class = yaml.safe_load((EKS / "base" / "nodes" / "class.yaml").read_text())["spec"]
    role = resources["NodeRole"]["Properties"]["RoleName"]
    assert resources["NodeProfile"]["Properties"] == {"InstanceProfileName": node_class["instanceProfile"], "Roles": [{"Ref": "NodeRole"}]}
    assert {"principalARN": f"arn:aws:iam::123456789012:role/{role}", "type": "EC2_LINUX"} in cluster["accessConfig"]["accessEntries"]
    ((key, name),) = node_class["subnetSelectorTerms"][0]["tags"].items()
    tagged = [name for name, one in resources.items() if {"Key": key, "Value": {"Ref": "ClusterName"}} in one["Properties"].get("Tags", [])]
    assert (tagged, name) == (["NodeSubnetA", "NodeSubnetB"], cluster["metadata"]["name"])
    assert node_class["securityGroupSelectorTerms"] == [{"tags": {"aws:eks:cluster-name": name}}]


def test_karpenter_hears_of_interruptions(cluster: dict[str, Any], resources: dict[str, Any]) -> None:
    policy = resources["KarpenterPolicy"]["Properties"]
    (karpenter,) = [one for one in cluster["iam"]["podIdentityAssociations"] if one["serviceAccountName"] == "karpenter"]
    assert karpenter["permissionPolicyARNs"] == [f"arn:aws:iam::123456789012:policy/{policy['ManagedPolicyName']}"]
    assert "sqs:ReceiveMessage" in json.dumps(policy["PolicyDocument"])
    rule = resources["InterruptionsRule"]["Properties"]
    assert "EC2 Spot Instance Interruption Warning" in rule["EventPattern"]["detail-type"]
    assert rule["Targets"][0]["Arn"] == {"Fn::GetAtt": ["Interruptions", "Arn"]}


def test_pods_may_use_the_key_of_the_bucket(cluster: dict[str, Any]) -> None:
    key = cluster["secretsEncryption"]["keyARN"]
    wanted = {
        "housing-inference": ["kms:Decrypt"],
        "housing-training": ["kms:Decrypt", "kms:GenerateDataKey"],
        "external-secrets": ["kms:Decrypt"],
    }
    for account, actions in wanted.items():
        (rights,) = [one for one in policies(cluster, account) if "kms:Decrypt" in one["Action"]]
        assert (rights["Action"], rights["Resource"]) == (actions, key), account


@needs_kubectl
def test_identities_and_groups_are_those_of_the_manifests(cluster: dict[str, Any], prod: list[Manifest]) -> None:
    accounts = {(namespace_of(one), one["metadata"]["name"]) for one in of_kind(prod, "ServiceAccount")}
    associated = {(one["namespace"], one["serviceAccountName"]) for one in cluster["iam"]["podIdentityAssociations"]}
    assert accounts == {one for one in associated if one[0].startswith("ml-")}
    bound = {
        subject["name"] for kind in ("RoleBinding", "ClusterRoleBinding") for one in of_kind(prod, kind) for subject in one["subjects"]
    }
    given = {group for one in cluster["accessConfig"]["accessEntries"] for group in one.get("kubernetesGroups", [])}
    assert given == bound


def subnet_faults(built: list[Manifest], resources: dict[str, Any]) -> Iterator[str]:
    """Where the load balancer stands and S3 is reached, against the subnets that are made."""
    subnets = {name: one["Properties"] for name, one in resources.items() if one["Type"] == "AWS::EC2::Subnet"}
    ranges = {name: ipaddress.ip_network(one["CidrBlock"]) for name, one in subnets.items()}
    balancers = [name for name in subnets if name.startswith("BalancerSubnet")]
    (ingress,) = of_kind(built, "Ingress")
    named = ingress["metadata"]["annotations"]["alb.ingress.kubernetes.io/subnets"].split(", ")
    if named != [next(tag["Value"] for tag in subnets[name]["Tags"] if tag["Key"] == "Name") for name in balancers]:
        yield f"the load balancer is bound to {named}"
    for policy in of_kind(built, "NetworkPolicy"):
        heard, out = addresses(policy, "ingress", "from"), addresses(policy, "egress", "to")
        if heard not in ([], [str(ranges[name]) for name in balancers]):
            yield f"{name_of(policy)}: hears {heard}, not the load balancer"
        reached = [part for one in out if not one.startswith("169.254.") for part in ipaddress.ip_network(one).subnets()]
        if out and reached != [ranges["EndpointSubnetA"], ranges["EndpointSubnetB"]]:
            yield f"{name_of(policy)}: does not reach S3"


def addresses(policy: Manifest, direction: str, side: str) -> list[str]:
    rules = policy["spec"].get(direction) or []
    return [peer["ipBlock"]["cidr"] for rule in rules for peer in rule[side] if "ipBlock" in peer]


@needs_kubectl
@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_policies_and_load_balancer_name_the_subnets_that_are_made(stage: str, resources: dict[str, Any]) -> None:
    assert list(subnet_faults(build(EKS / "overlays" / stage), resources)) == []


@needs_kubectl
@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("s3-endpoint-subnet: 10.0.254.0/24", "s3-endpoint-subnet: 10.0.253.0/24", "NetworkPolicy housing-training: does not reach S3"),
        ("balancer-subnet-b: 10.0.1.0/24", "balancer-subnet-b: 10.0.9.0/24", "NetworkPolicy housing-forecast: hears"),
        ("balancer-subnets: housing-eks-balancer-a, ", "balancer-subnets: ", "the load balancer is bound to"),
    ],
)
def test_a_subnet_that_is_another_is_found(tmp_path: Path, resources: dict[str, Any], right: str, wrong: str, said: str) -> None:
    shutil.copytree(EKS.parent, tmp_path, dirs_exist_ok=True)
    settings = tmp_path / "eks" / "overlays" / "prod" / "settings.yaml"
    assert right in settings.read_text()
    settings.write_text(settings.read_text().replace(right, wrong))
    assert [fault for fault in subnet_faults(build(settings.parent), resources) if fault.startswith(said)]


def test_no_subnet_lies_in_another(resources: dict[str, Any]) -> None:
    ranges = [ipaddress.ip_network(one["Properties"]["CidrBlock"]) for one in resources.values() if one["Type"] == "AWS::EC2::Subnet"]
    assert len(ranges) == 8
    assert not [(one, other) for one, other in itertools.combinations(ranges, 2) if one.overlaps(other)]


@needs_kubectl
@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_every_image_is_in_the_registry_that_nodes_reach(stage: str) -> None:
    pods = [pod for one in build(EKS / "overlays" / stage) if (pod := pod_of(one))]
    images = {container["image"] for pod in pods for container in [*pod.get("initContainers", []), *pod["containers"]]}
    assert all(image.startswith("123456789012.dkr.ecr.us-east-1.amazonaws.com/") for image in images), images
