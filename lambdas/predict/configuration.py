"""What the environment says, read once when a worker starts; a wrong value ends the start with one line that names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lambdas.predict.table import Row, read_table


@dataclass(frozen=True)
class Configuration:
    """The table, and where each of its targets is; an empty name or address means that there is none.

    Attributes
    ----------
    endpoint, cpu_endpoint, async_endpoint : names of SageMaker endpoints.
    bucket : the bucket of the table of forecasts, and of asynchronous jobs.
    max_forecast_age_days : forecasts published longer ago are no answer.
    budget_seconds : within which a caller has an answer, whatever it is; API Gateway gives up after 29 s.
    """

    table: tuple[Row, ...]
    endpoint: str
    cpu_endpoint: str
    async_endpoint: str
    bucket: str
    eks_url: str
    max_forecast_age_days: float
    budget_seconds: float

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Configuration:
        """Errors: ValueError that names the variable and the remedy."""
        backend = environment.get("HOUSING_BACKEND") or "sagemaker"
        eks_url = environment.get("HOUSING_EKS_URL", "")
        if backend == "eks" and not eks_url:
            raise ValueError("HOUSING_EKS_URL: is empty; with HOUSING_BACKEND=eks it is the address of the forecast service")
        if eks_url and not eks_url.startswith(("http://", "https://")):
            raise ValueError(f"HOUSING_EKS_URL: {eks_url!r}: is no address; write https://HOST")
        return cls(
            table=read_table(environment.get("HOUSING_ROUTES", ""), backend),
            endpoint=environment.get("HOUSING_ENDPOINT_NAME", "housing-forecast"),
            cpu_endpoint=environment.get("HOUSING_CPU_ENDPOINT_NAME", ""),
            async_endpoint=environment.get("HOUSING_ASYNC_ENDPOINT_NAME", ""),
            bucket=environment.get("HOUSING_BUCKET", ""),
            eks_url=eks_url,
            max_forecast_age_days=_number(environment, "HOUSING_MAX_FORECAST_AGE_DAYS", 45.0, 3650.0),
            budget_seconds=_number(environment, "HOUSING_BUDGET_SECONDS", 27.5, 900.0),
        )


def _number(environment: Mapping[str, str], name: str, default: float, largest: float) -> float:
    text = environment.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = -1.0
    if not 0 < value <= largest:
        raise ValueError(f"{name}: {text!r}: write a number above 0, at most {largest:g}")
    return value
