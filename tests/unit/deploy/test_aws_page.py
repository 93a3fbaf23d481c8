"""docs/aws.md against the template: a line for every alarm and every role, parameters with their defaults, and counts of what costs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines.prices import load
from pipelines.rollout import alarm_names
from pipelines.scaling import WAKE_ALARM
from tests.unit.deploy.template import Document, of_type

PAGE = (Path(__file__).parents[3] / "docs" / "aws.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """The cells of the tables under a heading."""
    section = re.split(r"^#{2,3} ", PAGE.split(f"# {heading}\n", 1)[1], flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def test_every_alarm_has_a_line_in_the_runbook_that_says_what_to_do(template: Document) -> None:
    written = {name: row for row in rows("Runbook") for name in re.findall(r"`([^`]+)`", row[0])}
    made = {alarm["AlarmName"] for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()}
    beside_endpoints = {*alarm_names("ENDPOINT"), f"ENDPOINT-{WAKE_ALARM}"}
    assert set(written) == made | beside_endpoints | {"housing-drift..."}
    assert all(len(row) == 3 and len(row[1]) > 15 and len(row[2]) > 15 for row in written.values())


def test_every_role_has_a_line(template: Document) -> None:
    written = {re.findall(r"`([^`]+)`", row[0])[0] for row in rows("Security")}
    made = {role["RoleName"] for role in of_type(template, "AWS::IAM::Role").values()}
    made |= {policy["ManagedPolicyName"] for policy in of_type(template, "AWS::IAM::ManagedPolicy").values()}
    assert written == made


def test_parameters_and_rules_are_those_of_the_template(template: Document) -> None:
    for cells in rows("Bootstrap"):
        names = re.findall(r"`([A-Z]\w+)`", cells[0])
        for name in names:
            assert name in template["Parameters"], name
        default = str(template["Parameters"][names[0]]["Default"])
        assert default in cells[1] or cells[1] in ("none", "of the profile"), cells
    rules = {rule.get("Name") for rule in of_type(template, "AWS::Events::Rule").values()}
    assert set(re.findall(r"`(housing-\w+)`", " ".join(row[1] for row in rows("What starts a training")))) <= rules


@pytest.mark.parametrize(
    ("what", "kind", "price"),
    [("alarms", "AWS::CloudWatch::Alarm", "cloudwatch_alarm_usd_per_month"), ("key", "AWS::KMS::Key", "kms_key_usd_per_month")],
)
def test_what_the_stacks_cost_is_counted_in_the_template(template: Document, what: str, kind: str, price: str) -> None:
    cells = next(row for row in rows("What the stacks cost") if row[0] == what)
    count = len(of_type(template, kind))
    assert cells[1].startswith(str(count))
    assert float(cells[2]) == pytest.approx(count * getattr(load(None).requests, price))


def test_the_network_costs_its_interface_endpoints_in_both_zones(template: Document) -> None:
    endpoints = of_type(template, "AWS::EC2::VPCEndpoint")
    paid = {name: len(one["SubnetIds"]) for name, one in endpoints.items() if one["VpcEndpointType"] == "Interface"}
    optional = {name for name in paid if template["Resources"][name]["Condition"] == "HasNat"}
    hours, table = load(None).hours_per_month, load(None).requests
    cells = {row[0]: float(row[2]) for row in rows("What the stacks cost")}
    standing = sum(zones for name, zones in paid.items() if name not in optional) * hours * table.vpc_endpoint_usd_per_hour
    nat = hours * table.nat_gateway_usd_per_hour + sum(paid[name] for name in optional) * hours * table.vpc_endpoint_usd_per_hour
    assert cells["option `Network=endpoints`"] == pytest.approx(standing)
    assert cells["option `Network=endpoints-and-nat`"] == pytest.approx(nat)
