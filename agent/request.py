"""What a pod is told to do, by its environment; `pipelines/eks/job.py` writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.faults import AgentError
from agent.storage import split

SERVICE = "training-hosts"
"""The headless service under which the pods of a Job find one another."""


@dataclass(frozen=True)
class Step:
    """One training: its hyperparameters, and the folder of its checkpoints below the key of the data; `alone`: one host does it."""

    name: str
    hyperparameters: Mapping[str, str]
    checkpoints: str
    alone: bool = False


@dataclass(frozen=True)
class Request:
    """One Job, and which of its hosts this pod is."""

    job: str
    source_uri: str
    prepared_uri: str
    checkpoints_uri: str
    output_uri: str
    steps: tuple[Step, ...]
    plan: tuple[str, ...]
    gate: tuple[str, ...]
    hosts: int
    index: int
    metrics_port: int

    @property
    def leads(self) -> bool:
        """Whether this host writes what all have made: the first by name, as the jobs themselves see it."""
        return self.index == 0

    def resources(self, alone: bool = False) -> dict[str, Any]:
        """`resourceconfig.json` of this host, for a training of all hosts or of one."""
        names = ["algo-1"] if alone or self.hosts == 1 else [f"{self.job}-{index}.{SERVICE}" for index in range(self.hosts)]
        return {"current_host": names[0 if alone else self.index], "hosts": sorted(names), "network_interface_name": "eth0"}

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Request:
        """From HOUSING_JOB_*; AgentError names the variable."""
        request = cls(
            job=environment.get("TRAINING_JOB_NAME") or "training",
            source_uri=_uri(environment, "HOUSING_JOB_SOURCE_URI", needed=False),
            prepared_uri=_uri(environment, "HOUSING_JOB_PREPARED_URI", needed=False),
            checkpoints_uri=_uri(environment, "HOUSING_JOB_CHECKPOINTS_URI"),
            output_uri=_uri(environment, "HOUSING_JOB_OUTPUT_URI"),
            steps=_steps(environment),
            plan=_words(environment, "HOUSING_JOB_PLAN"),
            gate=_words(environment, "HOUSING_JOB_GATE"),
            hosts=_integer(environment, "HOUSING_JOB_HOSTS", 1),
            index=_integer(environment, "JOB_COMPLETION_INDEX", 0),
            metrics_port=_integer(environment, "HOUSING_JOB_METRICS_PORT", 0),
        )
        if bool(request.source_uri) == bool(request.prepared_uri):
            raise AgentError("HOUSING_JOB_SOURCE_URI, HOUSING_JOB_PREPARED_URI: give exactly one of them")
        if not 0 <= request.index < request.hosts:
            raise AgentError(
                f"JOB_COMPLETION_INDEX: {request.index} of {request.hosts} hosts; HOUSING_JOB_HOSTS must be the Job's completions"
            )
        return request


def _uri(environment: Mapping[str, str], name: str, needed: bool = True) -> str:
    uri = environment.get(name, "").rstrip("/")
    if uri or needed:
        try:
            split(uri)
        except AgentError as error:
            raise AgentError(f"{name}: {error}") from error
    return uri


def _integer(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "")
    if text and not text.isdigit():
        raise AgentError(f"{name}: {text!r} is not a whole number")
    return int(text) if text else default


def _steps(environment: Mapping[str, str]) -> tuple[Step, ...]:
    try:
        found = json.loads(environment.get("HOUSING_JOB_STEPS", ""))
        steps = tuple(_step(item) for item in found)
    except (ValueError, KeyError, TypeError) as error:
        raise AgentError(f"HOUSING_JOB_STEPS: {error!r}; a JSON list of name, hyperparameters, checkpoints, alone") from error
    names = [step.name for step in steps]
    if (
        not steps
        or len(set(names)) != len(names)
        or any("/" in word or word.startswith(".") for step in steps for word in (step.name, step.checkpoints))
    ):
        raise AgentError("HOUSING_JOB_STEPS: give one training or more, each with a name of its own, without `/`")
    return steps


def _step(item: Mapping[str, Any]) -> Step:
    return Step(str(item["name"]), dict(item["hyperparameters"]), str(item["checkpoints"]), item.get("alone") is True)


def _words(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    try:
        found = json.loads(environment.get(name) or "[]")
    except ValueError as error:
        raise AgentError(f"{name}: {error}; a JSON list of words") from error
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise AgentError(f"{name}: not a JSON list of words")
    return tuple(found)
