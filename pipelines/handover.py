"""The caller's settings as a function reads them: JSON in its environment, without pydantic, YAML or the table of prices.

`to_json` is called where the stack is deployed, `from_json` in the function. What depends on the price table (which machines have a
GPU, or a disk that encrypts itself) is looked up before and handed over with the settings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from pipelines.errors import DeploymentError
from pipelines.hardware import Hardware

if TYPE_CHECKING:
    from pipelines.settings import Settings

VARIABLE = "HOUSING_SETTINGS"
MAX_BYTES = 3500
"""The whole environment of a function may have 4 KB, and other variables stand beside this one."""


def to_json(settings: Settings) -> str:
    """The settings as a function's variable. DeploymentError when they don't fit into an environment."""
    machines = {name: vars(settings.hardware(name)) for name in {settings.endpoint_instance_type}}
    facts = {"settings": settings.model_dump(mode="json"), "chosen": sorted(settings.model_fields_set), "machines": machines}
    text = json.dumps(facts, separators=(",", ":"), sort_keys=True)
    if len(text.encode()) > MAX_BYTES:
        raise DeploymentError(
            f"{VARIABLE}: the settings take {len(text.encode())} bytes, a function has room for {MAX_BYTES}; "
            "shorten HOUSING_TAGS or HOUSING_TRAIN_STEPS"
        )
    return text


def from_json(text: str) -> Settings:
    """The settings that `to_json` wrote. DeploymentError when the text holds none."""
    try:
        facts = json.loads(text)
        machines = {name: Hardware(**machine) for name, machine in facts["machines"].items()}
        handed = Handed(facts["settings"], frozenset(facts["chosen"]), machines)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DeploymentError(f"{VARIABLE}: holds no settings; deploy the stack again with `housing bootstrap`") from error
    return cast("Settings", handed)


@dataclass(frozen=True)
class Handed:
    """Reads like `Settings`: its fields as attributes, `prefix`, `model_fields_set`, `hardware` and `model_copy`."""

    values: Mapping[str, Any]
    model_fields_set: frozenset[str]
    machines: Mapping[str, Hardware]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(f"{VARIABLE}: has no {name}; deploy the stack again with `housing bootstrap`") from None

    @property
    def prefix(self) -> str:
        return f"s3://{self.values['bucket']}/housing"

    def hardware(self, instance_type: str) -> Hardware:
        """The machine of that name; DeploymentError when it was not handed over."""
        if instance_type not in self.machines:
            raise DeploymentError(f"instance type {instance_type}: was not handed over; deploy the stack again with `housing bootstrap`")
        return self.machines[instance_type]

    def model_copy(self, *, update: Mapping[str, Any]) -> Handed:
        """The same with other values."""
        return replace(self, values={**self.values, **update}, model_fields_set=self.model_fields_set | frozenset(update))
