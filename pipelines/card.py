"""The model card: what the model is for, what it was made of, how good it was, and what to keep in mind. In SageMaker's own schema."""

from __future__ import annotations

import json
from typing import Any

from pipelines.aws import client, split_uri
from pipelines.errors import RegistryError
from pipelines.registry import ModelPackage
from pipelines.settings import Settings

CAVEATS = (
    "Prices are index or median values of whole regions, not of houses. A drawdown probability is stated, and scored, only for the "
    "regions that the data's drawdown definition names; elsewhere it is indicative. Forecasts assume that the past's kind of shocks "
    "goes on; none foresees a policy or a disaster. Skill and coverage differ by era; the evaluation has both by era and horizon."
)
USES = (
    "Intended: planning, monitoring and stress tests of regional markets by people who read quantiles. Not intended: credit decisions "
    "about persons, appraisal of single houses, automatic trading."
)


def card(package: ModelPackage, settings: Settings) -> dict[str, Any]:
    """The card of a package as the service's schema has it.

    Errors: RegistryError when the package has no evaluation to report.
    """
    evaluation = _evaluation(package, settings)
    gate = evaluation["gate"]
    scores = [
        _number("scaled quantile loss, share of the best baseline's", gate["loss_ratio"], "lower is better; 1 is the best baseline"),
        _number("share of prices inside the 80% interval", gate["coverage80"], "0.8 is exact"),
        _number("horizon", evaluation["horizon"], f"periods of frequency {evaluation['frequency']}"),
        _number("origins", len(evaluation["origins"]), "rolling, out of sample, with publication lags and a purge of the horizon"),
        _number("regions", evaluation["regions"], ""),
    ]
    code, content = (package.metadata.get(name, "unknown") for name in ("code_version", "content_key"))
    members = [_member(member) for member in evaluation["members"] if member["ratio"] and member["ratio"]["value"] is not None]
    return {
        "model_overview": {
            "model_name": f"{settings.model_package_group} {package.version}",
            "model_description": "Quantile path of house prices and probability of a price drawdown, by region",
            "model_version": package.version,
            "problem_type": "Probabilistic forecasting",
            "algorithm_type": "Ensemble weighted by its backtest",
            "model_artifact": [package.container.get("ModelDataUrl", "")],
            "inference_environment": {"container_image": [package.container["Image"]]},
        },
        "intended_uses": {
            "purpose_of_model": USES,
            "risk_rating": "Medium",
            "explanations_for_risk_rating": "It informs decisions about money.",
        },
        "training_details": {
            "training_observations": f"code {code}, content {content}",
            "training_job_details": {"training_datasets": [package.metadata.get("source_uri", "")]},
        },
        "evaluation_details": [
            {
                "name": "rolling-origin backtest",
                "evaluation_observation": gate["reason"],
                "datasets": [package.evaluation_uri],
                "metric_groups": [
                    {"name": "gate", "metric_data": scores},
                    {"name": "members", "metric_data": members},
                ],
            }
        ],
        "additional_information": {"caveats_and_recommendations": CAVEATS},
    }


def attach(package: ModelPackage, settings: Settings) -> dict[str, Any]:
    """Keep the card with the package in the registry, as `Approved` when the package is; returns it."""
    made = card(package, settings)
    status = "Approved" if package.status == "Approved" else "PendingReview"
    content = {"ModelCardContent": json.dumps(made), "ModelCardStatus": status}
    client("sagemaker", settings).update_model_package(ModelPackageArn=package.arn, ModelCard=content)
    return made


def to_markdown(made: dict[str, Any]) -> str:
    """The card as a page."""
    overview, evaluated = made["model_overview"], made["evaluation_details"][0]
    lines = [
        f"# {overview['model_name']}",
        "",
        overview["model_description"] + ".",
        "",
        f"- Artifact: `{overview['model_artifact'][0]}`",
        f"- Image: `{overview['inference_environment']['container_image'][0]}`",
        f"- Data: `{made['training_details']['training_job_details']['training_datasets'][0]}`",
        f"- Made of: {made['training_details']['training_observations']}",
        "",
        f"## How good ({evaluated['name']})",
        "",
        f"{evaluated['evaluation_observation']}",
    ]
    for group in evaluated["metric_groups"]:
        lines += ["", f"| {group['name']} | | |", "| --- | --- | --- |"]
        lines += [f"| {one['name']} | {one['value']:.4g} | {one['notes']} |" for one in group["metric_data"]]
    purpose, caveats = made["intended_uses"]["purpose_of_model"], made["additional_information"]["caveats_and_recommendations"]
    return "\n".join([*lines, "", "## Uses", "", purpose, "", "## Keep in mind", "", caveats, ""])


def _member(score: dict[str, Any]) -> dict[str, Any]:
    ratio = score["ratio"]
    known = ratio["low"] is not None and ratio["high"] is not None
    interval = f", {ratio['level']:.0%} interval {ratio['low']:.3g} to {ratio['high']:.3g}" if known else ""
    return _number(score["name"], ratio["value"], f"loss as a share of the baseline's{interval}")


def _number(name: str, value: float | None, notes: str) -> dict[str, Any]:
    return {"name": name, "type": "number", "value": value, "notes": notes}


def _evaluation(package: ModelPackage, settings: Settings) -> dict[str, Any]:
    if not package.evaluation_uri:
        raise RegistryError(f"version {package.version}: was registered without an evaluation; run `housing run` to make one that has it")
    bucket, key = split_uri(package.evaluation_uri)
    evaluation: dict[str, Any] = json.loads(client("s3", settings).get_object(Bucket=bucket, Key=key)["Body"].read())
    return evaluation
