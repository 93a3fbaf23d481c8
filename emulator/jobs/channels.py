"""Objects under an S3 prefix or in a manifest, copied into a folder as a job's input."""

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from emulator.jobs.cluster import Cluster
from emulator.s3 import ObjectError, Objects, parse


@dataclass(frozen=True)
class Source:
    """Where an input comes from: a prefix or a manifest, whole on every host or sharded by key."""

    uri: str
    data_type: str = "S3Prefix"
    distribution: str = "FullyReplicated"


def copy_in(objects: Objects, source: Source, folder: Path, cluster: Cluster, host: str) -> None:
    """Copy the source's objects, or this host's share, into `folder`, keeping the paths below the prefix.

    Raises
    ------
    ObjectError
        When nothing is there.
    """
    found = find(objects, source)
    names = sorted(found)
    folder.mkdir(parents=True, exist_ok=True)
    for name in cluster.share(names, host) if source.distribution == "ShardedByS3Key" else names:
        objects.download(name, folder / found[name])


def find(objects: Objects, source: Source) -> dict[str, str]:
    """The source's objects: their URIs, and their paths below the prefix.

    Raises
    ------
    ObjectError
        When nothing is there.
    """
    found = _manifest(objects, source.uri) if source.data_type == "ManifestFile" else _prefix(objects, source.uri)
    if not found:
        raise ObjectError(f"No S3 objects found under S3 URL {source.uri!r} given in input data source")
    return found


def _prefix(objects: Objects, uri: str) -> dict[str, str]:
    address = parse(uri)
    return {f"s3://{address.bucket}/{key}": _relative(key, address.key) for key in objects.list(uri)}


def _relative(key: str, prefix: str) -> str:
    if key == prefix:
        return PurePosixPath(key).name
    if not prefix or prefix.endswith("/") or key[len(prefix)] == "/":
        return key[len(prefix) :].lstrip("/")
    return key[prefix.rfind("/") + 1 :]


def _manifest(objects: Objects, uri: str) -> dict[str, str]:
    """A manifest is `[{"prefix": "s3://..."}, "relative/key", ...]`."""
    try:
        head, *rest = json.loads(objects.get(uri))
        prefix = head["prefix"]
    except (ValueError, TypeError, KeyError):
        raise ObjectError(f"{uri} is not a manifest: it must be a JSON list that begins with an object with `prefix`") from None
    return {prefix + name: name for name in rest}
