"""SecondaryStatus and its transitions: the steps of a training job's life."""

import time
from typing import Any

MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Stopped": "Training job stopped",
    "Interrupted": "The Spot instance was reclaimed; the job goes on when there is capacity again",
    "MaxWaitTimeExceeded": "Training job waited longer for Spot capacity than MaxWaitTimeInSeconds provided",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}


def enter(record: dict[str, Any], status: str, message: str = "") -> dict[str, Any]:
    """The fields of a record that enters a secondary status: the open transition ends, a new one begins."""
    now = time.time()
    past = [{**step, "EndTime": step.get("EndTime", now)} for step in record.get("SecondaryStatusTransitions", [])]
    step = {"Status": status, "StartTime": now, "StatusMessage": message or MESSAGES.get(status, "")}
    return {"SecondaryStatus": status, "SecondaryStatusTransitions": [*past, step], "LastModifiedTime": now}


def end(record: dict[str, Any], status: str, message: str = "") -> dict[str, Any]:
    """As `enter`, for the last status of all, which is closed at once."""
    fields = enter(record, status, message)
    fields["SecondaryStatusTransitions"][-1]["EndTime"] = fields["LastModifiedTime"]
    return fields
