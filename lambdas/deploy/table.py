"""The precomputed table of the model in service, from what the Forecast step of its own execution has answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lambdas.deploy.faults import is_passing
from lambdas.deploy.records import TableState
from pipelines import precomputed, results, snapshot
from pipelines.errors import ResultsError

if TYPE_CHECKING:
    from pipelines.settings import Settings


def publish(execution: str, settings: Settings) -> tuple[TableState, str]:
    """Publish the table; `waiting` while the execution still forecasts, `missing` with the reason when it never will have."""
    if not execution:
        return (
            "missing",
            "the package names no execution, so there are no forecasts of its own; publish some with `housing batch --publish`",
        )
    try:
        taken = snapshot.take(execution, settings)
        step = taken.step("Forecast")
        if (step is None or step.status != "Succeeded") and not taken.finished:
            return "waiting", ""
        months = results.months_per_period(execution, settings)
        precomputed.publish(results.predictions(execution, settings), settings, months)
    except ResultsError as error:
        return "missing", str(error)
    except ClientError as error:
        if is_passing(error):
            raise
        return "missing", f"{error}; put that right and run `housing batch --publish`"
    return "published", ""
