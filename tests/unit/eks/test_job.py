"""The Job of a training: its text is what the template says, whatever the values are."""

from __future__ import annotations

import base64
import json
import re
import string
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.session
import kubernetes_validate
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.request import Request
from pipelines.eks.api import token
from pipelines.eks.job import MAX_HOSTS, TEMPLATE, JobRequest, JobRequestError, Step, job_name, render
from pipelines.eks.request import steps, training
from pipelines.eks.schedule import render_schedule
from pipelines.settings import Settings

VERSION = "1.34"
"""Of Kubernetes: the oldest that EKS still supports as standard when this was written."""
ROOT = Path(__file__).parents[3]


@pytest.fixture
def request_() -> JobRequest:
    return training(job_name("an event"), "s3://housing-data/housing/sources/abc/", 12, Settings(eks_cluster="housing"))


def pod(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return found


def environment(manifest: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["value"] for item in pod(manifest)["containers"][0]["env"]}


def test_the_job_is_what_kubernetes_takes(request_: JobRequest) -> None:
    manifest = yaml.safe_load(render(request_))
    kubernetes_validate.validate(manifest, VERSION, strict=True)
    assert manifest["metadata"]["name"] == request_.name
    assert manifest["spec"]["completions"] == 1


def test_a_misspelt_field_of_the_template_is_found(request_: JobRequest, tmp_path: Path) -> None:
    wrong = tmp_path / "job.yaml"
    for right, planted in (
        ("backoffLimit", "backofLimit"),
        ("readOnlyRootFilesystem", "readOnlyRootFileSystem"),
        ("completions:", "completion:"),
    ):
        wrong.write_text(TEMPLATE.read_text().replace(right, planted))
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(yaml.safe_load(render(request_, wrong)), VERSION, strict=True)


def test_the_pod_reads_what_was_rendered(request_: JobRequest) -> None:
    read = Request.read(environment(yaml.safe_load(render(request_))))
    assert (read.job, read.source_uri, read.output_uri) == (request_.name, request_.source_uri, request_.output_uri)
    assert [(step.name, dict(step.hyperparameters), step.checkpoints) for step in read.steps] == [
        (step.name, dict(step.hyperparameters), step.checkpoints) for step in request_.steps
    ]
    assert (read.plan, read.gate) == (tuple(request_.plan), tuple(request_.gate))


def test_of_several_hosts_one_does_the_light_steps_so_that_its_checkpoints_are_those_of_sagemaker() -> None:
    for count, alone in ((1, []), (3, ["baselines", "linear"])):
        several = Settings(eks_cluster="housing", training_instance_count=count)
        request = training(job_name("an event"), "s3://housing-data/housing/sources/abc/", 12, several)
        read = Request.read(environment(yaml.safe_load(render(request))) | {"JOB_COMPLETION_INDEX": "0"})
        assert [step.name for step in read.steps if step.alone] == alone


@settings(max_examples=40)
@given(st.text(alphabet=string.ascii_letters + string.digits + string.punctuation, min_size=1, max_size=40))
def test_no_value_becomes_structure(text: str) -> None:
    request = JobRequest(job_name("x"), "r/i:t", "us-east-1", (Step("naive", {"members": text}, "c"),), "s3://abc/c", "s3://abc/o")
    manifest, plain = (yaml.load(render(replace(request, prepared_uri=f"s3://abc/{key}")), yaml.CSafeLoader) for key in (text, "x"))
    assert environment(manifest)["HOUSING_JOB_PREPARED_URI"] == f"s3://abc/{text}"
    assert json.loads(environment(manifest)["HOUSING_JOB_STEPS"])[0]["hyperparameters"] == {"members": text}
    assert _shape(manifest) == _shape(plain)


def _shape(value: object) -> object:
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    return [_shape(item) for item in value] if isinstance(value, list) else type(value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Train_1"}, "job name: 'Train_1' is not valid"),
        ({"name": "t" * 50}, "at most 49"),
        ({"image": "housing; rm -rf"}, "image: "),
        ({"instance_type": "ml.g5.2xlarge"}, "without `ml.`"),
        ({"hosts": MAX_HOSTS + 1}, f"hosts: {MAX_HOSTS + 1}; give 1 to {MAX_HOSTS}"),
        ({"prepared_uri": "s3://housing-data/p"}, "give exactly one"),
        ({"source_uri": "https://example.org/x"}, "source_uri: 'https://example.org/x' is not valid; give s3://BUCKET/KEY"),
        ({"output_uri": "s3://housing-data/a b"}, "output_uri: "),
        ({"source_uri": "s3://housing-data/\N{LINE SEPARATOR}x"}, "printable ASCII"),
        ({"steps": ()}, "steps: none"),
        ({"max_wait_seconds": 5}, "max_wait_seconds: 5; give 60 to"),
        ({"memory": "lots"}, "memory: 'lots'"),
    ],
)
def test_a_value_that_the_cluster_would_refuse_is_named_before(request_: JobRequest, change: dict[str, Any], said: str) -> None:
    with pytest.raises(JobRequestError, match=re.escape(said)):
        render(replace(request_, **change))


def test_the_same_key_gives_the_same_name_and_another_another() -> None:
    assert job_name("event-1") == job_name("event-1") != job_name("event-2")
    assert set(job_name("x")) <= set(string.ascii_lowercase + string.digits + "-")


def test_checkpoints_lie_where_sagemaker_keeps_them() -> None:
    chosen = Settings()
    golden = json.loads((ROOT / "tests" / "golden" / "pipeline.json").read_text())
    definition = {step["Name"]: step["Arguments"] for step in golden["Steps"] if step["Type"] == "Training"}
    assert {f"Train-{name}" for name in chosen.train_steps} == set(definition)
    for step in steps(tuple(chosen.train_steps), chosen):
        arguments = definition[f"Train-{step.name}"]
        assert arguments["HyperParameters"].items() >= dict(step.hyperparameters).items()
        place = arguments["CheckpointConfig"]["S3Uri"]["Std:Join"]["Values"]
        assert (place[0], place[2]) == (f"{chosen.prefix}/checkpoints", step.checkpoints)


def test_the_bars_are_those_of_the_pipeline(request_: JobRequest) -> None:
    settings = Settings()
    gate = dict(zip(request_.gate[:-1:2], request_.gate[1::2], strict=False))
    assert float(gate["--max-loss-ratio"]) == settings.max_loss_ratio
    assert float(gate["--max-calibration-error"]) == settings.max_calibration_error
    assert request_.gate[-1] == "--ablation"


def test_an_interruption_is_no_failure_and_a_failure_is_not_tried_again(request_: JobRequest) -> None:
    spec = yaml.safe_load(render(request_))["spec"]
    ignored, told, own = spec["podFailurePolicy"]["rules"]
    assert (ignored["action"], ignored["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
    assert (told["action"], told["onExitCodes"]["values"]) == ("Ignore", [143])
    assert (own["action"], own["onExitCodes"]["values"]) == ("FailJob", [1, 2])
    assert (spec["template"]["spec"]["restartPolicy"], spec["podReplacementPolicy"]) == ("Never", "Failed")
    assert spec["ttlSecondsAfterFinished"] == 86_400


def test_several_hosts_are_pods_of_one_indexed_job_on_nodes_of_their_own(request_: JobRequest) -> None:
    manifest = yaml.safe_load(render(replace(request_, hosts=3)))
    assert manifest["spec"]["completionMode"] == "Indexed"
    assert (manifest["spec"]["completions"], manifest["spec"]["parallelism"]) == (3, 3)
    assert (
        pod(manifest)["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0]["topologyKey"]
        == "kubernetes.io/hostname"
    )
    given_ = environment(manifest) | {"JOB_COMPLETION_INDEX": "2"}
    assert Request.read(given_).resources()["current_host"] == f"{request_.name}-2.{pod(manifest)['subdomain']}"


def test_a_training_takes_the_next_larger_machine_where_aws_has_no_other(request_: JobRequest) -> None:
    manifest = yaml.safe_load(render(request_))
    affinity = pod(manifest)["affinity"]["nodeAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchExpressions"][0]["values"] == ["g5.2xlarge", "g5.4xlarge"]
    first, then = affinity["preferredDuringSchedulingIgnoredDuringExecution"]
    assert first["weight"] > then["weight"]
    assert {one["key"]: one["values"] for one in first["preference"]["matchExpressions"]} == {
        "karpenter.sh/capacity-type": ["spot"],
        "node.kubernetes.io/instance-type": ["g5.2xlarge"],
    }
    with pytest.raises(JobRequestError, match=re.escape("without `ml.`")):
        render(replace(request_, alternatives=("ml.g5.4xlarge",)))


def test_a_schedule_holds_the_very_job(request_: JobRequest) -> None:
    cron = yaml.safe_load(render_schedule(request_, "0 6 2 * *"))
    kubernetes_validate.validate(cron, VERSION, strict=True)
    assert cron["spec"]["jobTemplate"]["spec"] == yaml.safe_load(render(request_))["spec"]
    for wrong in ("daily", "0 6 2 *", "0 6 2 * * *"):
        with pytest.raises(JobRequestError, match="five fields"):
            render_schedule(request_, wrong)
    with pytest.raises(JobRequestError, match="hosts"):
        render_schedule(replace(request_, hosts=2), "0 6 2 * *")


def test_the_token_is_a_presigned_question_for_the_callers_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    text = token("housing", "eu-west-1", botocore.session.get_session())
    assert text.startswith("k8s-aws-v1.") and not text.endswith("=")
    encoded = text.removeprefix("k8s-aws-v1.")
    url = urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
    query = {key: values[0] for key, values in parse_qs(url.query).items()}
    assert (url.netloc, query["Action"]) == ("sts.eu-west-1.amazonaws.com", "GetCallerIdentity")
    assert (query["X-Amz-SignedHeaders"], query["X-Amz-Expires"]) == ("host;x-k8s-aws-id", "60")
    assert "secret" not in text


def test_what_the_functions_share_needs_neither_pydantic_nor_yaml() -> None:
    names = "pipelines.eks.api, pipelines.eks.job, pipelines.eks.jobs, pipelines.eks.request, pipelines.eks.train_steps"
    script = f"import sys, {names}; print(json.dumps([name for name in ('pydantic', 'yaml', 'sagemaker', 'boto3') if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", f"import json; {script}"], capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(done.stdout) == []
