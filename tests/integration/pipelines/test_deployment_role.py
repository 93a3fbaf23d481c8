"""A workflow may hand CloudFormation one role and has no right to make anything itself."""

from __future__ import annotations

from typing import Any

import boto3
import botocore.client
import pytest

from pipelines import stacks
from pipelines.settings import Settings
from pipelines.templates import Template

ROLE = "arn:aws:iam::123456789012:role/cloudformation"
QUEUE = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "handed-on"}}}}


@pytest.mark.parametrize("role", [None, ROLE])
def test_cloudformation_works_under_the_role_that_is_named_and_else_with_the_callers_rights(
    role: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, Any]] = []
    really = botocore.client.BaseClient._make_api_call  # the last place where a call can still be seen as it is sent

    def seen(self: Any, operation: str, arguments: dict[str, Any]) -> Any:
        if operation == "CreateChangeSet":
            sent.append(arguments)
        return really(self, operation, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", seen)
    s3: Any = boto3.client("s3")
    template, settings = Template("cost", QUEUE), Settings(deployment_role_arn=role)
    s3.put_object(Bucket="toys", Key="queue.json", Body=template.text.encode())
    change_set = stacks.prepare(template, f"{s3.meta.endpoint_url}/toys/queue.json", {}, settings)
    assert change_set is not None
    stacks.discard(change_set, settings)
    assert [arguments.get("RoleARN") for arguments in sent] == [role]
