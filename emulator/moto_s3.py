"""Corrections of moto's S3.

Bucket policies are judged as far as they can be: moto's own reading fails on statements for everybody and ignores conditions. Access logs
are not written: moto keeps an object in memory for each request, for ever.
"""

from __future__ import annotations

import json
from typing import Any, cast

_LOGS = "logging.s3.amazonaws.com"


def install() -> None:
    """Take the place of moto's reading."""
    from moto.s3.models import FakeBucket, S3Backend

    bucket: Any = FakeBucket
    backend: Any = S3Backend
    backend.log_incoming_request = lambda *_: None
    bucket.get_permission = _permission
    bucket._log_permissions_enabled_policy = staticmethod(_may_log)


def _permission(bucket: Any, action: str, resource: str) -> Any:
    """What the statements without a condition say: the others (TLS only, from one account) can't be judged here, and don't count."""
    from moto.iam.access_control import IAMPolicy, PermissionResult

    statements = [one for one in _statements(bucket) if "Condition" not in one]
    if not statements:
        return PermissionResult.NEUTRAL
    return cast(Any, IAMPolicy)(json.dumps({"Version": "2012-10-17", "Statement": statements})).is_action_permitted(action, resource)


def _may_log(target_bucket: Any, target_prefix: str | None) -> bool:
    """Whether a policy lets S3 write access logs."""
    places = {f"{target_bucket.arn}/*", f"{target_bucket.arn}/{target_prefix or ''}*"}
    for statement in _statements(target_bucket):
        principal = statement.get("Principal")
        for_logs = isinstance(principal, dict) and principal.get("Service") == _LOGS
        allowed = for_logs and statement.get("Effect") == "Allow" and "s3:PutObject" in _listed(statement.get("Action"))
        if allowed and places & {*_listed(statement.get("Resource"))}:
            return True
    return False


def _statements(bucket: Any) -> list[dict[str, Any]]:
    return _listed(json.loads(bucket.policy or b"{}").get("Statement", []))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
