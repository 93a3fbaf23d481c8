"""Expand a SAM template into CloudFormation, offline: `python scripts/expand_template.py app.yaml [NAME=VALUE ... | everything=true]`."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).parents[1] / "deploy" / "aws"
REGION = "us-east-1"

EVERYTHING = {
    "AlarmEmail": "operator@example.com",
    "ApiAuth": "jwt",
    "AsyncEndpointName": "housing-forecast-async",
    "CorsOrigins": "https://example.com",
    "DeploymentRoleArn": "arn:aws:iam::123456789012:role/cloudformation",
    "DirectApi": "true",
    "EksCluster": "housing",
    "ExperimentName": "housing",
    "GitHubRepository": "example/housing",
    "GradualDeployments": "true",
    "JwtAudience": "housing",
    "JwtIssuer": "https://issuer.example.com",
    "Network": "endpoints-and-nat",
    "PredictReservedConcurrency": "50",
    "Routes": "[]",
}
"""Parameters with which every option of app.yaml is on."""


def expand(path: Path, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The template as CloudFormation would see it after the transform.

    Managed policies of AWS are not looked up.
    Errors: InvalidDocumentException where SAM refuses the template.
    """
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    from samtranslator.public.translator import ManagedPolicyLoader
    from samtranslator.translator.transform import transform
    from samtranslator.yaml_helper import yaml_parse

    class NoManagedPolicies(ManagedPolicyLoader):
        """The stock loader asks IAM."""

        def __init__(self) -> None:
            pass

        def load(self) -> dict[str, str]:
            return {}

    template = yaml_parse(path.read_text())
    expanded: dict[str, Any] = transform(template, {"AWS::Region": REGION, **(parameters or {})}, NoManagedPolicies())
    return json.loads(json.dumps(expanded, default=str))  # no object stands in two places


def main() -> None:
    """Print the expanded template, or one line that says why it can't be."""
    path, *words = sys.argv[1:] or [""]
    wrong = [word for word in words if "=" not in word]
    if not Path(path).is_file() or wrong:
        sys.exit(f"expand: {wrong[0] if wrong else path or 'nothing'}: give a template, then NAME=VALUE ... or everything=true")
    chosen = EVERYTHING if "everything=true" in words else dict(word.split("=", 1) for word in words)
    from samtranslator.model.exceptions import InvalidDocumentException

    try:
        json.dump(expand(Path(path), chosen), sys.stdout, indent=1)
    except InvalidDocumentException as error:
        sys.exit(f"expand: {path}: " + "; ".join(cause.message for cause in error.causes))


if __name__ == "__main__":
    main()
