"""Which code and which images a run is made of: the commit, and images by digest instead of by tag."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from botocore.exceptions import ClientError

from pipelines.aws import client, error_code
from pipelines.settings import Settings

IMAGE_SETTINGS = ("image_uri", "serving_image_uri", "cpu_serving_image_uri")

_ECR = re.compile(r"(?P<registry>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/(?P<repository>[^:@]+):(?P<tag>[^:@]+)")
_ABSENT = frozenset({"RepositoryNotFoundException", "ImageNotFoundException"})


def code_version() -> str:
    """The commit of the checkout that these packages are in, with `-dirty` when files differ; elsewhere the installed version."""
    folder = Path(__file__).parents[1]
    if (folder / ".git").exists():
        command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.strip()
    try:
        return version("housing-crisis-ml")
    except PackageNotFoundError:
        return "unknown"


def resolved(image_uri: str, settings: Settings) -> str:
    """The image by digest, `REGISTRY/REPOSITORY@sha256:...`.

    Unchanged where it has a digest already, is not in ECR, or is not there (yet): the job that needs it will say so.
    """
    found = _ECR.fullmatch(image_uri)
    if found is None:
        return image_uri
    try:
        answer = client("ecr", settings).batch_get_image(
            registryId=found["registry"], repositoryName=found["repository"], imageIds=[{"imageTag": found["tag"]}]
        )
    except ClientError as error:
        if error_code(error) in _ABSENT:
            return image_uri
        raise
    digests = [image["imageId"]["imageDigest"] for image in answer["images"]]
    return f"{image_uri.rpartition(':')[0]}@{digests[0]}" if digests else image_uri


def pinned(settings: Settings) -> Settings:
    """The settings with every image by digest, as far as the registry knows its tag: a tag may be moved under a running pipeline."""
    return settings.model_copy(update={name: resolved(getattr(settings, name), settings) for name in IMAGE_SETTINGS})
