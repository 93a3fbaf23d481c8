"""Where the function runs, and its clients, each made when it is first needed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config

_CONFIG = Config(connect_timeout=2, read_timeout=8, retries={"mode": "standard", "max_attempts": 3})


@dataclass(frozen=True)
class Place:
    """Partition, region and account, as the function's own ARN has them."""

    partition: str
    region: str
    account: str

    @classmethod
    def of(cls, context: Any) -> Place:
        """From the invocation; `arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME[:ALIAS]`."""
        parts = [*str(getattr(context, "invoked_function_arn", "")).split(":"), *[""] * 5]
        return cls(parts[1] or "aws", parts[3] or os.environ.get("AWS_REGION", "us-east-1"), parts[4])

    def pipeline_execution(self, pipeline: str, execution: str) -> str:
        """The ARN of an execution."""
        return f"arn:{self.partition}:sagemaker:{self.region}:{self.account}:pipeline/{pipeline}/execution/{execution}"


@lru_cache
def client(service: str, region: str) -> Any:
    """The client of a service. A link to what KMS encrypts must be signed by version 4, which is not S3's default everywhere."""
    make: Any = boto3.client
    config = _CONFIG.merge(Config(signature_version="s3v4")) if service == "s3" else _CONFIG
    return make(service, region_name=region, config=config)
