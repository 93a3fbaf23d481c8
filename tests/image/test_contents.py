"""What is in an image, what is not, and how large it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.image.engine import ROOT, SERVE, TRAIN, build, docker, inspected

GB = 10**9


def layers(image: str) -> list[str]:
    found: list[str] = inspected(image)["RootFS"]["Layers"]
    return found


@pytest.mark.parametrize(("image", "most_gb"), [(SERVE, 2.4), (TRAIN, 2.8)])
def test_an_image_for_cpus_is_small(image: str, most_gb: float) -> None:
    assert inspected(image)["Size"] <= most_gb * GB


def test_training_and_serving_share_all_but_their_own_packages_and_code() -> None:
    common = [layer for layer in layers(TRAIN) if layer in layers(SERVE)]
    sizes = [
        line.split("\t")
        for line in docker("history", "--no-trunc", "--human=false", "--format", "{{.Size}}\t{{.CreatedBy}}", TRAIN).splitlines()
    ]
    largest = max(sizes, key=lambda entry: int(entry[0]))
    assert "install-locked --shared" in largest[1]
    assert len(common) >= 4


def test_a_change_of_code_rebuilds_the_layer_of_the_code_alone() -> None:
    before, changed = layers(SERVE), ROOT / "inference" / "changed_for_a_test.py"
    changed.write_text("# made and removed by a test\n")
    try:
        build("serve-cpu", "changed")
    finally:
        changed.unlink()
    after = layers(f"{SERVE}-changed")
    build("serve-cpu", "test")
    assert before[:-1] == after[:-1]
    assert before[-1] != after[-1]


def test_the_labels_say_what_the_image_was_made_of() -> None:
    labels = inspected(SERVE)["Config"]["Labels"]
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    assert labels["org.opencontainers.image.title"] == "housing-crisis-ml"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.version"] == "test"
    assert head.startswith(labels["org.opencontainers.image.revision"].removesuffix("-dirty"))


@pytest.mark.parametrize(("image", "lock"), [(SERVE, "serve-cpu"), (TRAIN, "train-cpu")])
def test_the_bill_of_materials_lists_the_lock(image: str, lock: str) -> None:
    bill = json.loads(docker("run", "--rm", "--entrypoint", "cat", image, "/opt/venv/sbom.cdx.json"))
    assert bill["bomFormat"] == "CycloneDX"
    listed = {f"{part['name'].lower().replace('_', '-')}=={part['version'].partition('+')[0]}" for part in bill["components"]}
    wanted = set((ROOT / "containers" / "locks" / f"{lock}.txt").read_text().split())
    assert wanted <= listed


@pytest.mark.parametrize("image", [SERVE, TRAIN])
def test_nothing_of_the_build_is_left(image: str, tmp_path: Path) -> None:
    """No pip, no installer, no CUDA, no bundle of this machine's certificates, no address of its index."""
    script = r"""
        ls -A /opt/installer /mnt/wheels /run/secrets /opt/weights
        find / -xdev \( -name 'libcudart*' -o -name 'libcublas*' \)
        find / -xdev \( -path '*/site-packages/pip' -o -path '*/.cache/pip/*' -o -name pip.conf \)
        find / -xdev -type f -newer /etc/debian_version -path '/tmp/*'
    """
    said = docker("run", "--rm", "--entrypoint", "sh", image, "-c", script)
    assert [line for line in said.splitlines() if line and not line.endswith(":")] == ["README"]
    hosts = {os.environ.get(name, "").split("//")[-1].split("/")[0] for name in ("PIP_INDEX_URL", "HTTPS_PROXY")} - {""}
    for host in hosts:
        assert docker("run", "--rm", "--entrypoint", "grep", image, "-rIl", host, "/etc", "/opt/app", "/root", check=False) == ""
    bundle = Path(os.environ.get("PIP_CERT") or "/etc/ssl/certs/ca-certificates.crt")
    if bundle.is_file():
        docker("create", "--name", "image-test", image)
        try:
            docker("cp", "image-test:/etc/ssl/certs/ca-certificates.crt", str(tmp_path / "inside.crt"))
        finally:
            docker("rm", "image-test")
        own = certificates(bundle) - certificates(Path("/usr/share/ca-certificates"))
        assert not own & certificates(tmp_path / "inside.crt")


def certificates(place: Path) -> set[str]:
    """The certificates of a bundle, or of all files below a folder."""
    files = [place] if place.is_file() else [path for path in place.rglob("*.crt") if path.is_file()]
    blocks = [block for path in files for block in path.read_text(errors="replace").split("-----BEGIN CERTIFICATE-----")[1:]]
    return {"".join(block.partition("-----END")[0].split()) for block in blocks}


def test_weights_are_baked_in_from_an_image(tmp_path: Path) -> None:
    (tmp_path / "weights" / "tiny-model").mkdir(parents=True)
    (tmp_path / "weights" / "tiny-model" / "config.json").write_text("{}")
    packed = shutil.make_archive(str(tmp_path / "packed"), "tar", tmp_path, "weights")
    docker("import", packed, "housing-weights:test")
    build("serve-cpu", "weighty", ["--weights", "housing-weights:test"])
    assert docker("run", "--rm", "--entrypoint", "ls", f"{SERVE}-weighty", "/opt/weights/tiny-model") == "config.json"
    build("serve-cpu", "test")
    assert docker("run", "--rm", "--entrypoint", "ls", SERVE, "/opt/weights") == "README"
