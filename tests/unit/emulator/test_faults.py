"""Reading the rules of failures on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.context import Context
from emulator.errors import ApiError
from emulator.faults import Faults, FaultsError, read_plan, spot_rule
from emulator.images import read_images
from emulator.store import Store


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(Store(tmp_path / "r.sqlite"), tmp_path, "eu-west-1", "123456789012", "http://127.0.0.1:1", read_images(None))


@pytest.mark.parametrize("text", ["[]", "spots: []", "spot: [{jobs: x}]", "operations: [3]", "a: ["])
def test_a_malformed_file_is_one_clear_line(text):
    with pytest.raises(FaultsError, match=r"^faults: .*faults\.yaml"):
        read_plan(text, "faults.yaml")


def test_the_short_form_of_spot_is_seconds_and_times():
    assert spot_rule("5") == {"job": "*", "after_seconds": 5.0, "times": 1}
    assert spot_rule("0.5x3") == {"job": "*", "after_seconds": 0.5, "times": 3}
    with pytest.raises(FaultsError, match="EMULATOR_SPOT must be SECONDS or SECONDSxTIMES"):
        spot_rule("often")


def test_spot_interruptions_are_counted_for_each_job(context, monkeypatch):
    monkeypatch.setenv("EMULATOR_SPOT", "4x2")
    faults = Faults(context)
    assert [faults.spot_interruption(job) for job in ("a", "a", "a", "b")] == [4.0, 4.0, None, 4.0]


def test_a_changed_file_is_read_again_and_counts_anew(context):
    faults, path = Faults(context), context.home / "faults.yaml"
    assert not faults.lacks_capacity("ml.g5.xlarge")
    path.write_text("capacity: [{instance_type: 'ml.g5.*', times: 1}]")
    assert [faults.lacks_capacity(name) for name in ("ml.m5.large", "ml.g5.xlarge", "ml.g5.xlarge")] == [False, True, False]
    path.unlink()
    path.write_text("operations: [{operation: 'sagemaker:Create*', code: InternalFailure, status: 500}]")
    assert not faults.lacks_capacity("ml.g5.xlarge")
    faults.check_operation("sagemaker", "DescribeModel")
    with pytest.raises(ApiError) as caught:
        faults.check_operation("sagemaker", "CreateModel")
    assert (caught.value.code, caught.value.status) == ("InternalFailure", 500)
