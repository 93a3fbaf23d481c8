"""What each function, bucket, queue, log, rule, route and alarm of app.yaml must have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scripts.expand_template import TEMPLATES, expand
from tests.unit.deploy import resources
from tests.unit.deploy.template import Document, of_type

Rule = Callable[[Document], list[str]]
RULES: list[Rule] = [
    resources.functions,
    resources.buckets,
    resources.logs,
    resources.queues,
    resources.events,
    resources.api,
    resources.alarms,
    resources.dashboard,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_template_keeps_the_rule(template: Document, rule: Rule) -> None:
    assert rule(template) == []


def test_there_is_what_the_contracts_name(template: Document) -> None:
    functions = of_type(template, "AWS::Lambda::Function").values()
    assert {(one["FunctionName"], one["Handler"]) for one in functions} == {
        (f"housing-{name}", f"lambdas.{name}.handler.handler") for name in ("predict", "train", "deploy", "status")
    }
    routes = {route["RouteKey"] for route in of_type(template, "AWS::ApiGatewayV2::Route").values()}
    assert routes == {"POST /v1/forecast", "POST /v1/training", "GET /v1/jobs/{id}", "GET /v1/executions/{id}"}
    repository = of_type(template, "AWS::ECR::Repository")["Repository"]
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    movable = {one["ImageTagMutabilityExclusionFilterValue"] for one in repository["ImageTagMutabilityExclusionFilters"]}
    assert (repository["ImageTagMutability"], movable) == ("IMMUTABLE_WITH_EXCLUSION", {"train", "serve", "serve-cpu", "*-latest"})
    assert of_type(template, "AWS::KMS::Key")["Key"]["EnableKeyRotation"] is True


def test_ingest_alone_has_a_way_to_the_internet(template: Document) -> None:
    ways_out = {name for name, route in of_type(template, "AWS::EC2::Route").items() if route["DestinationCidrBlock"] == "0.0.0.0/0"}
    assert ways_out == {"PublicDefaultRoute", "IngestDefaultRoute"}
    by_table = of_type(template, "AWS::EC2::SubnetRouteTableAssociation").values()
    led_out = {one["SubnetId"]["Ref"] for one in by_table if one["RouteTableId"]["Ref"] in ("PublicRoutes", "IngestRoutes")}
    assert led_out == {"PublicSubnet", "IngestSubnet"}
    assert all(
        not group.get("SecurityGroupIngress") or name == "EndpointsGroup"
        for name, group in of_type(template, "AWS::EC2::SecurityGroup").items()
    )


def test_options_are_off_unless_chosen() -> None:
    template = expand(TEMPLATES / "app.yaml")
    optional = {name for name, item in template["Resources"].items() if "Condition" in item}
    kinds = {item["Type"] for name, item in template["Resources"].items() if name not in optional}
    assert not {kind for kind in kinds if kind.startswith(("AWS::EC2::", "AWS::ApiGateway::", "AWS::CodeDeploy::"))}
    assert {"Vpc", "NatGateway", "DirectRestApi", "CiRole", "JwtAuthorizer", "AlarmsEmail"} <= optional
    assert "AWS::CodeDeploy::DeploymentGroup" in {
        item["Type"] for item in expand(TEMPLATES / "app.yaml", {"GradualDeployments": "true"})["Resources"].values()
    }


FAULTS: list[tuple[str, Rule, Callable[[dict[str, Document]], Any]]] = [
    ("no dead letters", resources.functions, lambda r: r["PredictFunction"].pop("DeadLetterConfig")),
    ("a fixed reserve", resources.functions, lambda r: r["PredictFunction"].update(ReservedConcurrentExecutions=10)),
    ("a shared role", resources.functions, lambda r: r["PredictFunction"].update(Role=r["TrainFunction"]["Role"])),
    ("an endless log of a function", resources.functions, lambda r: r["PredictLogs"].pop("RetentionInDays")),
    ("no alias", resources.functions, lambda r: r["TrainFunctionAliaslive"].update(FunctionName={"Ref": "PredictFunction"})),
    ("no alarm on errors", resources.functions, lambda r: r["DeployErrorsAlarm"].update(MetricName="Duration")),
    ("an endless log", resources.logs, lambda r: r["ApiLogs"].pop("RetentionInDays")),
    ("a log in the clear", resources.logs, lambda r: r["ApiLogs"].pop("KmsKeyId")),
    ("an open bucket", resources.buckets, lambda r: r["DataBucket"]["PublicAccessBlockConfiguration"].update(BlockPublicAcls=False)),
    ("one version", resources.buckets, lambda r: r["DataBucket"].pop("VersioningConfiguration")),
    ("no encryption", resources.buckets, lambda r: r["LogBucket"].pop("BucketEncryption")),
    ("unheard uploads", resources.buckets, lambda r: r["DataBucket"].pop("NotificationConfiguration")),
    ("failures without an alarm", resources.queues, lambda r: r["DeployFailedQueueAlarm"].update(Dimensions=[])),
    ("a batch that fails whole", resources.queues, lambda r: r["TrainFunctionTriggers"].pop("FunctionResponseTypes")),
    ("a cron of five fields", resources.events, lambda r: r["RetrainingRule"].update(ScheduleExpression="cron(0 3 * * *)")),
    ("both days given", resources.events, lambda r: r["RetrainingRule"].update(ScheduleExpression="cron(0 3 1 * SUN *)")),
    (
        "one hours",
        resources.events,
        lambda r: r["RetrainingRule"].update(ScheduleExpression={"Fn::If": ["HasNat", "rate(1 hours)", "rate(1 hour)"]}),
    ),
    ("undelivered events lost", resources.events, lambda r: r["UploadRule"]["Targets"][0].pop("DeadLetterConfig")),
    ("an open route", resources.api, lambda r: r["ForecastRoute"].update(AuthorizationType={"Fn::If": ["UsesJwt", "JWT", "NONE"]})),
    ("an open method", resources.api, lambda r: r["DirectMethod"].update(AuthorizationType="NONE")),
    ("no throttling", resources.api, lambda r: r["ApiStage"]["DefaultRouteSettings"].pop("ThrottlingRateLimit")),
    ("no access log", resources.api, lambda r: r["ApiStage"].pop("AccessLogSettings")),
    ("every origin", resources.api, lambda r: r["Api"].update(CorsConfiguration={"AllowOrigins": ["*"]})),
    ("a mute alarm", resources.alarms, lambda r: r["PipelineFailedAlarm"].pop("AlarmActions")),
    ("a metric nobody writes", resources.alarms, lambda r: r["PredictStaleAlarm"].update(MetricName="Stale")),
]


@pytest.mark.parametrize(("rule", "spoil"), [(rule, spoil) for _, rule, spoil in FAULTS], ids=[name for name, _, _ in FAULTS])
def test_a_planted_fault_is_found(template: Document, rule: Rule, spoil: Callable[[dict[str, Document]], Any]) -> None:
    spoil({name: item["Properties"] for name, item in template["Resources"].items()})
    assert rule(template)
