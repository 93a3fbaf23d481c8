"""A second model beside the one in service: as a shadow that answers nobody, or with a share of the traffic."""

from __future__ import annotations

import math
from typing import Any, Literal

from pipelines import endpoint, registry
from pipelines import endpoint_state as state
from pipelines.aws import client
from pipelines.endpoint import Waiting
from pipelines.endpoint_config import VARIANT, around, model_request, named, variant
from pipelines.endpoint_update import Order
from pipelines.errors import DeploymentError
from pipelines.registry import ModelPackage
from pipelines.serving import Tier, tiers
from pipelines.settings import Settings

SHADOW = "shadow"
CANDIDATE = "candidate"


def shadow(package: ModelPackage, settings: Settings, waiting: Waiting | None = None) -> Literal["created", "updated", "unchanged"]:
    """Send a copy of every request to `package` as well; callers get the answers of the model in service.

    Requests and both answers are captured, so that `comparison.compare` can hold them against each other.
    Errors: DeploymentError when nothing is in service, or the endpoint is not a real-time one.
    """
    tier, main = _in_service(settings)
    settings = settings.model_copy(update={"data_capture_percent": 100})
    model = model_request(package, tier, settings)
    request = {
        "ProductionVariants": [variant(VARIANT, main["ModelName"], tier, settings)],
        "ShadowProductionVariants": [variant(SHADOW, model["ModelName"], tier, settings)],
        **around(tier, settings),
    }
    return endpoint.put(Order(tier, [model], named(tier.endpoint_name, request, settings)), settings, waiting)


def promote(settings: Settings, waiting: Waiting | None = None) -> endpoint.Deployment:
    """Put the shadow, or the candidate of a split, in service alone, with the same safeguards as any update.

    Errors: DeploymentError when there is neither.
    """
    tier, _ = _in_service(settings)
    return endpoint.deploy_tier(candidate(settings), tier, settings, waiting)


def split(package: ModelPackage, share: float, settings: Settings, waiting: Waiting | None = None) -> dict[str, float]:
    """Answer `share` (0 to 1) of the requests with `package`; returns the shares by variant.

    The first call brings up the candidate's instances, in proportion to its share; later ones for the same package only move weights.
    Errors: DeploymentError when nothing is in service, or `share` is not between 0 and 1.
    """
    if not 0 <= share <= 1:
        raise DeploymentError(f"share {share:g}: is not between 0 and 1; 0.1 sends a tenth of the requests to the candidate")
    tier, main = _in_service(settings)
    model = model_request(package, tier, settings)
    sagemaker = client("sagemaker", settings)
    there = sagemaker.describe_endpoint(EndpointName=tier.endpoint_name)
    running = sagemaker.describe_endpoint_config(EndpointConfigName=there["EndpointConfigName"])
    if CANDIDATE in _variants(running, "ProductionVariants", model["ModelName"]):
        _reweigh(sagemaker, tier.endpoint_name, share)
        state.settled(sagemaker, tier.endpoint_name, waiting)
    else:
        _add_candidate(tier, main, model, share, settings, waiting)
    return {VARIANT: 1 - share, CANDIDATE: share}


def candidate(settings: Settings) -> ModelPackage:
    """The package of the shadow, or of the candidate of a split; DeploymentError when there is neither."""
    sagemaker, name = client("sagemaker", settings), settings.endpoint_name
    there = state.describe(sagemaker, name)
    config = sagemaker.describe_endpoint_config(EndpointConfigName=there["EndpointConfigName"]) if there else {}
    second = [*config.get("ShadowProductionVariants", []), *config.get("ProductionVariants", [])[1:]]
    if not second:
        raise DeploymentError(f"endpoint {name}: has neither shadow nor candidate; start one with `housing endpoint shadow` or `split`")
    return registry.describe(state.package_of(sagemaker, second[0]["ModelName"]), settings)


def _in_service(settings: Settings) -> tuple[Tier, dict[str, Any]]:
    """The main tier and its variant as it runs."""
    sagemaker, name = client("sagemaker", settings), settings.endpoint_name
    tier = next((tier for tier in tiers(settings) if tier.endpoint_name == name), None)
    there = state.settled(sagemaker, name)
    if tier is None or there is None or there["EndpointStatus"] != "InService":
        raise DeploymentError(f"endpoint {name}: is not in service; run `housing deploy` first")
    config = sagemaker.describe_endpoint_config(EndpointConfigName=there["EndpointConfigName"])
    if state.kind(config) != "realtime":
        raise DeploymentError(f"endpoint {name}: is {state.kind(config)}; a second model beside it needs HOUSING_SERVING=realtime")
    main: dict[str, Any] = config["ProductionVariants"][0]
    return tier, main


def _variants(config: dict[str, Any], kind: str, model_name: str) -> set[str]:
    return {one["VariantName"] for one in config.get(kind, []) if one["ModelName"] == model_name}


def _add_candidate(  # noqa: PLR0917
    tier: Tier, main: dict[str, Any], model: dict[str, Any], share: float, settings: Settings, waiting: Waiting | None
) -> None:
    second = variant(CANDIDATE, model["ModelName"], tier, settings, share)
    second["InitialInstanceCount"] = max(1, math.ceil(share * tier.instances))
    request = {
        "ProductionVariants": [variant(VARIANT, main["ModelName"], tier, settings, 1 - share), second],
        **around(tier, settings),
    }
    config = named(tier.endpoint_name, request, settings)
    at_once = settings.model_copy(update={"rollout": "all_at_once"})  # steps are for fleets of the same variants
    endpoint.put(Order(tier, [model], config, renewed=("DataCaptureConfig", "DesiredWeight")), at_once, waiting)


def _reweigh(sagemaker: Any, endpoint_name: str, share: float) -> None:
    weights = [{"VariantName": VARIANT, "DesiredWeight": 1 - share}, {"VariantName": CANDIDATE, "DesiredWeight": share}]
    sagemaker.update_endpoint_weights_and_capacities(EndpointName=endpoint_name, DesiredWeightsAndCapacities=weights)
