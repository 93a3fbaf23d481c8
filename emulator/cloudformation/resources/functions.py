"""Lambda: functions, versions, aliases, permissions, event source mappings."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from emulator.cloudformation.kinds import Made, Properties, Resource, Work
from emulator.cloudformation.shift import shift

_SETTINGS = {
    "Role": "Role",
    "Handler": "Handler",
    "Runtime": "Runtime",
    "Description": "Description",
    "Timeout": "Timeout",
    "MemorySize": "MemorySize",
    "Environment": "Environment",
    "DeadLetterConfig": "DeadLetterConfig",
    "TracingConfig": "TracingConfig",
    "EphemeralStorage": "EphemeralStorage",
    "LoggingConfig": "LoggingConfig",
    "VpcConfig": "VpcConfig",
    "KmsKeyArn": "KMSKeyArn",
    "Layers": "Layers",
}
_UNSET: dict[str, Any] = {
    "Description": "",
    "Timeout": 3,
    "MemorySize": 128,
    "Environment": {"Variables": {}},
    "DeadLetterConfig": {},
    "TracingConfig": {"Mode": "PassThrough"},
    "EphemeralStorage": {"Size": 512},
}


class Function(Resource):
    """AWS::Lambda::Function."""

    type = "AWS::Lambda::Function"
    known = frozenset(
        {
            *_SETTINGS,
            "FunctionName",
            "Code",
            "Architectures",
            "PackageType",
            "ReservedConcurrentExecutions",
            "Tags",
            "RecursiveLoop",
        }
    )
    fixed = frozenset({"FunctionName", "PackageType"})
    required = frozenset({"Code", "Role"})
    remembered = True
    simulated = "tracing, VPC and encryption are recorded; RecursiveLoop is not"

    def create(self, work: Work, properties: Properties) -> Made:
        name = properties.get("FunctionName") or work.name(64)
        made = work.call(
            "lambda",
            "create_function",
            FunctionName=name,
            Code=_code(properties["Code"]),
            Architectures=properties.get("Architectures"),
            PackageType=properties.get("PackageType"),
            Tags={tag["Key"]: tag["Value"] for tag in work.tags(properties)},
            **_settings(properties),
        )
        self._reserve(work, name, properties)
        return Made(name, {"Arn": made["FunctionArn"]})

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        name = made.physical_id
        if old["Code"] != new["Code"] or old.get("Architectures") != new.get("Architectures"):
            work.call("lambda", "update_function_code", FunctionName=name, **_code(new["Code"]), Architectures=new.get("Architectures"))
        if _settings(old) != _settings(new):
            gone = {key: value for key, value in _UNSET.items() if key in old and key not in new}
            work.call("lambda", "update_function_configuration", FunctionName=name, **gone, **_settings(new))
        before, after = ({tag["Key"]: tag["Value"] for tag in work.tags(one)} for one in (old, new))
        if before != after:
            work.call("lambda", "tag_resource", Resource=made.attributes["Arn"], Tags=after)
            work.call("lambda", "untag_resource", Resource=made.attributes["Arn"], TagKeys=sorted(set(before) - set(after)))
        self._reserve(work, name, new)
        return made

    def _reserve(self, work: Work, name: str, properties: Properties) -> None:
        reserved = properties.get("ReservedConcurrentExecutions")
        if reserved is None:
            work.call("lambda", "delete_function_concurrency", FunctionName=name)
        else:
            work.call("lambda", "put_function_concurrency", FunctionName=name, ReservedConcurrentExecutions=reserved)

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("lambda", "delete_function", FunctionName=made.physical_id)


def _settings(properties: Properties) -> dict[str, Any]:
    return {api: properties[key] for key, api in _SETTINGS.items() if key in properties}


def _code(code: Properties) -> dict[str, Any]:
    """A template's ZipFile is source text, which the service packs as `index.py`."""
    if "ZipFile" not in code:
        return dict(code)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py"), code["ZipFile"])
    return {"ZipFile": content.getvalue()}


class Version(Resource):
    """AWS::Lambda::Version."""

    type = "AWS::Lambda::Version"
    known = frozenset({"FunctionName", "Description", "CodeSha256"})
    fixed = known
    required = frozenset({"FunctionName"})
    remembered = True

    def create(self, work: Work, properties: Properties) -> Made:
        version = work.call("lambda", "publish_version", **properties)
        arn = version["FunctionArn"]
        return Made(arn, {"Version": version["Version"], "FunctionArn": arn})

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("lambda", "delete_function", FunctionName=properties["FunctionName"], Qualifier=made.attributes["Version"])


class Alias(Resource):
    """AWS::Lambda::Alias."""

    type = "AWS::Lambda::Alias"
    known = frozenset({"FunctionName", "Name", "FunctionVersion", "Description", "RoutingConfig"})
    fixed = frozenset({"FunctionName", "Name"})
    required = frozenset({"FunctionName", "Name", "FunctionVersion"})
    remembered = True

    def create(self, work: Work, properties: Properties) -> Made:
        arn = work.call("lambda", "create_alias", **_routed(properties))["AliasArn"]
        return Made(arn, {"AliasArn": arn})

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        preference = work.update_policy.get("CodeDeployLambdaAliasUpdate")
        if preference is not None and old["FunctionVersion"] != new["FunctionVersion"]:
            shift(work, preference, old, new)
        work.call("lambda", "update_alias", **({"RoutingConfig": {}} | _routed(new)))
        return made

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("lambda", "delete_alias", FunctionName=properties["FunctionName"], Name=properties["Name"])


def _routed(properties: Properties) -> dict[str, Any]:
    given = dict(properties)
    if "RoutingConfig" in given:
        weights = given["RoutingConfig"].get("AdditionalVersionWeights", [])
        given["RoutingConfig"] = {"AdditionalVersionWeights": {one["FunctionVersion"]: one["FunctionWeight"] for one in weights}}
    return given


class Permission(Resource):
    """AWS::Lambda::Permission."""

    type = "AWS::Lambda::Permission"
    known = frozenset({"FunctionName", "Action", "Principal", "SourceArn", "SourceAccount", "PrincipalOrgID", "EventSourceToken"})
    fixed = known
    required = frozenset({"FunctionName", "Action", "Principal"})
    remembered = True
    simulated = "recorded, not enforced"

    def create(self, work: Work, properties: Properties) -> Made:
        statement = work.name(100)
        work.call("lambda", "add_permission", StatementId=statement, **properties)
        return Made(statement, {"Id": statement})

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("lambda", "remove_permission", FunctionName=properties["FunctionName"], StatementId=made.physical_id)


class EventSourceMapping(Resource):
    """AWS::Lambda::EventSourceMapping."""

    type = "AWS::Lambda::EventSourceMapping"
    known = frozenset(
        {
            "EventSourceArn",
            "FunctionName",
            "BatchSize",
            "MaximumBatchingWindowInSeconds",
            "Enabled",
            "FilterCriteria",
            "FunctionResponseTypes",
            "ScalingConfig",
            "Tags",
        }
    )
    fixed = frozenset({"EventSourceArn"})
    required = frozenset({"FunctionName", "EventSourceArn"})
    remembered = True
    simulated = "queues alone; tags are left out"

    def create(self, work: Work, properties: Properties) -> Made:
        made = work.call("lambda", "create_event_source_mapping", **self._given(properties))
        return Made(made["UUID"], {"Id": made["UUID"], "EventSourceMappingArn": made["EventSourceMappingArn"]})

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        changes = {key: value for key, value in self._given(new).items() if key != "EventSourceArn"}
        work.call("lambda", "update_event_source_mapping", UUID=made.physical_id, **changes)
        return made

    def _given(self, properties: Properties) -> dict[str, Any]:
        return {key: value for key, value in properties.items() if key != "Tags"}

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("lambda", "delete_event_source_mapping", UUID=made.physical_id)


class EventInvokeConfig(Resource):
    """AWS::Lambda::EventInvokeConfig."""

    type = "AWS::Lambda::EventInvokeConfig"
    known = frozenset({"FunctionName", "Qualifier", "MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"})
    fixed = frozenset({"FunctionName", "Qualifier"})
    required = fixed
    remembered = True

    def create(self, work: Work, properties: Properties) -> Made:
        work.call("lambda", "put_function_event_invoke_config", **properties)
        return Made(f"{properties['FunctionName']}|{properties['Qualifier']}")

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        place = {key: properties[key] for key in ("FunctionName", "Qualifier")}
        work.quietly("lambda", "delete_function_event_invoke_config", **place)
