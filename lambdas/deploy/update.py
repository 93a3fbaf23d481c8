"""From an approval to a model in service, one event at a time: each moves the record of an endpoint as far as it can go now.

Nothing depends on the order of the events or on how often one comes: what the endpoint and the package are is asked for each time,
and a state that was reached is not left by hearing of it again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from lambdas.deploy.records import ENDED, Record, Records
from lambdas.deploy.table import publish
from pipelines import endpoint_state as state
from pipelines import registry
from pipelines.aws import client, error_code
from pipelines.endpoint import order_of
from pipelines.endpoint_update import Action, Begun, Order, begin, finish
from pipelines.errors import PipelinesError
from pipelines.serving import Tier, require_accepted, tiers

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambdas.deploy.events import Change, Decision, End
    from pipelines.settings import Settings

_PASSING = ("Throttl", "TooManyRequests", "ServiceUnavailable", "InternalFailure", "InternalServer", "RequestTimeout", "SlowDown")


@dataclass(frozen=True)
class Desk:
    """What the steps need: the settings, the records, and whom to tell an outcome."""

    settings: Settings
    records: Records
    announce: Callable[[str, Record], None]

    @property
    def places(self) -> tuple[tuple[str, Tier | None], ...]:
        """Name and tier of every endpoint of the settings; without one the table alone, under the name that the endpoint would have."""
        wanted = tiers(self.settings)
        return tuple((tier.endpoint_name, tier) for tier in wanted) or ((self.settings.endpoint_name, None),)


def decided(news: Decision, desk: Desk) -> dict[str, str]:
    """Give every endpoint the order to serve the approved package; returns the state of each.

    Only the newest approved package goes into service, whatever the order in which approvals arrive.
    """
    group = f":model-package/{desk.settings.model_package_group}/".lower()  # ARNs are in lower case, whatever the name is
    if news.status != "Approved" or group not in news.package.lower():
        return {}
    newest = next(registry.arns(desk.settings, "Approved"), None)
    if newest != news.package:
        return {}
    package = registry.describe(news.package, desk.settings)
    return {name: _ordered(name, tier, package, news.event_id, desk).state for name, tier in desk.places}


def changed(news: Change, desk: Desk) -> dict[str, str]:
    """An endpoint settled, perhaps: finish what was begun there, or begin what waited for it."""
    for name, tier in desk.places:
        record = desk.records.read(name) if name == news.endpoint else None
        if record is not None:
            return {name: _advance(name, tier, record, desk).state}
    return {}


def ended(news: End, desk: Desk) -> dict[str, str]:
    """The execution behind the model in service ended: publish the table that could not be published before."""
    name, tier = desk.places[0]
    record = desk.records.read(name)
    if record is None or record.execution != news.execution or record.table != "waiting":
        return {}
    return {name: _advance(name, tier, record, desk).table}


def _ordered(name: str, tier: Tier | None, package: registry.ModelPackage, event_id: str, desk: Desk) -> Record:
    record = desk.records.read(name)
    if record is None or record.event != event_id:
        config = order_of(package, tier, desk.settings).config_name if tier else ""
        fresh = Record(event_id, package.arn, package.version, package.execution, config)
        record = desk.records.write(name, fresh)
    return _advance(name, tier, record, desk)


def _advance(name: str, tier: Tier | None, record: Record, desk: Desk) -> Record:
    """The record after all that can be done now, kept step by step."""
    for step in (_begin, _finish, _table):
        after = step(tier, record, desk)
        if after != record:
            record = desk.records.write(name, after)
    if record.state in ENDED and not record.announced:
        desk.announce(name, record)
        record = desk.records.write(name, replace(record, announced=True))
    return record


def _begin(tier: Tier | None, record: Record, desk: Desk) -> Record:
    if record.state != "waiting":
        return record
    newest = next(registry.arns(desk.settings, "Approved"), None)
    if newest is None:
        return replace(record, state="failed", reason=f"version {record.version}: is no longer approved, and no other is")
    package = registry.describe(newest, desk.settings)  # another than at first, where a person decided anew while this waited
    record = replace(record, package=newest, version=package.version, execution=package.execution)
    if tier is None:
        return replace(record, state="in service")
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


def _in_service(tier: Tier, desk: Desk) -> str:
    """The configuration that answers now, empty when there is none."""
    there = state.describe(client("sagemaker", desk.settings), tier.endpoint_name)
    return str(there["EndpointConfigName"]) if there and there["EndpointStatus"] != "Creating" else ""


def _finish(tier: Tier | None, record: Record, desk: Desk) -> Record:
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
    return replace(record, state="in service")


def _table(tier: Tier | None, record: Record, desk: Desk) -> Record:
    """The table belongs to the model that answers at the first endpoint."""
    if record.state != "in service" or record.table in {"published", "missing"} or tier not in {desk.places[0][1], None}:
        return record
    table, reason = publish(record.execution, desk.settings)
    return replace(record, table=table, reason=reason)


def _lasting(error: PipelinesError | ClientError, tier: Tier, desk: Desk) -> str:
    """The text of an error that another attempt would meet again, after removing what was made; any other is raised again."""
    if isinstance(error, ClientError) and error_code(error).startswith(_PASSING):
        raise error
    sagemaker = client("sagemaker", desk.settings)
    there = state.describe(sagemaker, tier.endpoint_name)
    state.delete_orphans(sagemaker, tier.endpoint_name, keep=there["EndpointConfigName"] if there else "")
    return str(error)
