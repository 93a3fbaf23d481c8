"""How an endpoint comes to run a configuration: create, update without a gap, new weights, and again after a restart of the emulator."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

from emulator.context import Context
from emulator.endpoints.bluegreen import Policy, shift
from emulator.endpoints.capture import CaptureSettings
from emulator.endpoints.fleet import KIND, Fleet
from emulator.endpoints.routes import Routes
from emulator.endpoints.variant import LiveVariant, container_of
from emulator.operations import at_start

RETAINABLE = ("DesiredWeight", "DesiredInstanceCount", "DataCaptureConfig")


def described(context: Context, config: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of DescribeEndpoint that follow from a configuration; also what the endpoint is started from after a restart."""
    return {
        "ProductionVariants": [_summary(context, variant) for variant in config["ProductionVariants"]],
        "ShadowProductionVariants": [_summary(context, variant) for variant in config.get("ShadowProductionVariants", [])] or None,
        "DataCaptureConfig": _capture(config.get("DataCaptureConfig")),
        "AsyncInferenceConfig": config.get("AsyncInferenceConfig"),
        "ExplainerConfig": config.get("ExplainerConfig"),
        "Config": dict(config),
    }


def _summary(context: Context, variant: Mapping[str, Any]) -> dict[str, Any]:
    weight, count = variant.get("InitialVariantWeight", 1.0), variant.get("InitialInstanceCount")
    image = container_of(context, variant["ModelName"])["Image"]
    return {
        "VariantName": variant["VariantName"],
        "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": time.time()}],
        "CurrentWeight": weight,
        "DesiredWeight": weight,
        "CurrentInstanceCount": count,
        "DesiredInstanceCount": count,
        "CurrentServerlessConfig": variant.get("ServerlessConfig"),
        "ManagedInstanceScaling": variant.get("ManagedInstanceScaling"),
        "RoutingConfig": variant.get("RoutingConfig"),
    }


def _capture(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if config is None:
        return None
    enabled = config.get("EnableCapture", False)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }


def create(context: Context, endpoint: str) -> None:
    """Bring up the endpoint that was just recorded; it ends InService, or Failed with the reason."""
    context.part(Fleet).change(endpoint, lambda: _bring_up(context, endpoint), on_failure="Failed")


def _bring_up(context: Context, endpoint: str) -> dict[str, Any]:
    fleet, record = context.part(Fleet), context.store.get(KIND, endpoint) or {}
    fleet.set_routes(endpoint, _routes(fleet.launch(endpoint, _specs(record)), record))
    return {}


def _specs(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The variants of an endpoint's record, with the instance counts that it has come to."""
    summaries = [*fields["ProductionVariants"], *(fields.get("ShadowProductionVariants") or [])]
    counts = {summary["VariantName"]: summary["CurrentInstanceCount"] for summary in summaries}
    config = fields["Config"]
    variants = [*config["ProductionVariants"], *config.get("ShadowProductionVariants", [])]
    return [
        variant if (count := counts.get(variant["VariantName"])) is None else {**variant, "InitialInstanceCount": count}
        for variant in variants
    ]


def _routes(variants: Collection[LiveVariant], record: Mapping[str, Any]) -> Routes:
    """The routes to variants that run, by the weights and settings of an endpoint's record."""
    live = {variant.name: variant for variant in variants}
    pairs = [(live[item["VariantName"]], item["CurrentWeight"]) for item in record["ProductionVariants"]]
    shadows = [(live[item["VariantName"]], item["CurrentWeight"]) for item in record.get("ShadowProductionVariants") or []]
    capture = CaptureSettings.of(record["Config"].get("DataCaptureConfig"))
    return Routes(pairs, shadows[0] if shadows else None, capture, asynchronous=bool(record["Config"].get("AsyncInferenceConfig")))


def update(context: Context, endpoint: str, config: Mapping[str, Any], retained: Collection[str], policy: Policy) -> None:
    """Replace what runs by another configuration: the new processes first, then the traffic, then the end of the old ones.

    When a new process doesn't come up, or an alarm goes off, the old ones stay: InService with the old configuration and the reason.
    """
    context.part(Fleet).change(endpoint, lambda: _replace(context, endpoint, config, retained, policy), on_failure="InService")


def _replace(context: Context, endpoint: str, config: Mapping[str, Any], retained: Collection[str], policy: Policy) -> dict[str, Any]:
    fleet, record = context.part(Fleet), context.store.get(KIND, endpoint) or {}
    fields = described(context, config)
    _retain(fields, record, retained)
    blue = fleet.routes(endpoint)
    green = _routes(fleet.launch(endpoint, _specs(fields), policy.first_batch), fields)
    shift(context, endpoint, blue or Routes([]), green, policy)
    return {**fields, "EndpointConfigName": config["EndpointConfigName"]}


def pending(context: Context, config: Mapping[str, Any]) -> dict[str, Any]:
    """What DescribeEndpoint says of an update while it goes on."""
    return {
        "EndpointConfigName": config["EndpointConfigName"],
        "ProductionVariants": [
            {**_summary(context, variant), "InstanceType": variant.get("InstanceType")} for variant in config["ProductionVariants"]
        ],
        "StartTime": time.time(),
    }


def _retain(fields: dict[str, Any], record: Mapping[str, Any], retained: Collection[str]) -> None:
    """Carry weights, instance counts and data capture of the running endpoint over to the new configuration, by variant name."""
    before = {summary["VariantName"]: summary for summary in record["ProductionVariants"]}
    for summary in fields["ProductionVariants"]:
        old = before.get(summary["VariantName"], {})
        for name in ("Weight", "InstanceCount"):
            if f"Desired{name}" in retained and old.get(f"Current{name}") is not None:
                summary[f"Current{name}"] = summary[f"Desired{name}"] = old[f"Current{name}"]
    if "DataCaptureConfig" in retained:
        fields["DataCaptureConfig"] = record.get("DataCaptureConfig")
        fields["Config"]["DataCaptureConfig"] = record["Config"].get("DataCaptureConfig")


def delete(context: Context, endpoint: str) -> None:
    """Stop the endpoint that was just marked as Deleting; its record goes when its processes are gone."""
    context.part(Fleet).remove(endpoint)


def reweigh(context: Context, endpoint: str, desired: Mapping[str, Mapping[str, Any]]) -> None:
    """Give variants new weights and instance counts."""
    context.part(Fleet).change(endpoint, lambda: _reweigh(context, endpoint, desired), on_failure="InService")


def _reweigh(context: Context, endpoint: str, desired: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    fleet, record = context.part(Fleet), context.store.get(KIND, endpoint) or {}
    live = {variant.name: variant for variant in fleet.running(endpoint)}
    for summary in record["ProductionVariants"]:
        wanted = desired.get(summary["VariantName"], {})
        if "DesiredInstanceCount" in wanted:
            live[summary["VariantName"]].scale(wanted["DesiredInstanceCount"])
        for name in ("Weight", "InstanceCount"):
            if f"Desired{name}" in wanted:
                summary[f"Current{name}"] = summary[f"Desired{name}"] = wanted[f"Desired{name}"]
        context.store.update(
            KIND, endpoint, {"ProductionVariants": record["ProductionVariants"]}
        )  # what is reached stays if the next fails
    fleet.set_routes(endpoint, _routes(live.values(), record))
    return {}


@at_start
def restore(context: Context) -> None:
    """Start again every endpoint that ran when the emulator ended; until it is ready its status is SystemUpdating."""
    for record in context.store.list(KIND):
        if record["EndpointStatus"] == "Deleting":
            context.store.delete(KIND, record["EndpointName"])
        elif record["EndpointStatus"] != "Failed":
            context.store.update(KIND, record["EndpointName"], {"EndpointStatus": "SystemUpdating"})
            create(context, record["EndpointName"])
