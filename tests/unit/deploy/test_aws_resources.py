"""What each function, bucket, queue, log, rule, route and alarm of app.yaml must have."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from emulator.events.expressions import next_time
from pipelines import profile
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


def test_the_clock_wakes_the_deploy_function_whatever_events_are_lost(template: Document) -> None:
    rules = of_type(template, "AWS::Events::Rule").values()
    (clock,) = [rule for rule in rules if "ScheduleExpression" in rule and "DeployFunction" in str(rule["Targets"])]
    assert (clock["ScheduleExpression"], clock.get("State", "ENABLED")) == ("rate(15 minutes)", "ENABLED")


def test_each_profile_trains_as_often_as_its_price_says(template: Document) -> None:
    """What the schedule starts in a year, a twelfth of it against the runs that the profile counts; with hybrid, uploads start them."""
    for name, row in template["Mappings"]["Retraining"].items():
        after, runs = datetime(2026, 1, 1, tzinfo=UTC), 0
        due = next_time(row["Schedule"], after)
        while (after := due(after) or datetime.max.replace(tzinfo=UTC)).year == 2026:
            runs += 1
        if row["State"] == "ENABLED":
            assert runs / 12 == pytest.approx(profile.load(name).usage.runs.value, rel=0.01), name
        else:
            assert name == "hybrid"


def test_new_code_of_every_function_comes_by_codedeploy_and_goes_back_by_itself() -> None:
    expanded = expand(TEMPLATES / "app.yaml", {"GradualDeployments": "true"})
    groups = of_type(expanded, "AWS::CodeDeploy::DeploymentGroup")
    assert len(groups) == len(of_type(expanded, "AWS::Lambda::Function"))
    for name, group in groups.items():
        assert group["AlarmConfiguration"]["Enabled"], name
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"], name
    assert "Canary10Percent5Minutes" in str(groups["PredictFunctionDeploymentGroup"]["DeploymentConfigName"])


def test_registry_and_logs_of_jobs_outlive_their_stack_and_logs_end() -> None:
    template = yaml_parse((TEMPLATES / "sagemaker.yaml").read_text())
    assert all(str(item["DeletionPolicy"]).startswith("Retain") for item in template["Resources"].values())
    groups = of_type(template, "AWS::Logs::LogGroup").values()
    assert len(groups) == 5
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups)


def test_a_budget_tells_at_half_and_before_it_is_reached_and_anomalies_have_a_reader() -> None:
    template = yaml_parse((TEMPLATES / "cost.yaml").read_text())
    told = of_type(template, "AWS::Budgets::Budget")["Budget"]["NotificationsWithSubscribers"]
    levels = [(one["Notification"]["NotificationType"], one["Notification"]["Threshold"]) for one in told]
    assert levels == [("ACTUAL", 50), ("ACTUAL", 80), ("FORECASTED", 100)]
    assert all(one["Subscribers"] for one in told)
    assert of_type(template, "AWS::CE::AnomalySubscription")["AnomalySubscription"]["MonitorArnList"] == [{"Ref": "AnomalyMonitor"}]


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
