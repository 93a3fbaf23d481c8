"""CreateModel, DescribeModel, ListModels, DeleteModel, and what a model runs."""

import time
from typing import Any

from emulator.context import Context
from emulator.control.model_packages import model_package
from emulator.control.tags import drop_tags, set_tags
from emulator.errors import invalid
from emulator.listing import Listing
from emulator.operations import operation
from emulator.store import RecordExistsError

KIND = "model"
_LISTING = Listing("Models", {"Name": "ModelName", "CreationTime": "CreationTime"}, order="Descending")


@operation("sagemaker", "CreateModel")
def create_model(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Record a model: one container, or a chain of them."""
    name = request["ModelName"]
    if ("PrimaryContainer" in request) == bool(request.get("Containers")):
        raise invalid("Exactly one of PrimaryContainer and Containers must be given")
    for container in _listed(request):
        _check(container, context)
    arn = context.arn(f"model/{name}")
    record = {key: value for key, value in request.items() if key != "Tags"} | {
        "ModelArn": arn,
        "CreationTime": time.time(),
        "EnableNetworkIsolation": request.get("EnableNetworkIsolation", False),
    }
    try:
        context.store.add(KIND, name, record)
    except RecordExistsError:
        raise invalid(f'Cannot create already existing model "{arn}".') from None
    set_tags(context, arn, request.get("Tags", []))
    return {"ModelArn": arn}


def _listed(record: dict[str, Any]) -> list[dict[str, Any]]:
    return record.get("Containers") or [record["PrimaryContainer"]]


def _check(container: dict[str, Any], context: Context) -> None:
    if "ModelPackageName" in container:
        _packaged(container, context)
    elif "Image" not in container:
        raise invalid("A container needs an Image or a ModelPackageName")


def model(context: Context, name: str) -> dict[str, Any]:
    """The record of a model.

    Raises
    ------
    ApiError
        When there is none.
    """
    record = context.store.get(KIND, name)
    if record is None:
        raise invalid(f'Could not find model "{context.arn(f"model/{name}")}".')
    return record


def containers_of(context: Context, name: str) -> list[dict[str, Any]]:
    """What a model runs, in order: `Image`, `Environment` and, where it has data, `ModelDataUrl`; model packages are looked up.

    `ModelDataUrl` is an archive, or a prefix that ends with `/`.

    Raises
    ------
    ApiError
        When the model or its package doesn't exist.
    """
    found = []
    for container in _listed(model(context, name)):
        base = _packaged(container, context)
        environment = base.get("Environment", {}) | container.get("Environment", {})
        found.append({"Image": base["Image"], "Environment": environment, "ModelDataUrl": _data_url(base)})
    return found


def _packaged(container: dict[str, Any], context: Context) -> dict[str, Any]:
    if "ModelPackageName" not in container:
        return container
    package, wanted = model_package(context, container["ModelPackageName"]), container.get("InferenceSpecificationName")
    if wanted is None:
        return dict(package["InferenceSpecification"]["Containers"][0])
    for specification in package.get("AdditionalInferenceSpecifications", []):
        if specification["Name"] == wanted:
            return dict(specification["Containers"][0])
    raise invalid(f"Could not find inference specification {wanted!r} in model package {package['ModelPackageArn']}.")


def _data_url(container: dict[str, Any]) -> str | None:
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is None:
        return container.get("ModelDataUrl")
    return str(source["S3Uri"]) if source["CompressionType"] == "Gzip" else str(source["S3Uri"]).rstrip("/") + "/"


@operation("sagemaker", "DescribeModel")
def describe_model(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """All that is known of a model."""
    return model(context, request["ModelName"])


@operation("sagemaker", "ListModels")
def list_models(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Models by name and time."""
    return _LISTING.answer(context.store.list(KIND), request)


@operation("sagemaker", "DeleteModel")
def delete_model(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Forget a model; endpoints that run it are not touched."""
    record = model(context, request["ModelName"])
    context.store.delete(KIND, record["ModelName"])
    drop_tags(context, record["ModelArn"])
    return {}
