"""The steps from an order to a model in service: each takes the record of an endpoint, and returns it as far as it can go now.

An error that passes is raised, so that the invocation is repeated; one that another attempt would meet again ends the order with its text.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from lambdas.deploy.faults import is_passing
from lambdas.deploy.table import publish
from pipelines import endpoint_state as state
from pipelines import registry
from pipelines.aws import client
from pipelines.endpoint import order_of
from pipelines.endpoint_update import Action, Begun, Order, begin, finish
from pipelines.errors import PipelinesError
from pipelines.serving import Tier, require_accepted

if TYPE_CHECKING:
    from lambdas.deploy.desk import Desk
    from lambdas.deploy.records import Record


def switched(tier: Tier | None, record: Record, desk: Desk) -> Record:
    """What waited has begun, if the endpoint is free."""
    if record.state != "waiting":
        return record
    if tier is None:
        return replace(record, state="in service")
    package = registry.describe(record.package, desk.settings)
    try:
        require_accepted(tier, desk.settings)
        order = order_of(package, tier, desk.settings)
        before = _in_service(tier, desk)
        begun = begin(order, desk.settings)
    except (PipelinesError, ClientError) as error:
        return replace(record, state="failed", reason=_lasting(error, tier, desk))
    if begun.action == "busy":
        return record
    began = replace(record, state="begun", config=order.config_name, before=before)
    return replace(began, action=begun.action, started=begun.started.isoformat())


def finished(tier: Tier | None, record: Record, desk: Desk) -> Record:
    """What has begun has ended, if the endpoint has settled."""
    if record.state != "begun" or tier is None:
        return record
    there = state.describe(client("sagemaker", desk.settings), tier.endpoint_name)
    if there is not None and there["EndpointStatus"] not in state.SETTLED:
        return record
    if there is not None and there["EndpointStatus"] == "InService" and there["EndpointConfigName"] not in {record.config, record.before}:
        return replace(record, state="replaced", reason=f"another update put {there['EndpointConfigName']} in service")
    order = Order(tier, [], {"EndpointConfigName": record.config})
    begun = Begun(cast("Action", record.action), datetime.fromisoformat(record.started))
    try:
        finish(order, begun, desk.settings)
    except PipelinesError as error:
        return replace(record, state="failed", reason=str(error))
    except ClientError as error:
        if is_passing(error):
            raise
        return replace(record, state="failed", reason=_unfinished(there, record, error))
    return replace(record, state="in service")


def tabled(tier: Tier | None, record: Record, desk: Desk) -> Record:
    """The table of the model that answers at the first endpoint is published, or said to be missing."""
    if record.state != "in service" or record.table in {"published", "missing"} or tier not in {desk.places[0][1], None}:
        return record
    table, reason = publish(record.execution, desk.settings)
    return replace(record, table=table, reason=reason)


def _in_service(tier: Tier, desk: Desk) -> str:
    """The configuration that answers now, empty when there is none."""
    there = state.describe(client("sagemaker", desk.settings), tier.endpoint_name)
    return str(there["EndpointConfigName"]) if there and there["EndpointStatus"] != "Creating" else ""


def _lasting(error: PipelinesError | ClientError, tier: Tier, desk: Desk) -> str:
    """The text of an error that another attempt would meet again, after removing what was made; any other is raised again."""
    if isinstance(error, ClientError) and is_passing(error):
        raise error
    sagemaker = client("sagemaker", desk.settings)
    there = state.describe(sagemaker, tier.endpoint_name)
    state.delete_orphans(sagemaker, tier.endpoint_name, keep=there["EndpointConfigName"] if there else "")
    return str(error)


def _unfinished(there: dict[str, Any] | None, record: Record, error: ClientError) -> str:
    """Why the work after an update could not be done, and whether the new model answers all the same."""
    answers = there is not None and there["EndpointStatus"] == "InService" and there["EndpointConfigName"] == record.config
    how = "the model answers, but its scaling was not attached or the old one not removed" if answers else "not all was removed"
    return f"{how}: {error}; put that right and run `housing deploy --version {record.version}`"
