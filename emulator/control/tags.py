"""AddTags, ListTags, DeleteTags."""

from typing import Any

from emulator.context import Context
from emulator.operations import operation

_KIND = "tags"


def set_tags(context: Context, arn: str, tags: list[dict[str, str]]) -> list[dict[str, str]]:
    """Add tags to a resource, replacing those of the same key; returns all of its tags."""
    known = {tag["Key"]: tag["Value"] for tag in tags_of(context, arn)} | {tag["Key"]: tag["Value"] for tag in tags}
    listed = [{"Key": key, "Value": value} for key, value in known.items()]
    if tags:
        context.store.put(_KIND, arn, {"Tags": listed})
    return listed


def tags_of(context: Context, arn: str) -> list[dict[str, str]]:
    """The tags of a resource."""
    return list((context.store.get(_KIND, arn) or {}).get("Tags", []))


def drop_tags(context: Context, arn: str) -> None:
    """Forget the tags of a deleted resource."""
    context.store.delete(_KIND, arn)


@operation("sagemaker", "AddTags")
def add_tags(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Add or overwrite tags."""
    return {"Tags": set_tags(context, request["ResourceArn"], request["Tags"])}


@operation("sagemaker", "ListTags")
def list_tags(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """All tags of a resource."""
    return {"Tags": tags_of(context, request["ResourceArn"])}


@operation("sagemaker", "DeleteTags")
def delete_tags(request: dict[str, Any], context: Context) -> dict[str, Any]:
    """Remove tags by key."""
    kept = [tag for tag in tags_of(context, request["ResourceArn"]) if tag["Key"] not in request["TagKeys"]]
    context.store.put(_KIND, request["ResourceArn"], {"Tags": kept})
    return {}
