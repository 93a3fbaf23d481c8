"""Training and processing jobs: real processes under the /opt/ml contract."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest
from botocore.exceptions import ClientError


def _archive(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}


def _artifact(workshop: Any, described: dict[str, Any]) -> dict[str, bytes]:
    return _archive(workshop.read(described["ModelArtifacts"]["S3ModelArtifacts"].split("/", 3)[3]))


def _channel(uri: str, **source: str) -> dict[str, Any]:
    return {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri} | source}}


def test_a_training_job_sees_its_contract(workshop):
    workshop.put("contract/train/a.csv", "1,2")
    workshop.put("contract/train/deep/b.csv", "3,4")
    described = workshop.train(
        "contract", {"COLOUR": "blue"}, HyperParameters={"epochs": "3"}, InputDataConfig=[_channel("s3://workshop/contract/train/")]
    )
    assert described["TrainingJobStatus"] == "Completed"

    files = _artifact(workshop, described)
    assert files["seen/data/train/a.csv"] == b"1,2"
    assert files["seen/data/train/deep/b.csv"] == b"3,4"
    assert json.loads(files["seen/config/hyperparameters.json"]) == {"epochs": "3"}
    assert json.loads(files["seen/config/inputdataconfig.json"]) == {
        "train": {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    }
    resources = json.loads(files["seen/config/resourceconfig.json"])
    assert (resources["current_host"], resources["hosts"], resources["current_instance_type"]) == ("algo-1", ["algo-1"], "ml.g5.2xlarge")
    environment = dict(line.split("=", 1) for line in files["environment"].decode().splitlines())
    assert environment["TRAINING_JOB_NAME"] == "contract"
    assert environment["TRAINING_JOB_ARN"] == described["TrainingJobArn"]
    assert environment["COLOUR"] == "blue"
    assert environment["AWS_ENDPOINT_URL"] == workshop.emulator.url
    assert "VIRTUAL_ENV" not in environment


def test_instance_groups_know_each_other_and_get_the_channels_meant_for_them(workshop):
    for name in ("a", "b"):
        workshop.put(f"groups/{name}", name)
    groups = [
        {"InstanceGroupName": "readers", "InstanceType": "ml.c5.xlarge", "InstanceCount": 2},
        {"InstanceGroupName": "trainers", "InstanceType": "ml.g5.xlarge", "InstanceCount": 1},
    ]
    script = "cd $SAGEMAKER_BASE_DIR; mkdir model/$$; cp input/config/resourceconfig.json model/$$/; "
    script += "[ ! -d input/data/train ] || cp input/data/train/* model/$$/"
    algorithm = {
        "TrainingImage": workshop.image,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["sh", "-c"],
        "ContainerArguments": [script],
    }
    channel = _channel("s3://workshop/groups/", S3DataDistributionType="ShardedByS3Key", InstanceGroupNames=["readers"])  # type: ignore[arg-type]
    request = {"AlgorithmSpecification": algorithm, "InputDataConfig": [channel]}
    described = workshop.train("groups", ResourceConfig={"InstanceGroups": groups, "VolumeSizeInGB": 5}, **request)
    assert described["TrainingJobStatus"] == "Completed", described
    files = _artifact(workshop, described)
    configs = [json.loads(content) for name, content in files.items() if name.endswith("resourceconfig.json")]
    assert sorted((one["current_group_name"], one["current_instance_type"]) for one in configs) == [
        ("readers", "ml.c5.xlarge"),
        ("readers", "ml.c5.xlarge"),
        ("trainers", "ml.g5.xlarge"),
    ]
    for config in configs:
        assert [(group["instance_group_name"], len(group["hosts"])) for group in config["instance_groups"]] == [
            ("readers", 2),
            ("trainers", 1),
        ]
    assert sorted(name[-1] for name in files if name[-2:] in ("/a", "/b")) == ["a", "b"]
    with pytest.raises(ClientError, match="instance groups that there are not: readers"):
        workshop.train("no-groups", **request)


def test_a_training_job_reports_times_metrics_and_transitions(workshop):
    metrics = [{"Name": "loss", "Regex": "loss=([0-9.]+);"}, {"Name": "absent", "Regex": "absent=([0-9.]+);"}]
    algorithm = {"TrainingImage": workshop.image, "TrainingInputMode": "File", "MetricDefinitions": metrics}
    described = workshop.train("reports", AlgorithmSpecification=algorithm)
    assert [(item["MetricName"], item["Value"]) for item in described["FinalMetricDataList"]] == [("loss", 0.25)]
    assert [item["Status"] for item in described["SecondaryStatusTransitions"]] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    assert all(item["EndTime"] >= item["StartTime"] for item in described["SecondaryStatusTransitions"])
    assert 1 <= described["BillableTimeInSeconds"] <= described["TrainingTimeInSeconds"]
    assert described["TrainingEndTime"] >= described["TrainingStartTime"] >= described["CreationTime"]
    assert "epoch=2" in workshop.log("TrainingJobs", "reports")
    assert _archive(workshop.read("trained/reports/output/output.tar.gz")) == {"notes.txt": b"done\n"}


def test_a_model_may_be_left_without_an_archive(workshop):
    described = workshop.train("plain", OutputDataConfig={"S3OutputPath": "s3://workshop/trained/", "CompressionType": "NONE"})
    assert described["ModelArtifacts"]["S3ModelArtifacts"] == "s3://workshop/trained/plain/output/model/"
    assert "trained/plain/output/model/environment" in workshop.keys("trained/plain/output/model/")


def test_continuous_outputs_and_checkpoints_appear_while_the_job_runs(workshop):
    continuous = _output("live", "s3://workshop/live", "/opt/ml/processing/out")
    continuous["S3Output"]["S3UploadMode"] = "Continuous"
    script = "echo 1 > processing/out/first; while ! test -f processing/out/stop; do sleep 0.1; done"
    request = workshop.processing("live", script, ProcessingOutputConfig={"Outputs": [continuous]})
    workshop.sagemaker.create_processing_job(**request)
    workshop.until(lambda: workshop.keys("live/") == ["live/first"])
    assert workshop.sagemaker.describe_processing_job(ProcessingJobName="live")["ProcessingJobStatus"] == "InProgress"
    workshop.sagemaker.stop_processing_job(ProcessingJobName="live")


def test_a_failed_training_says_why(workshop):
    described = workshop.train("fails", {"ACTION": "fail"})
    assert described["TrainingJobStatus"] == "Failed"
    assert described["FailureReason"] == "AlgorithmError: the data has no price column, exit code: 3"
    assert workshop.keys("trained/fails/output/model") == []


def test_a_killed_training_names_the_signal_and_the_last_line(workshop):
    described = workshop.train("crashes", {"ACTION": "crash"})
    assert described["FailureReason"] == "AlgorithmError: Segmentation fault soon, exit code: 137 (killed by signal 9)"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"InputDataConfig": [_channel("s3://workshop/nothing/here")]}, "No S3 objects found under S3 URL 's3://workshop/nothing/here'"),
        ({"InputDataConfig": [_channel("s3://no-such-bucket/x")]}, "the bucket of s3://no-such-bucket/x does not exist"),
        ({"AlgorithmSpecification": {"TrainingImage": "other:1", "TrainingInputMode": "File"}}, "matches 'other:1'"),
    ],
)
def test_what_is_not_there_fails_the_job_with_its_name(workshop, members, reason):
    described = workshop.train(f"missing-{abs(hash(reason))}", **members)
    assert described["TrainingJobStatus"] == "Failed"
    assert described["FailureReason"].startswith("ClientError: ")
    assert reason in described["FailureReason"]


def test_a_stopped_training_keeps_its_checkpoint_and_the_next_one_resumes(workshop):
    members = {"CheckpointConfig": {"S3Uri": "s3://workshop/checkpoints/resume"}}
    workshop.sagemaker.create_training_job(**workshop.training("stopped", {"ACTION": "wait"}, **members))
    workshop.until_printed("TrainingJobs", "stopped", "ready")
    workshop.sagemaker.stop_training_job(TrainingJobName="stopped")
    described = workshop.trained("stopped")
    assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert workshop.read("checkpoints/resume/state") == b"saved\n"
    assert "FailureReason" not in described

    resumed = workshop.train("resumed", **members)
    assert _artifact(workshop, resumed)["resumed"] == b"saved\n"


def test_a_job_deaf_to_sigterm_is_killed_after_the_grace(workshop):
    workshop.sagemaker.create_training_job(**workshop.training("stubborn", {"ACTION": "stubborn"}))
    workshop.until_printed("TrainingJobs", "stubborn", "ready")
    workshop.sagemaker.stop_training_job(TrainingJobName="stubborn")
    assert workshop.trained("stubborn")["TrainingJobStatus"] == "Stopped"
    assert workshop.processes("TRAINING_JOB_NAME=stubborn") == []


def test_a_stopped_job_leaves_no_process_not_even_one_in_a_session_of_its_own(workshop):
    workshop.sagemaker.create_training_job(**workshop.training("orphan", {"ACTION": "orphan"}))
    workshop.until_printed("TrainingJobs", "orphan", "ready")
    assert len(workshop.processes("TRAINING_JOB_NAME=orphan")) >= 2
    workshop.sagemaker.stop_training_job(TrainingJobName="orphan")
    workshop.trained("orphan")
    assert workshop.processes("TRAINING_JOB_NAME=orphan") == []


def test_a_job_over_its_time_limit_is_stopped(workshop):
    described = workshop.train("overtime", {"ACTION": "wait"}, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_several_hosts_share_the_data_by_key(workshop):
    for number in range(5):
        workshop.put(f"shards/{number}", str(number))
    described = workshop.train(
        "hosts",
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 5},
        InputDataConfig=[_channel("s3://workshop/shards/", S3DataDistributionType="ShardedByS3Key")],
    )
    assert described["TrainingJobStatus"] == "Completed"
    files = _artifact(workshop, described)
    assert sorted(name for name in files if name.startswith("seen/data")) == [f"seen/data/train/{number}" for number in range(5)]
    config = json.loads(files["seen/config/resourceconfig.json"])
    assert len(config["hosts"]) == 2
    assert config["current_host"] in config["hosts"]


def test_when_one_host_fails_the_others_are_stopped(workshop):
    first = """grep -q '"current_host": "127.0.0.1"' config/resourceconfig.json"""
    cluster = {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 5}}
    script = f"if {first}; then echo broken > output/message; exit 1; fi; sleep 300"
    described = workshop.process("one-fails", script, ProcessingResources=cluster)
    assert described["ProcessingJobStatus"] == "Failed"
    assert described["ExitMessage"] == "broken"
    assert workshop.processes("PROCESSING_JOB_NAME=one-fails") == []


def test_a_processing_job_reads_inputs_and_writes_outputs(workshop):
    uri = workshop.put("process/in.csv", "b\na\n")
    inputs = [_input("table", uri, "/opt/ml/processing/input/table")]
    outputs = [_output("sorted", "s3://workshop/process/out", "/opt/ml/processing/output")]
    script = "sort processing/input/table/in.csv > processing/output/sorted.csv && echo 2 rows > output/message"
    described = workshop.process("process", script, ProcessingInputs=inputs, ProcessingOutputConfig={"Outputs": outputs})
    assert described["ProcessingJobStatus"] == "Completed"
    assert described["ExitMessage"] == "2 rows"
    assert workshop.read("process/out/sorted.csv") == b"a\nb\n"


def test_a_script_is_found_where_the_request_puts_it(workshop):
    uri = workshop.put("scripts/run.sh", "echo from the script")
    application = {"ImageUri": workshop.image, "ContainerEntrypoint": ["sh", "/opt/ml/processing/input/code/run.sh"]}
    inputs = [_input("code", uri, "/opt/ml/processing/input/code")]
    described = workshop.process("script", "", AppSpecification=application, ProcessingInputs=inputs)
    assert described["ProcessingJobStatus"] == "Completed"
    assert workshop.log("ProcessingJobs", "script") == "from the script\n"


def test_a_failed_processing_job_has_its_message_and_no_outputs(workshop):
    outputs = [_output("half", "s3://workshop/process/half", "/opt/ml/processing/output")]
    script = "echo x > processing/output/x; echo 'no rows left' > output/message; exit 4"
    described = workshop.process("process-fails", script, ProcessingOutputConfig={"Outputs": outputs})
    assert described["ProcessingJobStatus"] == "Failed"
    assert described["FailureReason"] == "AlgorithmError: no rows left, exit code: 4"
    assert described["ExitMessage"] == "no rows left"
    assert workshop.keys("process/half") == []


def test_a_path_outside_opt_ml_is_refused(workshop):
    described = workshop.process("outside", "true", ProcessingInputs=[_input("x", workshop.put("x", "x"), "/etc")])
    assert "'/etc' is not below /opt/ml" in described["FailureReason"]


def test_job_names_are_unique_and_unknown_jobs_an_error(workshop):
    workshop.process("twice", "true")
    with pytest.raises(workshop.sagemaker.exceptions.ResourceInUse, match="must be unique"):
        workshop.sagemaker.create_processing_job(**workshop.processing("twice", "true"))
    with pytest.raises(ClientError, match=r"ValidationException.*Could not find requested job"):
        workshop.sagemaker.describe_processing_job(ProcessingJobName="never")
    with pytest.raises(ClientError, match=r"ValidationException.*Requested resource not found"):
        workshop.sagemaker.describe_training_job(TrainingJobName="never")


def test_spot_needs_a_maximum_wait(workshop):
    with pytest.raises(ClientError, match="Invalid MaxWaitTimeInSeconds"):
        workshop.sagemaker.create_training_job(**workshop.training("spot-0", EnableManagedSpotTraining=True))
    limits = {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120}
    described = workshop.train("spot-1", EnableManagedSpotTraining=True, StoppingCondition=limits)
    assert (described["TrainingJobStatus"], described["EnableManagedSpotTraining"]) == ("Completed", True)


def test_pipe_mode_is_refused_at_once(workshop):
    channel = _channel("s3://workshop/x") | {"InputMode": "Pipe"}
    with pytest.raises(ClientError, match="Pipe is not run by this emulator"):
        workshop.sagemaker.create_training_job(**workshop.training("pipe", InputDataConfig=[channel]))
    piped = _input("x", "s3://workshop/x", "/opt/ml/processing/x")
    piped["S3Input"]["S3InputMode"] = "Pipe"
    with pytest.raises(ClientError, match="Pipe is not run by this emulator"):
        workshop.sagemaker.create_processing_job(**workshop.processing("pipe", "true", ProcessingInputs=[piped]))


def test_waiters_and_paginators_work_unmodified(workshop):
    for number in range(3):
        workshop.sagemaker.create_processing_job(**workshop.processing(f"listed-{number}", "true"))
    waiter = workshop.sagemaker.get_waiter("processing_job_completed_or_stopped")
    for number in range(3):
        waiter.wait(ProcessingJobName=f"listed-{number}", WaiterConfig={"Delay": 1})
    pages = workshop.sagemaker.get_paginator("list_processing_jobs").paginate(
        NameContains="listed-", SortBy="Name", SortOrder="Descending", PaginationConfig={"PageSize": 2}
    )
    names = [[job["ProcessingJobName"] for job in page["ProcessingJobSummaries"]] for page in pages]
    assert names == [["listed-2", "listed-1"], ["listed-0"]]


def _input(name: str, uri: str, path: str) -> dict[str, Any]:
    return {"InputName": name, "S3Input": {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}}


def _output(name: str, uri: str, path: str) -> dict[str, Any]:
    return {"OutputName": name, "S3Output": {"S3Uri": uri, "LocalPath": path, "S3UploadMode": "EndOfJob"}}
