"""What AWS charges: one dated table (`prices.yaml`), and a file of one's own over it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, ValidationError

from pipelines.errors import PriceError

TABLE = Path(__file__).with_name("prices.yaml")

_Share = Annotated[float, Field(ge=0, lt=1)]
_STRICT = ConfigDict(extra="forbid", frozen=True)


class Machine(BaseModel):
    """One instance type.

    `gpu_memory_gib` is that of one GPU; a machine has `gpus` of them. `local_disk_gib` is an NVMe disk that comes with the machine and
    encrypts itself: the service refuses a key for it. `ec2_spot_usd_per_hour` is None where the table's
    typical saving applies.
    """

    model_config = _STRICT

    vcpu: PositiveInt
    memory_gib: PositiveFloat
    gpu: str = ""
    gpus: NonNegativeInt = 0
    gpu_memory_gib: NonNegativeFloat = 0
    local_disk_gib: NonNegativeFloat = 0
    sagemaker_usd_per_hour: PositiveFloat
    ec2_usd_per_hour: PositiveFloat
    ec2_spot_usd_per_hour: PositiveFloat | None = None


class Storage(BaseModel):
    """USD per GiB and month."""

    model_config = _STRICT

    s3: PositiveFloat
    ebs: PositiveFloat
    efs: PositiveFloat
    ml_volume: PositiveFloat
    ecr: PositiveFloat


class Serverless(BaseModel):
    """A serverless endpoint is paid by memory and second of answering, and by the data that goes in and out."""

    model_config = _STRICT

    usd_per_gib_second: PositiveFloat
    usd_per_gib_data: PositiveFloat


class Requests(BaseModel):
    """What single calls and small things cost."""

    model_config = _STRICT

    endpoint_data_usd_per_gib: PositiveFloat
    lambda_usd_per_million: PositiveFloat
    lambda_usd_per_gib_second: PositiveFloat
    http_api_usd_per_million: PositiveFloat
    s3_put_usd_per_thousand: PositiveFloat
    s3_get_usd_per_thousand: PositiveFloat
    cloudwatch_alarm_usd_per_month: PositiveFloat
    cloudwatch_logs_usd_per_gib: PositiveFloat
    secret_usd_per_month: PositiveFloat
    kms_key_usd_per_month: PositiveFloat
    dashboard_usd_per_month: PositiveFloat
    nat_gateway_usd_per_hour: PositiveFloat
    vpc_endpoint_usd_per_hour: PositiveFloat
    eks_cluster_usd_per_hour: PositiveFloat
    load_balancer_usd_per_hour: PositiveFloat


class Prices(BaseModel):
    """The table. Instance types may be written `ml.g5.xlarge` or `g5.xlarge`; both name the same machine."""

    model_config = _STRICT

    region: str
    currency: str
    as_of: date
    hours_per_month: PositiveFloat
    sources: dict[str, str]
    spot_saving: _Share
    machines: dict[str, Machine]
    storage_usd_per_gib_month: Storage
    serverless: Serverless
    requests: Requests

    def machine(self, instance_type: str) -> Machine:
        """The machine of that name; PriceError when the table lacks it."""
        found = self.machines.get(instance_type.removeprefix("ml."))
        if found is None:
            raise PriceError(
                f"instance type {instance_type}: has no price; add it under `machines` to a file and name the file in HOUSING_PRICES_FILE "
                f"(known: {', '.join(self.machines)})"
            )
        return found

    def sagemaker_usd_per_hour(self, instance_type: str) -> float:
        """Of a job or an endpoint on one such machine, on demand."""
        return self.machine(instance_type).sagemaker_usd_per_hour

    def spot_training_usd_per_hour(self, instance_type: str) -> float:
        """What an hour of managed Spot training typically costs; what it did cost is in the job's billable seconds."""
        return self.sagemaker_usd_per_hour(instance_type) * (1 - self.spot_saving)

    def ec2_usd_per_hour(self, instance_type: str) -> float:
        """Of a node on demand."""
        return self.machine(instance_type).ec2_usd_per_hour

    def ec2_spot_usd_per_hour(self, instance_type: str) -> float:
        """Typical price of a Spot node."""
        machine = self.machine(instance_type)
        return machine.ec2_spot_usd_per_hour or machine.ec2_usd_per_hour * (1 - self.spot_saving)


def load(over: Path | None = None) -> Prices:
    """The bundled table, with the lines of the file `over` in place of its own.

    Errors: PriceError when the file can't be read or a line does not fit the table; it names the line.
    """
    table = _read(TABLE)
    return _parse(table if over is None else _merged(table, _read(over)), over or TABLE)


def _read(path: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PriceError(
            f"prices {path}: {' '.join(str(error).split())}; HOUSING_PRICES_FILE names a YAML file like {TABLE.name}"
        ) from error
    if not isinstance(loaded, dict):
        raise PriceError(f"prices {path}: holds no table; write lines as in {TABLE.name}, e.g. `spot_saving: 0.5`")
    return loaded


def _merged(table: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`table` with the values of `over`, level by level."""
    both = dict(table)
    for key, value in over.items():
        there = both.get(key)
        both[key] = _merged(there, value) if isinstance(there, Mapping) and isinstance(value, Mapping) else value
    return both


def _parse(table: Mapping[str, Any], path: Path) -> Prices:
    try:
        return Prices.model_validate(table)
    except ValidationError as error:
        fault = error.errors()[0]
        raise PriceError(f"prices {path}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error
