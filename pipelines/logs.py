"""The log of a job, as CloudWatch keeps it."""

from __future__ import annotations

from botocore.exceptions import ClientError

from pipelines.aws import client
from pipelines.settings import Settings

GROUPS = {
    "ProcessingJob": "/aws/sagemaker/ProcessingJobs",
    "TrainingJob": "/aws/sagemaker/TrainingJobs",
    "TransformJob": "/aws/sagemaker/TransformJobs",
}


def last_line(job_kind: str, job_name: str, settings: Settings) -> str:
    """The newest line that the job logged, empty when it logged none."""
    if job_kind not in GROUPS or not job_name:
        return ""
    logs = client("logs", settings)
    try:
        streams = logs.describe_log_streams(logGroupName=GROUPS[job_kind], logStreamNamePrefix=f"{job_name}/")["logStreams"]
        if not streams:
            return ""
        newest = max(streams, key=lambda stream: int(stream.get("lastEventTimestamp", 0)))
        events = logs.get_log_events(logGroupName=GROUPS[job_kind], logStreamName=newest["logStreamName"], limit=1, startFromHead=False)[
            "events"
        ]
    except ClientError:  # no group yet: nothing was ever logged
        return ""
    return str(events[-1]["message"]).strip() if events else ""
