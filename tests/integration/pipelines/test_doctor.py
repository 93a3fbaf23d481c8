"""Each check finds the fault that was planted for it, and says the fix; a healthy account has none."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from typer.testing import CliRunner

from cli.main import app
from pipelines import endpoint, endpoint_state, endpoint_update, registry, rollout, scaling
from pipelines.doctor import account, alarms, endpoints, images, jobs
from pipelines.serving import tiers
from pipelines.settings import Settings

Register = Callable[..., str]


def deployed(register: Register, settings: Settings, name: str = "a", **environment: str) -> None:
    registry.approve(register(name, **environment), "", settings)
    endpoint.deploy(registry.newest(settings, "Approved"), settings)


@pytest.fixture(autouse=True)
def tidy(settings: Settings) -> Iterator[None]:
    yield
    endpoint.delete(settings)


def of(findings: Any, settings: Settings) -> list[str]:
    """The findings about this test's own things: the emulator is shared."""
    return [str(one) for one in findings if settings.endpoint_name in one.subject]


def test_a_healthy_endpoint_has_no_finding(settings: Settings, register: Register) -> None:
    deployed(register, settings)
    checks = (endpoints.idle, endpoints.unattached_scaling, endpoints.slow_start, endpoints.cost_levers, alarms.missing, images.stale)
    assert [of(check(settings), settings) for check in checks] == [[]] * len(checks)


def test_an_endpoint_that_nobody_asks_is_found_with_its_price(aws: Any, settings: Settings, register: Register) -> None:
    deployed(register, settings)
    (found,) = of(endpoints.idle(settings, timedelta(0)), settings)
    assert "no request in 0 hours, $1,028 a month; `housing endpoint delete`, or HOUSING_PROFILE=batch" in found
    assert of(endpoints.idle(settings), settings) == [], "it is not a day old"
    name = [{"Name": "EndpointName", "Value": settings.endpoint_name}, {"Name": "VariantName", "Value": "main"}]
    data = [{"MetricName": "Invocations", "Dimensions": name, "Value": 1.0, "Timestamp": datetime.now(UTC)}]
    aws.client("cloudwatch").put_metric_data(Namespace="AWS/SageMaker", MetricData=data)
    assert of(endpoints.idle(settings, timedelta(seconds=1)), settings) == []


def test_an_endpoint_without_its_scaling_is_found(aws: Any, settings: Settings, register: Register) -> None:
    deployed(register, settings)
    other_bounds = settings.model_copy(update={"max_instances": 7})
    assert "scales between 1 and 10, the settings say 1 and 7" in of(endpoints.unattached_scaling(other_bounds), settings)[0]
    where = scaling._where(settings.endpoint_name)
    aws.client("application-autoscaling").delete_scaling_policy(**where, PolicyName=f"{settings.endpoint_name}-load")
    assert "is registered but has no policy" in of(endpoints.unattached_scaling(settings), settings)[0]
    scaling.detach(settings.endpoint_name, settings)
    (found,) = of(endpoints.unattached_scaling(settings), settings)
    assert "is not registered with Application Auto Scaling" in found
    assert "`housing deploy -y` registers it" in found


def test_a_registration_whose_endpoint_is_gone_is_found(aws: Any, settings: Settings) -> None:
    where = scaling._where(settings.endpoint_name)
    aws.client("application-autoscaling").register_scalable_target(**where, MinCapacity=1, MaxCapacity=2)
    (found,) = of(endpoints.unattached_scaling(settings), settings)
    assert "its endpoint is gone; aws application-autoscaling deregister-scalable-target" in found
    aws.client("application-autoscaling").deregister_scalable_target(**where)


def test_a_latency_alarm_in_milliseconds_is_found(aws: Any, settings: Settings) -> None:
    request = rollout.alarms(settings.endpoint_name, settings)[1] | {"Threshold": 30_000.0}
    aws.client("cloudwatch").put_metric_alarm(**request)
    (found,) = of(alarms.wrong_units(settings), settings)
    assert "ModelLatency is in microseconds, so its threshold 30000 is 30 ms; set 30,000,000 if milliseconds were meant" in found
    rollout.put_alarms(settings.endpoint_name, settings)
    assert of(alarms.wrong_units(settings), settings) == []


def test_rollback_alarms_that_are_gone_or_different_are_found(settings: Settings, register: Register) -> None:
    deployed(register, settings)
    tighter = settings.model_copy(update={"max_error_rate": 0.005})
    assert "its threshold is 0.01, the settings say 0.005" in of(alarms.missing(tighter), settings)[0]
    rollout.delete_alarms(settings.endpoint_name, settings)
    assert len(of(alarms.missing(settings), settings)) == 3


def test_a_container_that_never_became_healthy_is_found(aws: Any, settings: Settings, register: Register) -> None:
    registry.approve(register("a", TOY_EXIT="1"), "", settings)
    order = endpoint.order_of(registry.newest(settings, "Approved"), tiers(settings)[0], settings)
    endpoint_update.begin(order, settings)  # nobody finishes it: a failed endpoint would be removed
    settled = endpoint_state.settled(aws.client("sagemaker"), settings.endpoint_name)
    assert settled and settled["EndpointStatus"] == "Failed"
    (found,) = of(endpoints.slow_start(settings), settings)
    assert "its container did not become healthy" in found
    assert "HOUSING_STARTUP_TIMEOUT_SECONDS (now 900)" in found


def test_the_levers_of_cost_are_named(aws: Any, settings: Settings, register: Register) -> None:
    dear = settings.model_copy(update={"use_spot": False, "min_instances": 2, "endpoint_instance_count": 2})
    deployed(register, dear)
    name = [{"Name": "EndpointName", "Value": settings.endpoint_name}, {"Name": "VariantName", "Value": "main"}]
    data = [{"MetricName": "GPUUtilization", "Dimensions": name, "Value": 4.0, "Timestamp": datetime.now(UTC)}]
    aws.client("cloudwatch").put_metric_data(Namespace="/aws/sagemaker/Endpoints", MetricData=data)
    told = [str(one) for one in endpoints.cost_levers(dear)]
    assert [text.split("; ")[0] for text in told] == [
        "training: runs on demand",
        f"endpoint {settings.endpoint_name}: 2 instances stand at night too",
        f"endpoint {settings.endpoint_name}: its GPU is 4% busy on average over a day",
    ]


def test_a_missing_secret_is_found(aws: Any, settings: Settings) -> None:
    name = f"key-{settings.endpoint_name}"
    needing = settings.model_copy(update={"secrets": (name,)})
    (found,) = map(str, account.missing_secrets(needing))
    assert found.startswith(f"secret {name}: does not exist; aws secretsmanager create-secret --name {name}")
    aws.client("secretsmanager").create_secret(Name=name, SecretString="x")
    assert list(account.missing_secrets(needing)) == []
    aws.client("secretsmanager").delete_secret(SecretId=name)
    assert "is marked for deletion" in str(next(iter(account.missing_secrets(needing))))


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Callable[[str], Stubber]:
    """Answers of a service that nothing here imitates: `stubbed("service-quotas")`. The client is this test's own: the others are kept."""

    def stub(service: str) -> Stubber:
        make: Any = boto3.client
        made = make(service, region_name=settings.region)
        stubber = Stubber(made)
        monkeypatch.setattr(account, "client", lambda *_: made)
        stubber.activate()
        return stubber

    return stub


def test_a_notebook_that_was_forgotten_is_found(settings: Settings, stubbed: Callable[[str], Stubber]) -> None:
    def notebook(name: str, hours: float) -> dict[str, Any]:
        facts = {"NotebookInstanceName": name, "NotebookInstanceArn": f"arn:{name}", "InstanceType": "ml.g5.xlarge"}
        return facts | {"LastModifiedTime": datetime.now(UTC) - timedelta(hours=hours)}

    answer = {"NotebookInstances": [notebook("old", 200), notebook("new", 1)]}
    stubbed("sagemaker").add_response("list_notebook_instances", answer, {"StatusEquals": "InService"})
    (found,) = map(str, account.forgotten_notebooks(settings))
    assert found.startswith("notebook old: has run for 200 hours on ml.g5.xlarge, $1,028 a month; aws sagemaker stop-notebook-instance")


def test_a_quota_that_does_not_allow_the_machines_is_found(settings: Settings, stubbed: Callable[[str], Stubber]) -> None:
    quotas = [
        {"QuotaName": "ml.g5.xlarge for endpoint usage", "Value": 1.0},
        {"QuotaName": "ml.g5.2xlarge for spot training job usage", "Value": 4.0},
    ]
    stubbed("service-quotas").add_response("list_service_quotas", {"Quotas": quotas}, {"ServiceCode": "sagemaker"})
    (found,) = map(str, account.missing_quota(settings))
    assert found.startswith("ml.g5.xlarge for endpoint usage: the quota is 1, the settings need 10; ask for it in Service Quotas")


def test_an_older_version_in_service_is_found(settings: Settings, register: Register) -> None:
    deployed(register, settings)
    registry.approve(register("b"), "", settings)
    assert "runs version 1, version 2 is approved; `housing deploy`" in of(images.stale(settings), settings)[0]


def test_an_image_behind_its_tag_is_found(aws: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    repository, old = f"toy-{settings.endpoint_name}", f"sha256:{'0' * 64}"
    ecr = aws.client("ecr")
    ecr.create_repository(repositoryName=repository)
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    config = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 2, "digest": f"sha256:{'1' * 64}"}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": []})
    ecr.put_image(repositoryName=repository, imageManifest=manifest, imageTag="serve")
    base = f"{settings.account_id}.dkr.ecr.{settings.region}.amazonaws.com/{repository}"
    settings = settings.model_copy(update={"serving_image_uri": f"{base}:serve"})
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=settings.model_package_group)

    def serve(image: str) -> None:
        container = {"Image": image, "ModelDataUrl": "s3://toys/empty.tar.gz", "Environment": {"TOY_NAME": image[-3:]}}
        types = {"SupportedContentTypes": ["application/json"], "SupportedResponseMIMETypes": ["application/json"]}
        specification = {"Containers": [container], **types}
        arn = sagemaker.create_model_package(
            ModelPackageGroupName=settings.model_package_group, InferenceSpecification=specification, ModelApprovalStatus="Approved"
        )["ModelPackageArn"]
        endpoint.deploy(registry.describe(arn, settings), settings)

    register_empty(aws)
    serve(f"{base}@{old}")
    (found,) = of(images.stale(settings), settings)
    assert "runs image sha256:000000000000, the tag is at sha256:" in found
    serve(f"{base}:serve")
    (found,) = of(images.stale(settings), settings)
    assert "names its image by the tag serve, which may be moved under it" in found
    ecr.delete_repository(repositoryName=repository, force=True)


def register_empty(aws: Any) -> None:
    import io
    import tarfile

    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
    aws.client("s3").put_object(Bucket="toys", Key="empty.tar.gz", Body=archive.getvalue())


@pytest.mark.parametrize(
    ("reason", "fault", "fix"),
    [
        ("AlgorithmError: exit code: 137", "was killed for want of memory", "a bigger HOUSING_PROCESSING_INSTANCE_TYPE"),
        ("ResourceLimitExceeded: ml.g5.xlarge", "was refused for a quota", "Service Quotas"),
        ("CapacityError: Unable to provision requested ML compute capacity", "got no machine", "HOUSING_USE_SPOT=false"),
    ],
)
def test_failures_with_a_known_remedy_are_explained(reason: str, fault: str, fix: str) -> None:
    what, how = jobs._diagnosis(reason, "HOUSING_PROCESSING_INSTANCE_TYPE") or ("", "")
    assert (fault in what, fix in how) == (True, True)
    assert jobs._diagnosis("AlgorithmError: the panel is empty", "X") is None


def test_a_job_killed_for_memory_is_found(aws: Any, settings: Settings) -> None:
    name = f"{settings.endpoint_name}-killed"
    aws.client("sagemaker").create_processing_job(
        ProcessingJobName=name,
        AppSpecification={"ImageUri": "registry/toy:1", "ContainerEntrypoint": ["sh", "-c", "kill -9 $$"]},
        ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}},
        RoleArn=settings.role_arn,
    )
    until = datetime.now(UTC) + timedelta(seconds=20)
    while not (found := of(jobs.failed(settings), settings)) and datetime.now(UTC) < until:
        time.sleep(0.2)
    (told,) = found
    assert told.startswith(f"ProcessingJob {name}: was killed for want of memory; a bigger HOUSING_PROCESSING_INSTANCE_TYPE")


def test_the_command_lists_findings_and_what_it_could_not_check(
    settings: Settings, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("endpoint_name", "model_package_group"):
        monkeypatch.setenv(f"HOUSING_{name.upper()}", getattr(settings, name))
    deployed(register, settings)
    rollout.delete_alarms(settings.endpoint_name, settings)
    done = CliRunner().invoke(app, ["doctor", "--json"])
    told = json.loads(done.stdout)
    assert done.exit_code == 0
    assert {one["check"] for one in told["findings"] if settings.endpoint_name in one["subject"]} == {"rollback alarms"}
    assert {line.split(":")[0] for line in told["unchecked"]} <= {"forgotten notebooks", "GPU quota"}
    assert CliRunner().invoke(app, ["doctor", "--strict"]).exit_code == 1
