"""An emulator that runs this project's own images and a toy server, as the AWS of the caller's side."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import lifecycle
from pipelines import packaging
from pipelines.settings import Settings

ROOT = Path(__file__).parents[3]
TOY = ROOT / "tests" / "integration" / "emulator" / "toy"
VENV = str(Path(sys.executable).parent)


@pytest.fixture(scope="session")
def caller_emulator(tmp_path_factory: pytest.TempPathFactory, start_emulator: Callable[..., Any]) -> Iterator[Any]:
    home = tmp_path_factory.mktemp("caller") / "home"
    images = home.with_suffix(".images.yaml")
    # a fixed digest: the code may be edited while the tests run
    env = {"OMP_NUM_THREADS": "1", "HOUSING_IMAGE_DIGEST": "sha256:test"}
    product = {"match": "*/housing-crisis-ml*", "folder": str(ROOT), "path": [VENV], "env": env}
    toy = {"match": "*toy*", "folder": str(TOY), "path": ["bin", VENV]}
    images.write_text(json.dumps({"images": [product, toy]}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMULATOR_WAIT_SCALE", "0")
        patch.setenv("EMULATOR_STOP_GRACE_SECONDS", "2")
        running = start_emulator(home, images)
    running.client("s3").create_bucket(Bucket="toys", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    yield running
    lifecycle.down(home)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where definitions are kept: the first test that wants one pays for the SDK's import."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def aws(caller_emulator: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The emulator as the AWS of this process and of the commands that it starts."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "HOUSING_"))]:
        monkeypatch.delenv(name)
    for name, value in caller_emulator.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("EMULATOR_HOME", str(caller_emulator.home))
    return caller_emulator


@pytest.fixture
def settings() -> Settings:
    """Settings with names that no other test uses."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    return Settings(pipeline_name=name, model_package_group=name, endpoint_name=name, function_name=name, cpu_tier=False)


@pytest.fixture
def register(aws: Any, settings: Settings) -> Callable[..., str]:
    """Registers a package of the toy server that answers with the given name; returns its ARN."""
    s3, sagemaker = aws.client("s3"), aws.client("sagemaker")

    sagemaker.create_model_package_group(ModelPackageGroupName=settings.model_package_group)

    def make(name: str, **environment: str) -> str:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            tar.addfile(tarfile.TarInfo("empty"))
        s3.put_object(Bucket="toys", Key=f"{name}.tar.gz", Body=archive.getvalue())
        container = {
            "Image": "registry/toy:1",
            "ModelDataUrl": f"s3://toys/{name}.tar.gz",
            "Environment": {"TOY_NAME": name, **environment},
        }
        types = {"SupportedContentTypes": ["application/json"], "SupportedResponseMIMETypes": ["application/json"]}
        cpu = {**container, "Environment": {"TOY_NAME": f"{name}-cpu", **environment}}
        response = sagemaker.create_model_package(
            ModelPackageGroupName=settings.model_package_group,
            InferenceSpecification={"Containers": [container], **types},
            AdditionalInferenceSpecifications=[{"Name": "cpu", "Containers": [cpu], **types}],
            ModelApprovalStatus="PendingManualApproval",
        )
        return str(response["ModelPackageArn"])

    return make


@pytest.fixture
def front(aws: Any) -> Iterator[Callable[[Settings], None]]:
    """Puts the function in front of the settings' endpoint alone, under their name, where a test is not about the whole stack."""
    functions, made = aws.client("lambda"), list[str]()

    def put(settings: Settings) -> None:
        variables = {"HOUSING_ENDPOINT_NAME": settings.endpoint_name, "HOUSING_CPU_ENDPOINT_NAME": "", "HOUSING_BUCKET": settings.bucket}
        functions.create_function(
            FunctionName=settings.function_name,
            Runtime=packaging.RUNTIME,
            Handler="lambdas.predict.handler.handler",
            Role="arn:aws:iam::123456789012:role/housing-predict",
            Timeout=60,
            Code={"ZipFile": packaging.package("predict")},
            Environment={"Variables": variables},
        )
        made.append(settings.function_name)

    yield put
    for name in made:
        functions.delete_function(FunctionName=name)
