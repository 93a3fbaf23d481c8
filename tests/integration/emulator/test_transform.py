"""Batch transform: records, batches, outputs, and the model's container from start to stop."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest
from botocore.exceptions import ClientError


def _archive(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return content.getvalue()


def _model(workshop: Any, name: str, files: dict[str, bytes], env: dict[str, str] | None = None) -> None:
    uri = workshop.put(f"models/{name}.tar.gz", _archive(files))
    container = {"Image": workshop.image, "ModelDataUrl": uri, "Environment": env or {}}
    workshop.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=workshop.role)


@pytest.fixture(scope="module", autouse=True)
def _words(workshop: Any) -> None:
    _model(workshop, "words", {"word": b"ok"}, {"SHOW_HEAD": "1"})


def _request(name: str, uri: str, split: str = "Line", **members: Any) -> dict[str, Any]:
    source = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}, "ContentType": "text/csv", "SplitType": split}
    return {
        "TransformJobName": name,
        "ModelName": "words",
        "TransformInput": source,
        "TransformOutput": {"S3OutputPath": f"s3://workshop/transformed/{name}", "AssembleWith": "Line", "Accept": "text/plain"},
        "TransformResources": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1},
    } | members


def _answers(content: bytes) -> tuple[list[dict[str, Any]], list[str]]:
    """The heads that the toy shows of each request, and its answers."""
    lines = content.decode().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")], [line for line in lines if not line.startswith("{")]


def test_instances_share_the_objects_and_what_they_print_is_in_the_logs(workshop):
    for number in range(5):
        uri = workshop.put(f"shared/{number}.txt", f"line {number}\n")
    request = _request("shared", uri.rpartition("4.txt")[0], TransformResources={"InstanceType": "ml.g5.xlarge", "InstanceCount": 2})
    assert workshop.transform(request)["TransformJobStatus"] == "Completed"
    for number in range(5):
        assert _answers(workshop.read(f"transformed/shared/{number}.txt.out"))[1] == [f"ok LINE {number}"]
    logs = workshop.emulator.client("logs").describe_log_streams(logGroupName="/aws/sagemaker/TransformJobs", logStreamNamePrefix="shared/")
    assert {stream["logStreamName"].split("/")[1].rpartition("-")[0] for stream in logs["logStreams"]} == {"algo-1", "algo-2"}


def test_lines_go_together_in_one_request(workshop):
    uri = workshop.put("lines/a.txt", "one\ntwo\n\nthree\n")
    described = workshop.transform(_request("lines", uri))
    assert described["TransformJobStatus"] == "Completed"
    heads, answers = _answers(workshop.read("transformed/lines/a.txt.out"))
    assert heads == [{"accept": "text/plain", "type": "text/csv", "lines": 3}]
    assert answers == ["ok ONE", "ok TWO", "ok THREE"]


def test_single_record_sends_each_line_alone_and_keeps_the_order(workshop):
    uri = workshop.put("single/a.txt", "".join(f"line{number}\n" for number in range(20)))
    workshop.transform(_request("single", uri, BatchStrategy="SingleRecord", MaxConcurrentTransforms=4))
    heads, answers = _answers(workshop.read("transformed/single/a.txt.out"))
    assert {head["lines"] for head in heads} == {1}
    assert answers == [f"ok LINE{number}" for number in range(20)]


def test_a_request_holds_no_more_than_the_payload_limit(workshop):
    uri = workshop.put("payload/a.txt", "\n".join(["x" * 400_000] * 5))
    workshop.transform(_request("payload", uri, MaxPayloadInMB=1))
    heads, answers = _answers(workshop.read("transformed/payload/a.txt.out"))
    assert [head["lines"] for head in heads] == [2, 2, 1]
    assert len(answers) == 5


def test_a_record_over_the_payload_limit_fails_the_job(workshop):
    uri = workshop.put("fat/a.txt", "x" * 1_100_000)
    described = workshop.transform(_request("fat", uri, MaxPayloadInMB=1))
    assert "a record has 1100000 bytes, more than MaxPayloadInMB allows" in described["FailureReason"]


def test_the_container_may_say_how_it_wants_its_records(workshop):
    _model(workshop, "choosy", {"word": b"ok"}, {"SHOW_HEAD": "1", "PARAMETERS": '{"BatchStrategy": "SingleRecord", "MaxPayloadInMB": 1}'})
    uri = workshop.put("choosy/a.txt", "one\ntwo\n")
    workshop.transform(_request("choosy", uri, ModelName="choosy"))
    assert [head["lines"] for head in _answers(workshop.read("transformed/choosy/a.txt.out"))[0]] == [1, 1]


def test_each_object_below_a_prefix_gets_its_output_and_none_is_split_without_split_type(workshop):
    workshop.put("folder/a.txt", "one\ntwo")
    workshop.put("folder/deep/b.txt", "three")
    workshop.transform(_request("folder", "s3://workshop/folder/", split="None"))
    assert workshop.keys("transformed/folder/") == ["transformed/folder/a.txt.out", "transformed/folder/deep/b.txt.out"]
    assert _answers(workshop.read("transformed/folder/deep/b.txt.out"))[1] == ["ok THREE"]


def test_a_refused_record_fails_the_job_with_the_models_words(workshop):
    described = workshop.transform(_request("poison", workshop.put("poison/a.txt", "fine\npoison\n")))
    assert described["TransformJobStatus"] == "Failed"
    assert "s3://workshop/poison/a.txt: the model answered 400" in described["FailureReason"]
    assert "a line is poison" in described["FailureReason"]
    assert workshop.keys("transformed/poison") == []


def test_a_container_that_does_not_start_fails_the_job_with_its_last_line(workshop):
    _model(workshop, "broken", {"word": b"ok"}, {"ACTION": "exit"})
    described = workshop.transform(_request("broken", workshop.put("broken/a.txt", "x"), ModelName="broken"))
    assert "before /ping answered 200: cannot load the model" in described["FailureReason"]


def test_a_model_that_would_write_outside_its_folder_is_not_unpacked(workshop):
    _model(workshop, "escape", {"../word": b"ok"})
    described = workshop.transform(_request("escape", workshop.put("escape/a.txt", "x"), ModelName="escape"))
    assert "'../word' would be written outside the folder" in described["FailureReason"]


def test_a_stopped_transform_leaves_no_process(workshop):
    _model(workshop, "slow", {"word": b"ok"}, {"DELAY": "300"})
    workshop.sagemaker.create_transform_job(**_request("slow", workshop.put("slow/a.txt", "x"), ModelName="slow"))
    workshop.until_printed("TransformJobs", "slow", "asked")
    assert workshop.processes("SAGEMAKER_BASE_DIR=" + str(workshop.home / "jobs/transform/slow"))
    workshop.sagemaker.stop_transform_job(TransformJobName="slow")
    assert workshop.transformed("slow")["TransformJobStatus"] == "Stopped"
    assert workshop.processes("SAGEMAKER_BASE_DIR=" + str(workshop.home / "jobs/transform/slow")) == []


def test_what_this_emulator_does_not_do_is_refused_at_once(workshop):
    with pytest.raises(ClientError, match='Could not find model "arn:aws:sagemaker:eu-west-1:123456789012:model/absent"'):
        workshop.sagemaker.create_transform_job(**_request("x1", "s3://workshop/x", ModelName="absent"))
    with pytest.raises(ClientError, match="filters and joins are not run"):
        workshop.sagemaker.create_transform_job(**_request("x2", "s3://workshop/x", DataProcessing={"InputFilter": "$[1:]"}))
