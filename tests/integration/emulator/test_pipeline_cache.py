"""Step caching: what an unchanged rerun takes from an earlier execution, and what it does not."""

from __future__ import annotations

import time
from typing import Any

CACHED = {"CacheConfig": {"Enabled": True, "ExpireAfter": "30d"}}


def test_an_unchanged_rerun_is_served_from_the_cache_and_a_change_reruns_what_depends_on_it(workshop, build):
    def steps(word: str) -> list[dict[str, Any]]:
        train = {"Name": "Train", "Type": "Training", "Arguments": workshop.training("unused"), **CACHED}
        del train["Arguments"]["TrainingJobName"]
        train["Arguments"]["HyperParameters"] = {"word": word}
        # the output path differs from run to run and must not matter
        train["Arguments"]["OutputDataConfig"] = {"S3OutputPath": build.join("s3://workshop/t", build.get("Execution.PipelineExecutionId"))}
        model = build.get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
        return [
            train,
            build.processing("Beside", "echo 1 > processing/out/one", **CACHED),
            build.processing(
                "After", "ls processing/model > processing/out/list", {"model": model, "one": build.output("Beside")}, **CACHED
            ),
        ]

    workshop.pipeline("cache", steps("a"))
    first, ran = workshop.execute("cache")
    assert not any("CacheHitResult" in step for step in ran.values())
    _, again = workshop.execute("cache")
    source = {"SourcePipelineExecutionArn": first["PipelineExecutionArn"]}
    assert {name: step.get("CacheHitResult") for name, step in again.items()} == dict.fromkeys(ran, source)
    workshop.pipeline("cache", steps("b"))
    _, changed = workshop.execute("cache")
    assert {name for name, step in changed.items() if "CacheHitResult" in step} == {"Beside"}


def test_a_cached_run_older_than_its_limit_is_not_used(workshop, build):
    workshop.pipeline("expired", [build.processing("Once", "true", CacheConfig={"Enabled": True, "ExpireAfter": "T1s"})])
    workshop.execute("expired")
    time.sleep(1.1)
    _, steps = workshop.execute("expired")
    assert "CacheHitResult" not in steps["Once"]


def test_a_failed_run_is_never_served_from_the_cache(workshop, build):
    workshop.pipeline("failing-cache", [build.processing("Bad", "exit 1", **CACHED)])
    for _ in range(2):
        _, steps = workshop.execute("failing-cache")
        assert steps["Bad"]["StepStatus"] == "Failed"
        assert "CacheHitResult" not in steps["Bad"]


def test_a_transform_is_cached_by_what_its_model_is_and_not_by_its_name(workshop, build):
    model = workshop.put("garden/model/word", "fine").rpartition("word")[0]
    data = {"S3DataSource": {"S3Uri": model, "S3DataType": "S3Prefix", "CompressionType": "None"}}
    container = {"Image": workshop.image, "ModelDataSource": data}
    uri = workshop.put("garden/in.txt", "rose\n")
    transform = {
        "ModelName": build.get("Steps.Model.ModelName"),
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}, "SplitType": "Line"},
        "TransformOutput": {"S3OutputPath": "s3://workshop/garden/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    steps = [
        {"Name": "Model", "Type": "Model", "Arguments": {"ExecutionRoleArn": workshop.role, "PrimaryContainer": container}},
        {"Name": "Transform", "Type": "Transform", "Arguments": transform, **CACHED},
    ]
    workshop.pipeline("garden", steps)
    _, first = workshop.execute("garden")
    assert first["Transform"]["StepStatus"] == "Succeeded", first
    _, second = workshop.execute("garden")
    assert "CacheHitResult" in second["Transform"]
