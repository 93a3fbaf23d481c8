"""Images by digest: a tag that is moved later changes nothing that was pinned."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipelines import versions
from pipelines.settings import Settings


@pytest.fixture
def repository(aws: Any) -> Any:
    """Pushes an image under a tag; returns its digest. The repository is removed at the end."""
    ecr = aws.client("ecr")
    ecr.create_repository(repositoryName="housing-crisis-ml")

    def push(tag: str, content: str) -> str:
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        config = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 2, "digest": f"sha256:{content:0<64}"}
        manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": []})
        image = ecr.put_image(repositoryName="housing-crisis-ml", imageManifest=manifest, imageTag=tag)["image"]
        return str(image["imageId"]["imageDigest"])

    yield push
    ecr.delete_repository(repositoryName="housing-crisis-ml", force=True)


def test_a_tag_becomes_the_digest_behind_it(repository: Any) -> None:
    settings = Settings()
    digest = repository("serve", "one")
    pinned = versions.pinned(settings)

    assert pinned.serving_image_uri == settings.serving_image_uri.replace(":serve", f"@{digest}")
    assert pinned.image_uri == settings.image_uri, "nobody pushed that tag"
    assert versions.pinned(pinned) == pinned


def test_without_a_repository_tags_stay() -> None:
    assert versions.pinned(Settings()) == Settings()


@pytest.mark.parametrize("image", ["registry/toy:1", "public.ecr.aws/x/y:1"])
def test_images_of_other_registries_stay(image: str) -> None:
    assert versions.resolved(image, Settings()) == image


def test_the_code_version_is_the_commit_of_the_checkout() -> None:
    assert versions.code_version().removesuffix("-dirty") != "unknown"
