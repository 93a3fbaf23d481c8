"""From an approval to a model in service, one event at a time: each moves the record of an endpoint as far as it can go now.

Nothing depends on the order of the events or on how often one comes: what the endpoint and the package are is asked for each time,
and a state that was reached is not left by hearing of it again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lambdas.deploy import steps
from lambdas.deploy.records import ENDED, Record
from pipelines import registry

if TYPE_CHECKING:
    from lambdas.deploy.desk import Desk
    from lambdas.deploy.events import Change, Decision, End
    from pipelines.registry import ModelPackage
    from pipelines.serving import Tier


def decided(news: Decision, desk: Desk) -> dict[str, str]:
    """Give every endpoint the order to serve the approved package; returns the state of each.

    Only the newest approved package goes into service, whatever the order in which approvals arrive.
    """
    group = f":model-package/{desk.settings.model_package_group}/".lower()  # ARNs are in lower case, whatever the name is
    if group not in news.package.lower() or (news.status != "Approved" and not _taken_back(news, desk)):
        return {}
    newest = next(registry.arns(desk.settings, "Approved"), None)
    if newest != news.package:
        return {}
    package = registry.describe(news.package, desk.settings)
    return {name: _ordered(name, tier, package, news.time, desk).state for name, tier in desk.places}


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


def looked(desk: Desk) -> dict[str, str]:
    """Go on with whatever is open, in case the event that should have done it was lost or came too early."""
    found = [(name, tier, desk.records.read(name)) for name, tier in desk.places]
    return {name: _advance(name, tier, record, desk).state for name, tier, record in found if record is not None and record.is_open}


def _taken_back(news: Decision, desk: Desk) -> bool:
    """Note where an order lost its approval since it was given: the next approval of the same package is an order again."""
    noted = False
    for name, _ in desk.places:
        record = desk.records.read(name)
        if record is not None and record.package == news.package and record.ordered < news.time:
            desk.records.write(name, replace(record, taken_back=True))
            noted = True
    return noted


def _ordered(name: str, tier: Tier | None, package: ModelPackage, time: str, desk: Desk) -> Record:
    """One approval may be told by several events, and whatever is changed of an approved package tells it again: not an order again."""
    record = desk.records.read(name)
    if record is None or record.package != package.arn or (record.taken_back and record.state in ENDED):
        record = _renewed(name, record, package, time, desk)
    elif record.taken_back:
        record = desk.records.write(name, replace(record, ordered=time, taken_back=False))
    return _advance(name, tier, record, desk)


def _renewed(name: str, record: Record | None, package: ModelPackage, time: str, desk: Desk) -> Record:
    """A new order in the place of the one before, whose outcome is told first if it was not yet."""
    if record is not None:
        if record.state not in ENDED:
            reason = f"version {package.version} was ordered before it had settled"
            record = desk.records.write(name, replace(record, state="replaced", reason=reason))
        _told(name, record, desk)
    return desk.records.write(name, Record(package.arn, package.version, package.execution, ordered=time))


def _advance(name: str, tier: Tier | None, record: Record, desk: Desk) -> Record:
    """The record after all that can be done now, kept step by step."""
    if record.state == "waiting":
        record = _newest(name, record, desk)
    for step in (steps.switched, steps.finished, steps.tabled):
        after = step(tier, record, desk)
        if after != record:
            record = desk.records.write(name, after)
    return _told(name, record, desk)


def _newest(name: str, record: Record, desk: Desk) -> Record:
    """The order for the package to serve now, another than at first where a person decided anew while it waited."""
    newest = next(registry.arns(desk.settings, "Approved"), None)
    if newest == record.package:
        return record
    if newest is None:
        reason = f"version {record.version}: is no longer approved, and no other is"
        return desk.records.write(name, replace(record, state="failed", reason=reason))
    return _renewed(name, record, registry.describe(newest, desk.settings), record.ordered, desk)


def _told(name: str, record: Record, desk: Desk) -> Record:
    """Tell an outcome once."""
    if record.state not in ENDED or record.announced:
        return record
    desk.announce(name, record)
    return desk.records.write(name, replace(record, announced=True))
