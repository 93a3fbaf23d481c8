"""Images in service that are not what the registry holds now, and models in service that are not the approved one."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines import endpoint_state as state
from pipelines import registry, versions
from pipelines.aws import client
from pipelines.doctor.finding import Finding
from pipelines.lineage import lineage
from pipelines.settings import Settings


def stale(settings: Settings) -> Iterator[Finding]:
    """Images behind their tag, images by a tag that may move, and an older version than the newest approved one."""
    newest = next(iter(registry.packages(settings, "Approved")), None)
    tagged = {versions.resolved(uri, settings) for uri in (settings.serving_image_uri, settings.cpu_serving_image_uri)}
    for name in (settings.endpoint_name, settings.cpu_endpoint_name):
        if state.describe(client("sagemaker", settings), name) is None:
            continue
        for origin in lineage(name, settings):
            subject = f"endpoint {name}, variant {origin.variant}"
            if newest and origin.version < newest.version and origin.variant == "main":
                yield Finding(
                    "stale images", subject, f"runs version {origin.version}, version {newest.version} is approved", "`housing deploy`"
                )
            current = next((uri for uri in tagged if "@" in uri and uri.partition("@")[0] == origin.image.partition("@")[0]), None)
            if "@" in origin.image and current and not tagged & {origin.image}:
                what = f"runs image {origin.image_digest[:19]}, the tag is at {current.partition('@')[2][:19]} now"
                yield Finding("stale images", subject, what, "`housing run` registers a model with the new image")
            if "@" not in origin.image and origin.image_digest:
                what = f"names its image by the tag {origin.image.rpartition(':')[2]}, which may be moved under it"
                yield Finding("stale images", subject, what, "`housing run` registers the next model by digest")
