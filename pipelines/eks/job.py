"""The Job of a training: the template `deploy/eks/job/training-job.yaml` with its values in place.

Every text stands in double quotes in the template and is escaped as JSON, which YAML reads alike, so no value can become structure.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from pipelines.errors import PipelinesError

NAMESPACE = "ml-jobs"
TEMPLATE = Path(__file__).parents[2] / "deploy" / "eks" / "job" / "training-job.yaml"

_NAME = re.compile(r"[a-z]([-a-z0-9]{0,47}[a-z0-9])?")
"""At most 49 characters: the name of a pod adds its index and five more, and must fit into a label of 63."""
_IMAGE = re.compile(r"[\w.-]+(:\d+)?(/[\w.-]+)+(:[\w.-]+)?(@sha256:[0-9a-f]{64})?", re.ASCII)
_INSTANCE = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_QUANTITY = re.compile(r"\d+(\.\d+)?(m|Mi|Gi)?")
_BUCKET_URI = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[!-~]*")
MAX_HOSTS = 5
"""As many nodes as the NodePool may have."""


class JobRequestError(PipelinesError):
    """A value of a Job has no valid meaning; one line: the field and the remedy."""


@dataclass(frozen=True)
class Step:
    """One training, as a Train step of the pipeline has it: its hyperparameters, and where below the data's key its checkpoints live.

    `alone`: the first of several hosts does it, as its checkpoints are those of one.
    """

    name: str
    hyperparameters: Mapping[str, str]
    checkpoints: str
    alone: bool = False


@dataclass(frozen=True)
class JobRequest:
    """What one Job does.

    Attributes
    ----------
    name : see `job_name`: the same for the same event.
    source_uri : the uploaded source; the pod ingests and prepares it, trains, combines and judges. Or
    prepared_uri : what a Prepare step has written (`prepared/` and `key/`); the pod trains.
    checkpoints_uri : `s3://BUCKET/housing/checkpoints`, which SageMaker's Train steps use too.
    output_uri : where models go.
    plan : arguments of Prepare, e.g. `("--horizon", "12")`; with a source.
    gate : arguments of Evaluate: the bars; with a source.
    instance_type : the wished type; alternatives : others that do as well, where AWS has none of it. Each has one GPU, as a pod uses one.
    cpu, memory : requests of a pod; what a node of the smallest type has, less what the system takes.
    max_wait_seconds : the Job ends after this, waiting for capacity included.
    """

    name: str
    image: str
    region: str
    steps: Sequence[Step]
    checkpoints_uri: str
    output_uri: str
    source_uri: str = ""
    prepared_uri: str = ""
    plan: Sequence[str] = field(default=())
    gate: Sequence[str] = field(default=())
    instance_type: str = "g5.2xlarge"
    alternatives: Sequence[str] = ("g5.4xlarge",)
    cpu: str = "7"
    memory: str = "26Gi"
    hosts: int = 1
    retries: int = 3
    max_wait_seconds: int = 8 * 3600

    @property
    def instance_types(self) -> tuple[str, ...]:
        """Every type on which a pod may run, the wished one first."""
        return (self.instance_type, *self.alternatives)


def job_name(key: str, prefix: str = "train") -> str:
    """The name of the Job for an event or a training: the same key gives the same name, so a repeated trigger makes nothing twice."""
    return f"{prefix}-{hashlib.sha256(key.encode()).hexdigest()[:20]}"


def render(request: JobRequest, template: Path = TEMPLATE) -> str:
    """The Job as YAML, fit for the API server (`Content-Type: application/yaml`). JobRequestError names the value that is not valid."""
    check(request)
    texts = {
        "JOB_NAME": request.name,
        "IMAGE": request.image,
        "REGION": request.region,
        "SOURCE_URI": request.source_uri,
        "PREPARED_URI": request.prepared_uri,
        "CHECKPOINTS_URI": request.checkpoints_uri,
        "OUTPUT_URI": request.output_uri,
        "INSTANCE_TYPE": request.instance_type,
        "CPU": request.cpu,
        "MEMORY": request.memory,
        "STEPS": _json([_facts(step) for step in request.steps]),
        "PLAN": _json(list(request.plan)),
        "GATE": _json(list(request.gate)),
    }
    numbers = {"HOSTS": request.hosts, "RETRIES": request.retries * request.hosts, "MAX_WAIT_SECONDS": request.max_wait_seconds}
    types = json.dumps(request.instance_types)
    escaped = {name: json.dumps(text)[1:-1] for name, text in texts.items()}
    return Template(template.read_text()).substitute(escaped, INSTANCE_TYPES=types, **numbers)


def check(request: JobRequest) -> None:
    """JobRequestError names the first value that the cluster would refuse or misread."""
    _match("job name", request.name, _NAME, "lower case letters, digits and dashes, at most 49")
    _match("image", request.image, _IMAGE, "REGISTRY/REPOSITORY@sha256:DIGEST")
    _match("region", request.region, _REGION, "a region such as us-east-1")
    for instance_type in request.instance_types:
        _match("instance type", instance_type, _INSTANCE, "an EC2 type such as g5.2xlarge, without `ml.`")
    _match("cpu", request.cpu, _QUANTITY, "a quantity such as 7")
    _match("memory", request.memory, _QUANTITY, "a quantity such as 26Gi")
    if bool(request.source_uri) == bool(request.prepared_uri):
        raise JobRequestError("source_uri, prepared_uri: give exactly one of them")
    for name in ("source_uri", "prepared_uri", "checkpoints_uri", "output_uri"):
        if uri := getattr(request, name):
            _match(name, uri, _BUCKET_URI, "s3://BUCKET/KEY in printable ASCII")
    if not request.steps:
        raise JobRequestError("steps: none; give one training or more")
    for step in request.steps:
        _match("step", step.name, _NAME, "lower case letters, digits and dashes")
    for name, value, least, most in (
        ("hosts", request.hosts, 1, MAX_HOSTS),
        ("retries", request.retries, 0, 20),
        ("max_wait_seconds", request.max_wait_seconds, 60, 7 * 86400),
    ):
        if not least <= value <= most:
            raise JobRequestError(f"{name}: {value}; give {least} to {most}")


def _facts(step: Step) -> dict[str, object]:
    facts = {"name": step.name, "checkpoints": step.checkpoints, "hyperparameters": dict(step.hyperparameters)}
    return facts | ({"alone": True} if step.alone else {})


def _match(name: str, value: str, pattern: re.Pattern[str], remedy: str) -> None:
    if not pattern.fullmatch(value):
        raise JobRequestError(f"{name}: {value!r} is not valid; give {remedy}")


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
