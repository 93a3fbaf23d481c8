"""The price table: what it holds, how a file of one's own goes over it, and what a wrong file is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import prices
from pipelines.errors import PriceError

SEED_NODES = {  # vCPU, memory GiB, GPUs, GPU memory of the machine GiB, EC2 USD per hour
    "g5.xlarge": (4, 16, 1, 24, 1.006),
    "g5.2xlarge": (8, 32, 1, 24, 1.212),
    "g5.4xlarge": (16, 64, 1, 24, 1.624),
    "g5.12xlarge": (48, 192, 4, 96, 5.672),
}


@pytest.mark.parametrize(("name", "facts"), SEED_NODES.items())
def test_the_gpu_nodes_are_those_of_the_plan(name: str, facts: tuple[float, ...]) -> None:
    machine = prices.load().machine(name)

    assert (machine.vcpu, machine.memory_gib, machine.gpus, machine.gpus * machine.gpu_memory_gib, machine.ec2_usd_per_hour) == facts


def test_a_managed_machine_costs_more_than_the_node_under_it() -> None:
    table = prices.load()

    assert all(machine.sagemaker_usd_per_hour > machine.ec2_usd_per_hour for machine in table.machines.values())


def test_ml_and_bare_names_are_the_same_machine() -> None:
    table = prices.load()

    assert table.machine("ml.g5.xlarge") is table.machine("g5.xlarge")


def test_spot_takes_the_typical_saving_unless_the_machine_states_its_own(tmp_path: Path) -> None:
    over = tmp_path / "mine.yaml"
    over.write_text("spot_saving: 0.5\nmachines: {g5.2xlarge: {ec2_spot_usd_per_hour: 0.3}}")
    table = prices.load(over)

    assert table.ec2_spot_usd_per_hour("g5.xlarge") == pytest.approx(0.503)
    assert table.ec2_spot_usd_per_hour("g5.2xlarge") == 0.3
    assert table.spot_training_usd_per_hour("ml.g5.2xlarge") == pytest.approx(1.515 / 2)


def test_a_file_changes_only_the_lines_that_it_holds(tmp_path: Path) -> None:
    over = tmp_path / "mine.yaml"
    over.write_text(
        "region: eu-west-1\nmachines:\n  p5.48xlarge: {vcpu: 192, memory_gib: 2048, sagemaker_usd_per_hour: 63, ec2_usd_per_hour: 55}\n"
    )
    table = prices.load(over)

    assert table.region == "eu-west-1"
    assert table.sagemaker_usd_per_hour("ml.p5.48xlarge") == 63
    assert table.machine("g5.xlarge") == prices.load().machine("g5.xlarge")


def test_an_unknown_machine_is_told_where_to_put_its_price() -> None:
    with pytest.raises(PriceError, match=r"instance type ml\.x9\.huge: has no price; add it under `machines`.*HOUSING_PRICES_FILE"):
        prices.load().machine("ml.x9.huge")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("spot_saving: 1.5", "spot_saving: Input should be less than 1"),
        ("machines: {g5.xlarge: {price: 1}}", r"machines\.g5\.xlarge\.price: Extra inputs are not permitted"),
        ("machines: {new: {vcpu: 4}}", r"machines\.new\.memory_gib: Field required"),
        ("- 1", "holds no table"),
        ("a: [", "HOUSING_PRICES_FILE names a YAML file"),
    ],
)
def test_a_wrong_file_is_told_its_line(text: str, message: str, tmp_path: Path) -> None:
    over = tmp_path / "mine.yaml"
    over.write_text(text)

    with pytest.raises(PriceError, match=message):
        prices.load(over)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(PriceError, match="No such file"):
        prices.load(tmp_path / "absent.yaml")
