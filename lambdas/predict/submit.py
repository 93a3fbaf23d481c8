"""Requests that are too large to wait for: kept in S3 and handed to the asynchronous endpoint; the answer says where to ask for theirs."""

from __future__ import annotations

import json
import time
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.predict.targets import ATTRIBUTES, passed
from lambdas.shared import jobs
from lambdas.shared.errors import ApiError
from lambdas.shared.http import JSON, Answer, Call

_TIMEOUTS = Config(connect_timeout=2, read_timeout=6, retries={"total_max_attempts": 2, "mode": "standard"})
_THROTTLED = {"ThrottlingException", "Throttling", "TooManyRequestsException", "SlowDown"}


class Submission:
    """The asynchronous endpoint. Clients are made when the first job comes: most workers never see one."""

    def __init__(self, endpoint: str, bucket: str) -> None:
        self._endpoint, self._bucket = endpoint, bucket

    @cached_property
    def _s3(self) -> Any:
        return boto3.client("s3", config=_TIMEOUTS)

    @cached_property
    def _runtime(self) -> Any:
        return boto3.client("sagemaker-runtime", config=_TIMEOUTS)

    def submit(self, call: Call) -> Answer:
        """Begin a job: 202 with its ID and address. The record is written last, so an address that is told exists.

        Errors: ApiError 429 or 503 when it cannot be begun.
        """
        headers = passed(call)
        job_id = jobs.new_id()
        try:
            key = jobs.request_key(job_id)
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=call.body, ContentType=headers["Content-Type"])
            begun = self._runtime.invoke_endpoint_async(**self._invocation(call, f"s3://{self._bucket}/{key}", job_id))
            accept = call.headers.get("accept") or headers["Content-Type"]
            job = jobs.Job(job_id, begun["OutputLocation"], begun.get("FailureLocation", ""), accept, int(time.time()))
            self._s3.put_object(Bucket=self._bucket, Key=jobs.record_key(job_id), Body=job.to_json(), ContentType=JSON)
        except ClientError as error:
            throttled = error.response.get("Error", {}).get("Code", "") in _THROTTLED
            if throttled:
                raise ApiError(429, "throttled", "too many requests; try again shortly", 1) from error
            raise ApiError(503, "unavailable", "the asynchronous endpoint does not take the request; try again shortly", 30) from error
        except BotoCoreError as error:
            raise ApiError(503, "unavailable", "the asynchronous endpoint cannot be reached; try again shortly", 5) from error
        url = f"{call.stage}{jobs.status_path(job_id)}"
        body = json.dumps({"job": {"id": job_id, "status": "in_progress", "status_url": url}}).encode()
        return Answer(202, body, {"location": url, "retry-after": "5"})

    def _invocation(self, call: Call, location: str, job_id: str) -> dict[str, Any]:
        headers = passed(call)
        arguments: dict[str, Any] = {
            "EndpointName": self._endpoint,
            "InputLocation": location,
            "InferenceId": job_id,
            "ContentType": headers["Content-Type"],
            "RequestTTLSeconds": jobs.EXPIRES_AFTER_SECONDS,
        }
        if "Accept" in headers:
            arguments["Accept"] = headers["Accept"]
        if call.headers.get(ATTRIBUTES):
            arguments["CustomAttributes"] = call.headers[ATTRIBUTES]
        return arguments
