"""app.yaml on somebody else's emulator of AWS: does the template deploy as it is, and do its events reach the functions?

ministack has no SageMaker, so what a function does in the end fails there; that it was asked, and by what alone, is what is seen.
It has an environment of its own and listens on loopback alone. It is started here and ended here.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.record import recording
from benchmarks.rivals import RivalMissingError, rival_python
from pipelines import handover, packaging, templates
from pipelines.settings import Settings
from scripts.expand_template import EVERYTHING

PACKAGES = ("ministack==1.5.33", "aws-sam-translator==1.105.0")
REGION, STACK, CODE = "us-east-1", "housing-app", "housing-artifacts"
UNHEARD = ("housing/uploads/toy/panel.csv.gz", "housing/executions/x/source.json", "elsewhere/uploads/toy/source.json")
HEARD = "housing/uploads/toy/source.json"
UNKNOWN = {"DeploymentRoleArn", "GitHubRepository", "GradualDeployments", "Network"}
"""Options with kinds of resources that ministack does not make."""
PATIENCE_SECONDS, QUIET_SECONDS = 60, 8

Clients = Callable[[str], Any]


@contextmanager
def running() -> Iterator[Clients]:
    """The other emulator on a free port, and clients of it."""
    python = rival_python("ministack", *PACKAGES)
    with socket.socket() as free, TemporaryDirectory() as home:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HOUSING_", "PYTHON"))}
        env |= {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0", "HOME": home, "TMPDIR": home}
        env |= {"PATH": f"{python.parent}:{env['PATH']}", "AWS_DEFAULT_REGION": REGION}
        with (Path(home) / "log").open("wb") as log:
            process = subprocess.Popen([python.parent / "ministack"], env=env, cwd=home, stdout=log, stderr=log)
        # an access key that is no account's number: the functions' calls then belong to the same account as ours
        access = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
        patient = Config(retries={"total_max_attempts": 2}, connect_timeout=2, read_timeout=60)

        def client(service: str) -> Any:
            make: Any = boto3.client
            return make(service, endpoint_url=f"http://127.0.0.1:{port}", config=patient, **access)

        try:
            until(lambda: answers(client), "ministack does not answer")
            yield client
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def answers(client: Clients) -> bool:
    try:
        client("s3").list_buckets()
    except (BotoCoreError, ClientError):
        return False
    return True


def until(met: Callable[[], Any], fault: str) -> Any:
    """What `met` returns when it returns something; RuntimeError when it never does."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        found = met()
        if found:
            return found
        time.sleep(0.3)
    raise RuntimeError(fault)


def deploy(client: Clients) -> dict[str, str]:
    """Upload code and template as `housing bootstrap` does; returns logical id -> status of every resource."""
    s3 = client("s3")
    s3.create_bucket(Bucket=CODE)
    with TemporaryDirectory() as folder:
        for name, path in packaging.build(Path(folder)).items():
            s3.put_object(Bucket=CODE, Key=f"{name}.zip", Body=path.read_bytes())
    template = templates.load("app")
    s3.put_object(Bucket=CODE, Key=template.key, Body=template.text.encode())
    options = {name: value for name, value in EVERYTHING.items() if name not in UNKNOWN}
    chosen = {**options, "ArtifactBucket": CODE, "Settings": handover.to_json(Settings(region=REGION))}
    client("cloudformation").create_stack(
        StackName=STACK,
        TemplateURL=f"{s3.meta.endpoint_url}/{CODE}/{template.key}",
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in chosen.items()],
        Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )

    def finished() -> Any:
        (stack,) = client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

    stack = until(finished, "the stack is not finished")
    pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
    resources = {one["LogicalResourceId"]: one["ResourceStatus"] for page in pages for one in page["StackResourceSummaries"]}
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise RuntimeError(f"{stack['StackStatus']}: {stack.get('StackStatusReason', '')} {resources}")
    return resources


def log_of(client: Clients, function: str) -> str:
    """What the function wrote."""
    group = f"/aws/lambda/{function}"
    try:
        streams = client("logs").describe_log_streams(logGroupName=group)["logStreams"]
    except ClientError:
        return ""
    read = (client("logs").get_log_events(logGroupName=group, logStreamName=one["logStreamName"], startFromHead=True) for one in streams)
    return "\n".join(event["message"] for one in read for event in one["events"])


def messages(client: Clients) -> set[str]:
    """The ids of the messages that housing-train was given, each of which it may have been given several times."""
    return set(re.findall(r'"message_id":"([^"]+)"', log_of(client, "housing-train")))


def upload(client: Clients, keys: Iterable[str]) -> None:
    outputs = client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
    bucket = next(one["OutputValue"] for one in outputs if one["OutputKey"] == "BucketName")
    for key in keys:
        client("s3").put_object(Bucket=bucket, Key=key, Body=b"{}")


def measure(client: Clients) -> None:
    with recording("ministack") as record:
        started = time.monotonic()
        resources = deploy(client)
        note = f"all options but {', '.join(sorted(UNKNOWN))}; {time.monotonic() - started:.1f} s, the zips built in them"
        complete = sum(status == "CREATE_COMPLETE" for status in resources.values())
        record.add("resources of app.yaml in place", complete, len(resources), "resources", note)
        upload(client, UNHEARD)
        time.sleep(QUIET_SECONDS)
        early = len(messages(client))
        upload(client, [HEARD])
        until(lambda: len(messages(client)) > early, "no upload reached housing-train")
        time.sleep(QUIET_SECONDS)
        note = f"rule, queue, mapping, the zip itself; {early} of {len(UNHEARD)} other objects did"
        record.add("complete uploads that reached housing-train", len(messages(client)), 1, "uploads", note)


def main() -> None:
    try:
        with running() as client:
            measure(client)
    except RivalMissingError as missing:
        print(f"ministack: SKIPPED, {missing}")


if __name__ == "__main__":
    main()
