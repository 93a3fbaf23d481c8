"""S3: buckets and their policies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from emulator.cloudformation.kinds import Made, Properties, Resource, ResourceError, Work


class Bucket(Resource):
    """AWS::S3::Bucket."""

    type = "AWS::S3::Bucket"
    known = frozenset(
        {
            "BucketName",
            "VersioningConfiguration",
            "BucketEncryption",
            "PublicAccessBlockConfiguration",
            "OwnershipControls",
            "LoggingConfiguration",
            "NotificationConfiguration",
            "LifecycleConfiguration",
            "Tags",
        }
    )
    fixed = frozenset({"BucketName"})
    name_property = "BucketName"
    remembered = True
    simulated = "lifecycle, encryption, access logs and public access blocks are recorded, not carried out"

    def create(self, work: Work, properties: Properties) -> Made:
        name = properties.get("BucketName") or work.name(63, lower=True)
        if self._there(work, name):
            raise ResourceError(f"{name} already exists")
        region = work.context.region
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        work.call("s3", "create_bucket", Bucket=name, **place)
        return self._configured(work, name, {}, properties)

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        return self._configured(work, made.physical_id, old, new)

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("s3", "delete_bucket", Bucket=made.physical_id)

    def find(self, work: Work, properties: Properties) -> Made | None:
        name = properties.get("BucketName")
        return self._made(work, name) if name and self._there(work, name) else None

    def _there(self, work: Work, name: str) -> bool:
        return work.quietly("s3", "head_bucket", Bucket=name) is not None

    def _configured(self, work: Work, name: str, old: Properties, new: Properties) -> Made:
        for key, operation, parameters in _settings(new):
            if new.get(key) != old.get(key):
                work.call("s3", operation, Bucket=name, **parameters)
        for key, operation, parameters in _UNSET:
            if key in old and key not in new:
                work.call("s3", operation, Bucket=name, **parameters)
        return self._made(work, name)

    def _made(self, work: Work, name: str) -> Made:
        region = work.context.region
        attributes = {
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.s3.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
            "DualStackDomainName": f"{name}.s3.dualstack.{region}.amazonaws.com",
        }
        return Made(name, attributes)


_UNSET: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("VersioningConfiguration", "put_bucket_versioning", {"VersioningConfiguration": {"Status": "Suspended"}}),
    ("BucketEncryption", "delete_bucket_encryption", {}),
    ("PublicAccessBlockConfiguration", "delete_public_access_block", {}),
    ("OwnershipControls", "delete_bucket_ownership_controls", {}),
    ("LoggingConfiguration", "put_bucket_logging", {"BucketLoggingStatus": {}}),
    ("NotificationConfiguration", "put_bucket_notification_configuration", {"NotificationConfiguration": {}}),
    ("LifecycleConfiguration", "delete_bucket_lifecycle", {}),
    ("Tags", "delete_bucket_tagging", {}),
)


def _settings(properties: Properties) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each setting that is there, with the operation that makes it so."""
    if "VersioningConfiguration" in properties:
        yield "VersioningConfiguration", "put_bucket_versioning", {"VersioningConfiguration": properties["VersioningConfiguration"]}
    if "BucketEncryption" in properties:
        rules = [
            {_api_name(key): value for key, value in rule.items()}
            for rule in properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        ]
        yield "BucketEncryption", "put_bucket_encryption", {"ServerSideEncryptionConfiguration": {"Rules": rules}}
    if "PublicAccessBlockConfiguration" in properties:
        block = {"PublicAccessBlockConfiguration": properties["PublicAccessBlockConfiguration"]}
        yield "PublicAccessBlockConfiguration", "put_public_access_block", block
    if "OwnershipControls" in properties:
        yield "OwnershipControls", "put_bucket_ownership_controls", {"OwnershipControls": properties["OwnershipControls"]}
    if "LoggingConfiguration" in properties:
        logging = properties["LoggingConfiguration"]
        enabled = {"TargetBucket": logging["DestinationBucketName"], "TargetPrefix": logging.get("LogFilePrefix", "")}
        yield "LoggingConfiguration", "put_bucket_logging", {"BucketLoggingStatus": {"LoggingEnabled": enabled}}
    if "NotificationConfiguration" in properties:
        configuration = {"NotificationConfiguration": _notifications(properties["NotificationConfiguration"])}
        yield "NotificationConfiguration", "put_bucket_notification_configuration", configuration
    if "LifecycleConfiguration" in properties:
        rules = [_lifecycle_rule(rule) for rule in properties["LifecycleConfiguration"]["Rules"]]
        yield "LifecycleConfiguration", "put_bucket_lifecycle_configuration", {"LifecycleConfiguration": {"Rules": rules}}
    if "Tags" in properties:
        yield "Tags", "put_bucket_tagging", {"Tagging": {"TagSet": properties["Tags"]}}


def _api_name(key: str) -> str:
    return {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}.get(key, key)


def _notifications(given: Properties) -> dict[str, Any]:
    unknown = set(given) - {"EventBridgeConfiguration", "QueueConfigurations", "TopicConfigurations", "LambdaConfigurations"}
    if unknown:
        raise ResourceError(f"NotificationConfiguration: {sorted(unknown)[0]} is not known")
    result: dict[str, Any] = {}
    if given.get("EventBridgeConfiguration", {}).get("EventBridgeEnabled", "EventBridgeConfiguration" in given) not in (False, "false"):
        result["EventBridgeConfiguration"] = {}
    places = (
        ("QueueConfigurations", "QueueConfigurations", "Queue", "QueueArn"),
        ("TopicConfigurations", "TopicConfigurations", "Topic", "TopicArn"),
        ("LambdaConfigurations", "LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
    )
    for source, target, name, arn in places:
        for one in given.get(source, []):
            entry: dict[str, Any] = {arn: one[name], "Events": [one["Event"]]}
            if "Filter" in one:
                rules = [{"Name": rule["Name"], "Value": rule["Value"]} for rule in one["Filter"]["S3Key"]["Rules"]]
                entry["Filter"] = {"Key": {"FilterRules": rules}}
            result.setdefault(target, []).append(entry)
    return result


def _lifecycle_rule(rule: Properties) -> dict[str, Any]:
    expiration: dict[str, Any] = {}
    if "ExpirationInDays" in rule:
        expiration["Days"] = rule["ExpirationInDays"]
    if "ExpiredObjectDeleteMarker" in rule:
        expiration["ExpiredObjectDeleteMarker"] = rule["ExpiredObjectDeleteMarker"]
    result: dict[str, Any] = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    result |= {"Expiration": expiration} if expiration else {}
    result |= {"ID": rule["Id"]} if "Id" in rule else {}
    if "Transitions" in rule:
        result["Transitions"] = [{"Days": one["TransitionInDays"], "StorageClass": one["StorageClass"]} for one in rule["Transitions"]]
    if "NoncurrentVersionExpiration" in rule:
        result["NoncurrentVersionExpiration"] = dict(rule["NoncurrentVersionExpiration"])
    if "NoncurrentVersionTransitions" in rule:
        result["NoncurrentVersionTransitions"] = [
            {"NoncurrentDays": one["TransitionInDays"], "StorageClass": one["StorageClass"]} for one in rule["NoncurrentVersionTransitions"]
        ]
    if "AbortIncompleteMultipartUpload" in rule:
        result["AbortIncompleteMultipartUpload"] = dict(rule["AbortIncompleteMultipartUpload"])
    return result


class BucketPolicy(Resource):
    """AWS::S3::BucketPolicy."""

    type = "AWS::S3::BucketPolicy"
    known = frozenset({"Bucket", "PolicyDocument"})
    fixed = frozenset({"Bucket"})
    required = known
    remembered = True
    simulated = "recorded, not enforced"

    def create(self, work: Work, properties: Properties) -> Made:
        work.call("s3", "put_bucket_policy", Bucket=properties["Bucket"], Policy=json.dumps(properties["PolicyDocument"]))
        return Made(properties["Bucket"])

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("s3", "delete_bucket_policy", Bucket=made.physical_id)
