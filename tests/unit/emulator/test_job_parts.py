"""The parts of jobs that need no process: images, archives, layout, batches, metrics, sharding."""

from __future__ import annotations

import gzip
import io
import itertools
import tarfile
from pathlib import Path

import pytest

from emulator.archives import ArchiveError, pack, unpack
from emulator.errors import ImageError
from emulator.images import read_images
from emulator.jobs.batches import PayloadError, Plan, assembled, plan_of, requests_of
from emulator.jobs.channels import Source, find
from emulator.jobs.cluster import Cluster, Group
from emulator.jobs.layout import Layout, LayoutError
from emulator.jobs.metrics import final_metrics
from emulator.jobs.search import candidates
from emulator.s3 import ObjectError


def _images(folder: Path, text: str) -> Path:
    path = folder / "images.yaml"
    path.write_text(text)
    return path


def test_an_image_is_a_folder_and_a_path_relative_to_the_file(tmp_path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "train").write_text("#!/bin/sh\n")
    (tmp_path / "tools" / "train").chmod(0o755)
    text = 'images: [{match: "*/shop:*", folder: ., path: [tools], env: {A: 1}}, {match: "*", folder: other}]'
    images = read_images(_images(tmp_path, text))
    image = images.resolve("123.dkr/shop:2")
    assert image.command(["train", "-v"]) == [str(tmp_path / "tools" / "train"), "-v"]
    assert image.environment()["A"] == "1"
    assert image.environment()["PATH"].startswith(f"{tmp_path / 'tools'}:")
    assert images.resolve("anything").folder == tmp_path / "other"
    with pytest.raises(ImageError, match="'serve' is not on the path of"):
        image.command(["serve"])


@pytest.mark.parametrize("text", ["[]", "images: 3", "images: [{folder: x}]", "images: [{match: x, folders: y}]", "a: [", ""])
def test_a_malformed_images_file_is_one_clear_line(tmp_path, text):
    with pytest.raises(ImageError, match=r"^images: ") as caught:
        read_images(_images(tmp_path, text))
    assert "images.yaml" in str(caught.value)


def test_an_image_without_an_entry_names_the_file(tmp_path):
    path = _images(tmp_path, "images: []")
    with pytest.raises(ImageError, match=f"no entry of {path} matches 'x:1'"):
        read_images(path).resolve("x:1")
    with pytest.raises(ImageError, match="EMULATOR_IMAGES \\(not set\\)"):
        read_images(None).resolve("x:1")


def test_an_archive_gives_back_what_was_packed(tmp_path):
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "run").write_text("x")
    (source / "deep" / "run").chmod(0o755)
    (source / "link").symlink_to(source / "deep" / "run")
    pack(source, tmp_path / "model.tar.gz")
    unpack(tmp_path / "model.tar.gz", tmp_path / "out")
    assert (tmp_path / "out" / "link").read_text() == "x"
    assert (tmp_path / "out" / "deep" / "run").stat().st_mode & 0o100
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.tar.gz", "out", "source"]


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x"])
def test_an_archive_cannot_write_outside_its_folder(tmp_path, name):
    with tarfile.open(tmp_path / "bad.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(ArchiveError, match="outside the folder"):
        unpack(tmp_path / "bad.tar.gz", tmp_path / "out")


def test_links_and_damage_are_refused(tmp_path):
    with tarfile.open(tmp_path / "link.tar", "w") as tar:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(ArchiveError, match="neither a file nor a folder"):
        unpack(tmp_path / "link.tar", tmp_path / "out")
    (tmp_path / "cut.tar.gz").write_bytes(gzip.compress(b"x" * 100)[:20])
    with pytest.raises(ArchiveError, match="cannot be unpacked"):
        unpack(tmp_path / "cut.tar.gz", tmp_path / "out")


def test_a_path_of_the_contract_is_one_below_the_root(tmp_path):
    layout = Layout(tmp_path)
    assert layout.folder("/opt/ml/processing/in") == tmp_path / "opt/ml/processing/in"
    for path in ("/etc", "/opt/ml/../etc", "relative"):
        with pytest.raises(LayoutError, match="is not below /opt/ml"):
            layout.folder(path)


def _plan(**fields: object) -> Plan:
    return Plan(**{"split_lines": True, "many_records": True, "payload_bytes": 10, "workers": 1} | fields)


def test_lines_are_batched_up_to_the_payload():
    content = b"aaaa\nbbbb\n\ncccc\nd"
    assert list(requests_of(content, "None", _plan())) == [b"aaaa\nbbbb", b"cccc\nd"]
    assert list(requests_of(content, "None", _plan(many_records=False))) == [b"aaaa", b"bbbb", b"cccc", b"d"]
    assert list(requests_of(gzip.compress(b"a\nb"), "Gzip", _plan(split_lines=False))) == [b"a\nb"]
    with pytest.raises(PayloadError, match="a record has 11 bytes"):
        list(requests_of(b"x" * 11, "None", _plan()))


def test_a_request_comes_before_the_containers_wishes_and_those_before_defaults():
    record = {"TransformInput": {"SplitType": "Line"}, "MaxPayloadInMB": 2}
    plan = plan_of(record, {"MaxPayloadInMB": 9, "BatchStrategy": "SingleRecord", "MaxConcurrentTransforms": 3})
    assert plan == Plan(split_lines=True, many_records=False, payload_bytes=2 << 20, workers=3)
    assert plan_of(record | {"MaxPayloadInMB": 0}, {}).payload_bytes == float("inf")


def test_answers_are_joined_by_line_or_put_end_to_end():
    assert assembled([b"a\nb\n", b"c"], by_line=True) == b"a\nb\nc\n"
    assert assembled([b"a", b"b"], by_line=False) == b"ab"


def test_the_last_value_of_a_metric_counts(tmp_path):
    log = tmp_path / "log"
    log.write_text("loss=0.5;\nloss=1e-3; loss=2e-3;\nloss=none;\n")
    found = final_metrics([{"Name": "loss", "Regex": "loss=([^;]+);"}, {"Name": "x", "Regex": "x=(.)"}], [log, tmp_path / "absent"])
    assert [(item["MetricName"], item["Value"]) for item in found] == [("loss", 0.002)]


def test_hosts_get_disjoint_shares_that_cover_everything():
    cluster, items = Cluster([Group("g", "ml.m5.large", ["a", "b", "c"])]), [str(number) for number in range(10)]
    shares = [cluster.share(items, host) for host in cluster.hosts]
    assert sorted(item for share in shares for item in share) == items


def test_a_grid_is_every_combination_and_draws_follow_their_scale():
    grid = {"CategoricalParameterRanges": [{"Name": "a", "Values": ["1", "2"]}, {"Name": "b", "Values": ["x", "y"]}]}
    assert list(candidates("Grid", grid, 0)) == [{"a": a, "b": b} for a in "12" for b in "xy"]
    line = {
        "IntegerParameterRanges": [{"Name": "n", "MinValue": "1", "MaxValue": "10"}],
        "ContinuousParameterRanges": [
            {"Name": "log", "MinValue": "0.0001", "MaxValue": "1", "ScalingType": "Logarithmic"},
            {"Name": "reverse", "MinValue": "0.9", "MaxValue": "0.9999", "ScalingType": "ReverseLogarithmic"},
        ],
    }
    drawn = list(itertools.islice(candidates("Random", line, 1), 400))
    assert {item["n"] for item in drawn} == {str(number) for number in range(1, 11)}
    logs = sorted(float(item["log"]) for item in drawn)
    assert 0.0001 <= logs[0] <= logs[-1] <= 1
    assert 0.005 < logs[200] < 0.02  # the middle of four decades
    assert sum(float(item["reverse"]) > 0.99 for item in drawn) > 200


class _Bucket:
    """As much of `Objects` as finding inputs needs."""

    def __init__(self, *keys: str, manifest: bytes = b"") -> None:
        self.keys, self.manifest = keys, manifest

    def list(self, uri: str) -> list[str]:
        prefix = uri.removeprefix("s3://b/")
        return [key for key in self.keys if key.startswith(prefix)]

    def get(self, uri: str) -> bytes:
        return self.manifest


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://b/data/", {"a.csv", "deep/b.csv"}),
        ("s3://b/data", {"a.csv", "deep/b.csv"}),
        ("s3://b/data/a.csv", {"a.csv"}),
        ("s3://b/data/de", {"deep/b.csv"}),
    ],
)
def test_objects_keep_their_paths_below_the_prefix(uri, expected):
    assert set(find(_Bucket("data/a.csv", "data/deep/b.csv"), Source(uri)).values()) == expected


def test_a_manifest_lists_its_objects():
    bucket = _Bucket(manifest=b'[{"prefix": "s3://c/x/"}, "a", "d/b"]')
    assert find(bucket, Source("s3://b/m", "ManifestFile")) == {"s3://c/x/a": "a", "s3://c/x/d/b": "d/b"}
    with pytest.raises(ObjectError, match="is not a manifest"):
        find(_Bucket(manifest=b"{}"), Source("s3://b/m", "ManifestFile"))
