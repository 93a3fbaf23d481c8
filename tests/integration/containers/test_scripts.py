"""build.sh and push.sh: the names of an image, what is missing in one line, and a push to ECR whose digest jobs and models use."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.settings import Settings
from pipelines.versions import pinned

ROOT = Path(__file__).parents[3]
REGISTRY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
FAKE_DOCKER = textwrap.dedent("""\
    #!{python} -IS
    # Docker as push.sh uses it: a push puts a manifest into ECR, and says its digest as Docker does.
    import json, os, sys
    words = sys.argv[1:]
    with open(os.environ["DOCKER_CALLS"], "a") as calls:
        calls.write(json.dumps(words) + "\\n")
    if words[0] == "version":
        print("20.10.24")
    elif words[:2] == ["image", "inspect"]:
        print({{"version": "v1.2.3", "revision": "abc", "base.digest": "BASE_DIGEST"}}[words[3].split("image.")[1].split('"')[0]])
    elif words[0] == "login":
        print(len(sys.stdin.read()))
    elif words[0] == "push":
        import hashlib, http.client
        repository, _, tag = words[1].partition("/")[2].partition(":")
        target = "serve-cpu" if tag.startswith("serve-cpu") else tag.split("-")[0]
        manifest = json.dumps({{"schemaVersion": 2, "config": {{"target": target}}, "layers": [], "mediaType": "x"}})
        digest = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()

        def ecr(operation, **fields):  # not boto3, which takes half a second to import, once for each tag
            connection = http.client.HTTPConnection(os.environ["AWS_ENDPOINT_URL"].partition("//")[2], timeout=30)
            signed = "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/ecr/aws4_request, SignedHeaders=host, Signature=none"
            headers = {{"X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921." + operation, "Authorization": signed}}
            headers["Content-Type"] = "application/x-amz-json-1.1"
            connection.request("POST", "/", json.dumps({{"repositoryName": repository}} | fields), headers)
            return connection.getresponse().status

        status = ecr("PutImage", imageManifest=manifest, imageTag=tag, imageDigest=digest)
        if tag == target:
            ecr("StartImageScan", imageId={{"imageTag": tag}})
        if status == 200:
            print(f"{{tag}}: digest: {{digest}} size: 1234")
""")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def script() -> Run:
    def run(name: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", str(ROOT / "containers" / f"{name}.sh"), *words]
        return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False)

    return run


def tags(said: str) -> list[str]:
    return re.findall(r"--tag housing-crisis-ml:(\S+)", said)


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ("v1.2.3", ["serve", "serve-v1.2.3", "serve-v1.2", "serve-v1", "serve-latest"]),
        ("v1.2.3-rc.1", ["serve", "serve-v1.2.3-rc.1"]),
        ("nightly", ["serve", "serve-nightly"]),
    ],
)
def test_a_version_fans_out(script: Run, wish: str, expected: list[str]) -> None:
    assert tags(script("build", "--dry-run", "--target", "serve", IMAGE_TAG=wish).stdout) == expected


def test_the_commit_and_the_date_are_names_too(script: Run) -> None:
    commit = subprocess.run(["git", "rev-parse", "--short=7", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    if commit:
        said = tags(script("build", "--dry-run", "--target", "train").stdout)
        assert said[0] == "train"
        assert said[1] in {f"train-{commit}", f"train-{commit}-dirty"}
        assert said[2].startswith("train-") and said[2].endswith(said[1].removeprefix("train"))
    (_, dated) = tags(script("build", "--dry-run", "--target", "train", IMAGE_TAG="date").stdout)
    assert re.fullmatch(r"train-\d{8}-\d{6}", dated)


@pytest.mark.parametrize(
    ("words", "wish", "said"),
    [
        ([], "v1.2", "IMAGE_TAG=v1.2: a version is vMAJOR.MINOR.PATCH"),
        ([], "v1.02.3", "a version is vMAJOR.MINOR.PATCH"),
        ([], "a b", "letters, digits"),
        (["--target", "all"], "x", "--target all: must be one of train serve serve-cpu train-cpu"),
        (["--builder", "podman"], "x", "--builder podman: must be docker or buildah"),
        (["--ca", "/nowhere.pem"], "x", "/nowhere.pem: cannot be read"),
        (["--target"], "x", "--target: a value is missing"),
        (["--tag"], "x", "--tag: no such option"),
    ],
)
def test_a_wrong_word_is_refused_in_one_line(script: Run, words: list[str], wish: str, said: str) -> None:
    refused = script("build", *words, IMAGE_TAG=wish)
    assert refused.returncode == 1
    assert refused.stderr.startswith("build: ") and refused.stderr.count("\n") == 1
    assert said in refused.stderr


@pytest.mark.parametrize("name", ["build", "push"])
@pytest.mark.parametrize("builder", ["docker", "buildah"])
def test_a_builder_that_is_not_here_is_named_with_its_remedy(script: Run, tmp_path: Path, name: str, builder: str) -> None:
    for tool in ("bash", "git", "sed", "dirname", "basename", "date", "tr", "cut"):
        found = shutil.which(tool)
        assert found
        (tmp_path / tool).symlink_to(found)
    refused = script(name, "--builder", builder, PATH=str(tmp_path), IMAGE_TAG="x")
    assert refused.returncode == 1
    assert refused.stderr == (
        f"{name}: {builder} is not installed; install it (apt-get install {'docker.io' if builder == 'docker' else builder}), "
        f"or use --builder {'buildah' if builder == 'docker' else 'docker'}\n"
    )


@pytest.fixture
def ecr(emulator: Any, emulator_env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """ECR of the emulator, and a Docker that pushes to it."""
    fake = tmp_path / "bin" / "docker"
    fake.parent.mkdir()
    fake.write_text(FAKE_DOCKER.format(python=sys.executable).replace("BASE_DIGEST", "sha256:" + "0" * 64))
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_CALLS", str(tmp_path / "calls"))
    client = emulator.client("ecr")
    client.create_repository(repositoryName="housing-crisis-ml", imageScanningConfiguration={"scanOnPush": True})
    yield client
    client.delete_repository(repositoryName="housing-crisis-ml", force=True)


def test_a_push_gives_each_image_all_its_tags_and_jobs_its_digest(
    ecr: Any, script: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "image.json"
    pushed = script("push", "--file", str(record), IMAGE_TAG="v1.2.3")
    assert pushed.returncode == 0, pushed.stderr
    images = json.loads(record.read_text())["images"]
    assert set(images) == {"train", "serve", "serve-cpu"}
    digests = {image["digest"] for image in images.values()}
    assert len(digests) == 3
    for target, image in images.items():
        assert image["uri"] == f"{REGISTRY}/housing-crisis-ml@{image['digest']}"
        assert image["tags"] == [target, f"{target}-v1.2.3", f"{target}-v1.2", f"{target}-v1", f"{target}-latest"]
        assert image["uri"] in pushed.stdout
    calls = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
    assert ["login", "--username", "AWS", "--password-stdin", REGISTRY] in calls

    command = [sys.executable, "containers/registry.py", "env", str(record)]
    exports = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name, uri in re.findall(r"export (\w+)=(\S+)", exports):
        monkeypatch.setenv(name, uri)
    by_digest = Settings(region="eu-west-1")
    assert {by_digest.image_uri, by_digest.serving_image_uri, by_digest.cpu_serving_image_uri} == {i["uri"] for i in images.values()}
    assert pinned(by_digest) == by_digest
    for name in ("HOUSING_IMAGE_URI", "HOUSING_SERVING_IMAGE_URI", "HOUSING_CPU_SERVING_IMAGE_URI"):
        monkeypatch.delenv(name)
    by_tag = pinned(Settings(region="eu-west-1"))
    assert by_tag.image_uri == images["train"]["uri"]
    assert by_tag.cpu_serving_image_uri == images["serve-cpu"]["uri"]

    command = [sys.executable, "containers/registry.py", "untag", REGISTRY, "housing-crisis-ml", *images["train"]["tags"]]
    subprocess.run(command, cwd=ROOT, check=True)
    left = ecr.describe_images(repositoryName="housing-crisis-ml", imageIds=[{"imageDigest": images["train"]["digest"]}])["imageDetails"][0]
    assert set(left["imageTags"]) == {"train", "train-v1.2.3", "train-latest"}

    again = script("push", "--file", str(record), IMAGE_TAG="v1.2.3")
    assert again.returncode == 1
    assert "is there already; a release keeps its digest" in again.stderr


def test_a_tag_of_several_releases_is_freed_before_it_moves_and_never_takes_its_image_along(ecr: Any, script: Run, tmp_path: Path) -> None:
    assert script("push", "--file", str(tmp_path / "image.json"), "--target", "train", IMAGE_TAG="v1.2.3").returncode == 0
    free = [sys.executable, "containers/registry.py", "free", REGISTRY, "housing-crisis-ml"]
    for tag in ("train-v1.2", "train-v9"):  # the second is nowhere
        subprocess.run([*free, tag], cwd=ROOT, check=True)
    (image,) = ecr.describe_images(repositoryName="housing-crisis-ml")["imageDetails"]
    assert sorted(image["imageTags"]) == ["train", "train-latest", "train-v1", "train-v1.2.3"]
    ecr.batch_delete_image(
        repositoryName="housing-crisis-ml", imageIds=[{"imageTag": tag} for tag in image["imageTags"] if tag != "train-v1"]
    )
    refused = subprocess.run([*free, "train-v1"], cwd=ROOT, check=False, capture_output=True, text=True)
    assert (refused.returncode, "is the only tag of sha256:" in refused.stderr) == (1, True)
    assert script("push", "--file", str(tmp_path / "image.json"), "--target", "serve", IMAGE_TAG="v1.2.4").returncode == 0


def test_a_repository_that_scans_nothing_or_is_not_there_is_refused_before_the_push(ecr: Any, script: Run, tmp_path: Path) -> None:
    ecr.put_image_scanning_configuration(repositoryName="housing-crisis-ml", imageScanningConfiguration={"scanOnPush": False})
    refused = script("push", "--target", "train", "--file", str(tmp_path / "image.json"), IMAGE_TAG="x")
    assert refused.returncode == 1
    assert "scan on push is off" in refused.stderr
    ecr.delete_repository(repositoryName="housing-crisis-ml", force=True)
    missing = script("push", "--target", "train", "--file", str(tmp_path / "image.json"), IMAGE_TAG="x")
    ecr.create_repository(repositoryName="housing-crisis-ml")
    assert "has no repository housing-crisis-ml; make it with `housing bootstrap`" in missing.stderr
    assert not any('"push"' in line for line in (tmp_path / "calls").read_text().splitlines())


def test_what_is_built_on_a_base_without_digest_is_not_pushed_unasked(ecr: Any, script: Run, tmp_path: Path) -> None:
    fake = tmp_path / "bin" / "docker"
    fake.write_text(fake.read_text().replace("sha256:" + "0" * 64, ""))
    refused = script("push", "--target", "train", "--file", str(tmp_path / "image.json"), IMAGE_TAG="x")
    assert refused.returncode == 1
    assert "its base image has no digest" in refused.stderr
    assert script("push", "--target", "train", "--unpinned", "--file", str(tmp_path / "image.json"), IMAGE_TAG="x").returncode == 0
