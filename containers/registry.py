"""The registry's side of push.sh: log in to ECR, look at the repository before a push and at the scan after it, write image.json.

`python containers/registry.py env [image.json]` prints the exports that let jobs and models use the pushed images by digest.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

ECR = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
RELEASE = re.compile(r"[a-z-]+-v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")
SERIES = re.compile(r"[a-z-]+-v\d+(\.\d+)?")
VARIABLES = {"train": "HOUSING_IMAGE_URI", "serve": "HOUSING_SERVING_IMAGE_URI", "serve-cpu": "HOUSING_CPU_SERVING_IMAGE_URI"}
SCAN_SECONDS = 300


class RegistryError(Exception):
    """What stands in the way of a push; one line with the remedy."""


def registry_of_caller(region: str | None) -> str:
    """The registry of the account that the credentials belong to."""
    session = boto3.Session(region_name=region)
    if session.region_name is None:
        raise RegistryError("no region: set AWS_REGION, or name the registry with --registry")
    account = session.client("sts").get_caller_identity()["Account"]
    return f"{account}.dkr.ecr.{session.region_name}.amazonaws.com"


def password(registry: str) -> str:
    """The password of user AWS for twelve hours: what `aws ecr get-login-password` prints."""
    token = _client(registry).get_authorization_token()["authorizationData"][0]["authorizationToken"]
    return base64.b64decode(token).decode().partition(":")[2]


def check(registry: str, repository: str, tags: list[str]) -> None:
    """RegistryError when the repository is not there, does not scan what is pushed, or has a release of this name already."""
    ecr = _client(registry)
    try:
        facts = ecr.describe_repositories(repositoryNames=[repository])["repositories"][0]
    except ecr.exceptions.RepositoryNotFoundException:
        raise RegistryError(f"{registry} has no repository {repository}; make it with `housing bootstrap`") from None
    if not facts.get("imageScanningConfiguration", {}).get("scanOnPush"):
        raise RegistryError(f"{repository}: scan on push is off; turn it on with `housing bootstrap`")
    releases = [{"imageTag": tag} for tag in tags if RELEASE.fullmatch(tag)]
    if releases and (there := ecr.batch_get_image(repositoryName=repository, imageIds=releases)["images"]):
        raise RegistryError(f"{there[0]['imageId']['imageTag']} is there already; a release keeps its digest: choose another IMAGE_TAG")


def free(registry: str, repository: str, tag: str) -> None:
    """Take a tag that moves (v1.2, v1) from the image that has it: the repository lets none but those of its exclusions be overwritten.

    RegistryError when the image has no other tag, as it would go with its last.
    """
    ecr = _client(registry)
    try:
        (image,) = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])["imageDetails"]
    except ecr.exceptions.ImageNotFoundException:
        return
    if len(image["imageTags"]) == 1:
        raise RegistryError(
            f"{tag}: is the only tag of {image['imageDigest']}, which would go with it; give that image its release's tag first"
        )
    ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageTag": tag}])


def untag(registry: str, repository: str, tags: list[str]) -> None:
    """Take v1.2 and v1 from the release that has them: the repository lets no version move, as no pattern tells them from v1.2.3."""
    series = [{"imageTag": tag} for tag in tags if SERIES.fullmatch(tag)]
    if series:
        _client(registry).batch_delete_image(repositoryName=repository, imageIds=series)


def scan(registry: str, repository: str, digest: str) -> dict[str, int]:
    """Findings by severity, once the scan on push is through; RegistryError when it fails or does not end."""
    ecr, ends = _client(registry), time.monotonic() + SCAN_SECONDS
    while time.monotonic() < ends:
        try:
            answer = ecr.describe_image_scan_findings(repositoryName=repository, imageId={"imageDigest": digest})
        except ecr.exceptions.ScanNotFoundException:
            answer = {"imageScanStatus": {"status": "PENDING"}}
        status = answer["imageScanStatus"]["status"]
        if status in {"COMPLETE", "ACTIVE"}:
            return dict(answer.get("imageScanFindings", {}).get("findingSeverityCounts", {}))
        if status not in {"PENDING", "IN_PROGRESS"}:
            raise RegistryError(f"scan of {digest}: {status}: {answer['imageScanStatus'].get('description', '')}")
        time.sleep(3)
    raise RegistryError(f"scan of {digest}: no result after {SCAN_SECONDS} s; look at it in ECR")


def record(path: Path, target: str, uri: str, digest: str, facts: dict[str, Any]) -> None:
    """Put a pushed image into image.json: its address by digest, what it was built from, and what the scan found."""
    content = json.loads(path.read_text()) if path.is_file() else {"images": {}}
    content["images"][target] = {"uri": f"{uri}@{digest}", "digest": digest, **facts}
    beside = path.with_suffix(".partial")
    beside.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    beside.replace(path)


def exports(path: Path) -> str:
    """Shell exports for the images of image.json."""
    images = json.loads(path.read_text())["images"]
    return "".join(f"export {VARIABLES[target]}={images[target]['uri']}\n" for target in VARIABLES if target in images)


def _client(registry: str) -> Any:
    found = ECR.fullmatch(registry)
    if found is None:
        raise RegistryError(f"{registry}: not a registry of ECR (ACCOUNT.dkr.ecr.REGION.amazonaws.com)")
    return boto3.client("ecr", region_name=found["region"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="registry", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("name").add_argument("--region")
    commands.add_parser("password").add_argument("registry")
    for name in ("check", "untag", "record"):
        command = commands.add_parser(name)
        command.add_argument("registry")
        command.add_argument("repository")
        if name != "record":
            command.add_argument("tags", nargs="+")
        else:
            command.add_argument("target", choices=[*VARIABLES, "train-cpu"])
            command.add_argument("digest")
            command.add_argument("facts", type=json.loads)
            command.add_argument("--file", type=Path, default=Path("image.json"))
    command = commands.add_parser("free")
    for word in ("registry", "repository", "tag"):
        command.add_argument(word)
    commands.add_parser("env").add_argument("file", nargs="?", type=Path, default=Path("image.json"))
    return parser.parse_args()


def _do(arguments: argparse.Namespace) -> str:
    if arguments.command == "name":
        return registry_of_caller(arguments.region)
    if arguments.command == "password":
        return password(arguments.registry)
    if arguments.command == "env":
        return exports(arguments.file)
    if arguments.command == "free":
        free(arguments.registry, arguments.repository, arguments.tag)
        return ""
    if arguments.command in {"check", "untag"}:
        {"check": check, "untag": untag}[arguments.command](arguments.registry, arguments.repository, arguments.tags)
        return ""
    facts = arguments.facts
    if ECR.fullmatch(arguments.registry):
        facts["scan"] = scan(arguments.registry, arguments.repository, arguments.digest)
    record(arguments.file, arguments.target, f"{arguments.registry}/{arguments.repository}", arguments.digest, facts)
    return json.dumps(facts.get("scan", "this registry scans nothing"))


def main() -> None:
    """Run one command."""
    try:
        sys.stdout.write(_do(_arguments()).rstrip("\n") + "\n")
    except (RegistryError, BotoCoreError, ClientError, OSError, KeyError) as error:
        sys.exit(f"push: {error}")


if __name__ == "__main__":
    main()
