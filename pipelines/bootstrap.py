"""Puts the infrastructure in place: the functions' code, and the stacks of deploy/aws, planned first and repeatable without harm."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from botocore.exceptions import ClientError

from pipelines import artifacts, handover, packaging, prices, stacks, templates
from pipelines.aws import client, is_absent
from pipelines.errors import BootstrapError
from pipelines.plan import Plan
from pipelines.settings import Settings
from pipelines.stacks import ChangeSet
from pipelines.templates import Template

Progress = Callable[[str, int, int, str], None]
"""Told the stack, how many of its resources are done, how many there are, and the newest event."""
_ANSWERING = ("realtime", "serverless")


@dataclass(frozen=True)
class Prepared:
    """What a bootstrap would do: a change set for each stack that would change, and those that are as they should be."""

    change_sets: tuple[ChangeSet, ...]
    unchanged: tuple[str, ...]
    settings: Settings

    @property
    def usd_per_month(self) -> float:
        """What the changed stacks' resources cost a month while nobody uses them."""
        return sum(usd for one in self.change_sets for _, usd in _standing(one, self.settings))


@dataclass(frozen=True)
class Bootstrapped:
    """The stacks that were made or changed, those that were as they should be, and the outputs of all."""

    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    outputs: dict[str, str]


def prepare(settings: Settings, wanted: Sequence[str] = ("app",), chosen: Mapping[str, str] | None = None) -> Prepared:
    """Build and upload the code, and work out what each template changes.

    Parameters
    ----------
    settings
        The caller's; of the account that the credentials are of.
    wanted
        Templates: app, sagemaker, cost.
    chosen
        Parameters of the templates, over what the settings say.

    Errors: BootstrapError for a template or parameter that isn't there or is refused.
    """
    loaded = [templates.load(name) for name in _known(wanted)]
    _check(chosen or {}, loaded)
    artifacts.ensure_bucket(settings)
    with TemporaryDirectory() as folder:
        keys = artifacts.upload_code(packaging.build(Path(folder)), settings) if "app" in wanted else {}
    known = {**from_settings(settings), **{f"{name.title()}Key": key for name, key in keys.items()}}
    change_sets, unchanged = [], []
    try:
        for template in loaded:
            template = templates.with_names(template, _names(settings))  # noqa: PLW2901 - the same, made ready
            given = template.parameters({**known, **_only_at_first(template, settings), **(chosen or {})})
            artifacts.upload(template.text.encode(), template.key, settings)
            found = stacks.prepare(template, artifacts.url(template.key, settings), given, settings)
            if found is None:
                unchanged.append(template.stack_name)
            else:
                change_sets.append(found)
    except BaseException:
        discard(Prepared(tuple(change_sets), (), settings))
        raise
    return Prepared(tuple(change_sets), tuple(unchanged), settings)


def bootstrap(settings: Settings, wanted: Sequence[str] = ("app",), chosen: Mapping[str, str] | None = None) -> Bootstrapped:
    """Put the infrastructure in place without a question; repeating it changes nothing.

    Errors: BootstrapError as `prepare`, and with the first resource that failed.
    """
    return carry_out(prepare(settings, wanted, chosen))


def carry_out(prepared: Prepared, progress: Progress = lambda *_: None) -> Bootstrapped:
    """Do what was prepared.

    Errors: BootstrapError with the first resource that failed; stacks after it are left as they were.
    """
    settings, changed = prepared.settings, []
    for one in prepared.change_sets:
        try:
            stacks.execute(one, settings, lambda done, total, what, name=one.stack_name: progress(name, done, total, what))  # type: ignore[misc]
        except BootstrapError:
            left = [other for other in prepared.change_sets if other is not one and other.stack_name not in changed]
            discard(Prepared(tuple(left), (), settings))
            raise
        changed.append(one.stack_name)
    outputs: dict[str, str] = {}
    for name in (*changed, *prepared.unchanged):
        outputs |= stacks.outputs(name, settings)
    return Bootstrapped(tuple(changed), prepared.unchanged, outputs)


def discard(prepared: Prepared) -> None:
    """Leave everything as it is; the code stays in the artifact bucket."""
    for one in prepared.change_sets:
        stacks.discard(one, prepared.settings)


def plan(prepared: Prepared) -> Plan:
    """What would be done and what it costs, for a person to agree to."""
    steps = [f"stack {name}: is as it should be" for name in prepared.unchanged]
    costs = []
    for one in prepared.change_sets:
        verb = "makes" if one.creates else "changes"
        steps.append(f"stack {one.stack_name}: {verb} {len(one.changes)} resources")
        steps += [f"  {line}" for line in _lines(one)]
        costs += [f"{what} ${usd:.2f}" for what, usd in _standing(one, prepared.settings)]
    listed = f" ({', '.join(costs)})" if costs else ""
    price = f"${prepared.usd_per_month:.2f} a month while nobody uses it{listed}; requests, logs and storage by use: `housing cost`"
    undo = "`housing teardown --everything` removes the stacks and what they hold: data, images, key, secret"
    return Plan("bootstrap", tuple(steps), price if prepared.change_sets else "nothing changes", undo)


def from_settings(settings: Settings) -> dict[str, str]:
    """The parameters that the settings decide: names, and all of them as JSON for the functions that read them."""
    serving, name = settings.serving, settings.endpoint_name
    return {
        "Settings": handover.to_json(settings),
        "ArtifactBucket": settings.artifact_bucket,
        "BucketName": settings.bucket,
        "EndpointName": name,
        "CpuEndpointName": settings.cpu_endpoint_name if serving == "realtime" and settings.cpu_tier else "",
        "AsyncEndpointName": name if serving == "async" else "",
        "Serving": serving,
        "PipelineName": settings.pipeline_name,
        "ModelPackageGroup": settings.model_package_group,
        "ExperimentName": settings.experiment_name or "",
        "Profile": settings.profile,
    }


def _names(settings: Settings) -> dict[str, dict[str, str]]:
    """The names of resources that may be there before their stack: CloudFormation adopts only what is named without a function."""
    return {
        "DataBucket": {"BucketName": settings.bucket},
        "LogBucket": {"BucketName": f"{settings.bucket}-logs"},
        "EndpointLogs": {"LogGroupName": f"/aws/sagemaker/Endpoints/{settings.endpoint_name}"},
        "CpuEndpointLogs": {"LogGroupName": f"/aws/sagemaker/Endpoints/{settings.cpu_endpoint_name}"},
    }


def _known(wanted: Sequence[str]) -> list[str]:
    unknown = [name for name in wanted if name not in templates.STACKS]
    if unknown or not wanted:
        raise BootstrapError(f"{', '.join(unknown) or 'no template'}: choose of {', '.join(templates.STACKS)}")
    return [name for name in templates.STACKS if name in wanted]


def _check(chosen: Mapping[str, str], loaded: Sequence[Template]) -> None:
    names = {name for template in loaded for name in template.document.get("Parameters", {})}
    unknown = sorted(set(chosen) - names)
    if unknown:
        raise BootstrapError(f"--parameter {unknown[0]}: no template has it; they have {', '.join(sorted(names))}")


def _only_at_first(template: Template, settings: Settings) -> dict[str, str]:
    """A model package group that a run made before is not the stack's: CloudFormation can't adopt one."""
    if "MakeModelPackageGroup" not in template.document.get("Parameters", {}) or stacks.exists(template.stack_name, settings):
        return {}
    try:
        client("sagemaker", settings).describe_model_package_group(ModelPackageGroupName=settings.model_package_group)
    except ClientError as error:
        if is_absent(error):
            return {}
        raise
    return {"MakeModelPackageGroup": "false"}


def _lines(change_set: ChangeSet) -> list[str]:
    """A new stack by kinds of resources; what is changed, replaced, adopted or removed one by one."""
    if change_set.creates:
        kinds = Counter(change.type.removeprefix("AWS::") for change in change_set.changes if change.action == "Add")
        others = [change.text for change in change_set.changes if change.action != "Add"]
        return [*(f"{count} x {kind}" for kind, count in sorted(kinds.items())), *others]
    return [change.text for change in change_set.changes]


def _standing(change_set: ChangeSet, settings: Settings) -> list[tuple[str, float]]:
    """What the stack's resources cost a month by being there."""
    table = prices.load(settings.prices_file)
    costs, count = table.requests, Counter(change_set.types)
    each: dict[str, tuple[str, float]] = {
        "AWS::KMS::Key": ("keys", costs.kms_key_usd_per_month),
        "AWS::SecretsManager::Secret": ("secrets", costs.secret_usd_per_month),
        "AWS::CloudWatch::Alarm": ("alarms", costs.cloudwatch_alarm_usd_per_month),
        "AWS::CloudWatch::Dashboard": ("dashboards", costs.dashboard_usd_per_month),
        "AWS::EC2::NatGateway": ("NAT gateways", costs.nat_gateway_usd_per_hour * table.hours_per_month),
        "AWS::EC2::VPCEndpoint": ("VPC endpoints, each in one zone", costs.vpc_endpoint_usd_per_hour * table.hours_per_month),
    }
    return [(f"{count[kind]} {what}", count[kind] * usd) for kind, (what, usd) in each.items() if count[kind]]


def as_json(done: Bootstrapped) -> str:
    """For programs."""
    facts: dict[str, Any] = {"changed": done.changed, "unchanged": done.unchanged, "outputs": done.outputs}
    return json.dumps(facts)
