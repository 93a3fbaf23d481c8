"""Endpoint configurations: what an endpoint is to run, checked against the models that exist."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from emulator.context import Context
from emulator.control.models import model
from emulator.control.tags import drop_tags, set_tags
from emulator.errors import ApiError, invalid
from emulator.listing import Listing
from emulator.operations import Answer, Request, operation
from emulator.store import RecordExistsError

KIND = "endpoint-config"
_LISTING = Listing("EndpointConfigs", {"Name": "EndpointConfigName", "CreationTime": "CreationTime"}, order="Descending")


def config_of(context: Context, name: str) -> dict[str, Any]:
    """The record of a configuration.

    Raises
    ------
    ApiError
        As the service answers for one that doesn't exist.
    """
    record = context.store.get(KIND, name)
    if record is None:
        raise invalid(f'Could not find endpoint configuration "{context.arn(f"endpoint-config/{name}")}".')
    return record


@operation("sagemaker", "CreateEndpointConfig")
def create_endpoint_config(request: Request, context: Context) -> Answer:
    """Record a configuration whose models exist."""
    name = request["EndpointConfigName"]
    arn = context.arn(f"endpoint-config/{name}")
    shadows = request.get("ShadowProductionVariants", [])
    _check_variants([*request["ProductionVariants"], *shadows], context)
    if shadows and (len(shadows) > 1 or len(request["ProductionVariants"]) > 1):
        raise invalid("Shadow testing needs exactly one production variant and one shadow variant.")
    record = {**request, "EndpointConfigArn": arn, "CreationTime": time.time()}
    try:
        context.store.add(KIND, name, record)
    except RecordExistsError:
        raise invalid(f'Cannot create already existing endpoint configuration "{arn}".') from None
    set_tags(context, arn, request.get("Tags", []))
    return {"EndpointConfigArn": arn}


def _check_variants(variants: list[dict[str, Any]], context: Context) -> None:
    names = Counter(variant["VariantName"] for variant in variants)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise invalid(f"Duplicate variant name {twice[0]!r}: each variant of an endpoint configuration needs a name of its own.")
    for variant in variants:
        if "ModelName" not in variant:
            raise ApiError(
                "NotImplemented", f"Variant {variant['VariantName']!r} has no ModelName: inference components are not implemented", 501
            )
        model(context, variant["ModelName"])
        if "ServerlessConfig" not in variant and not ("InstanceType" in variant and "InitialInstanceCount" in variant):
            raise invalid(f"Variant {variant['VariantName']!r} needs InstanceType and InitialInstanceCount, or ServerlessConfig.")
        if "ServerlessConfig" in variant and "InstanceType" in variant:
            raise invalid(f"Variant {variant['VariantName']!r} cannot have both InstanceType and ServerlessConfig.")


@operation("sagemaker", "DescribeEndpointConfig")
def describe_endpoint_config(request: Request, context: Context) -> Answer:
    """The configuration as given."""
    return config_of(context, request["EndpointConfigName"])


@operation("sagemaker", "DeleteEndpointConfig")
def delete_endpoint_config(request: Request, context: Context) -> Answer:
    """Forget a configuration; endpoints that run it go on."""
    record = config_of(context, request["EndpointConfigName"])
    context.store.delete(KIND, request["EndpointConfigName"])
    drop_tags(context, record["EndpointConfigArn"])
    return {}


@operation("sagemaker", "ListEndpointConfigs")
def list_endpoint_configs(request: Request, context: Context) -> Answer:
    """A page of configurations."""
    return _LISTING.answer(context.store.list(KIND), request)
