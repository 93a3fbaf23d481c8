"""Prepare on several hosts, read from the definition: the panel goes to all of them, each shard to one."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.settings import Settings
from pipelines.validate import faults


@pytest.fixture(scope="module")
def dealt() -> dict[str, Any]:
    from pipelines.definition.build import build_definition

    return build_definition(Settings(prepare_hosts=3))


def arguments(definition: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(step["Arguments"] for step in definition["Steps"] if step["Name"] == name)
    return found


def test_prepare_has_the_chosen_hosts_and_each_shard_goes_to_one(dealt: dict[str, Any]) -> None:
    assert faults(dealt) == []
    prepare = arguments(dealt, "Prepare")
    assert prepare["ProcessingResources"]["ClusterConfig"]["InstanceCount"] == 3
    how = {item["InputName"]: item["S3Input"]["S3DataDistributionType"] for item in prepare["ProcessingInputs"]}
    assert how == {"panel": "FullyReplicated", "shards": "ShardedByS3Key"}


def test_ingest_writes_as_many_shards_as_there_are_hosts(dealt: dict[str, Any]) -> None:
    ingest = arguments(dealt, "Ingest")
    assert ingest["AppSpecification"]["ContainerArguments"] == ["--shards", "3"]
    assert [item["OutputName"] for item in ingest["ProcessingOutputConfig"]["Outputs"]] == ["panel", "shards"]


def test_with_one_host_there_are_no_shards(definition: dict[str, Any]) -> None:
    assert "ContainerArguments" not in arguments(definition, "Ingest")["AppSpecification"]
    assert [item["InputName"] for item in arguments(definition, "Prepare")["ProcessingInputs"]] == ["panel"]
