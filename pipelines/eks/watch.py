"""What trainings on EKS are doing, and why one is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipelines.eks import jobs
from pipelines.eks.api import Api, ClusterError

INTERRUPTED_EXIT = 143


@dataclass(frozen=True)
class PodState:
    """One pod: its phase, and the cluster's or its own words about it."""

    name: str
    phase: str
    node: str
    reason: str


@dataclass(frozen=True)
class JobState:
    """One Job. `state` is Running, Pending, Complete, Failed or Suspended; `interruptions` counts pods that were told to end."""

    name: str
    state: str
    reason: str
    created: str
    failed: int
    interruptions: int
    pods: tuple[PodState, ...]


def state_of(api: Api, name: str) -> JobState:
    """The Job with its pods; ClusterError when there is none of that name."""
    found = jobs.find(api, name)
    if found is None:
        raise ClusterError(f"job {name}: is not there (finished ones go after a day); `housing eks status` lists them", 404)
    return _state(found, jobs.pods(api, name), api)


def all_states(api: Api) -> list[JobState]:
    """Every training that the cluster still keeps, newest first."""
    return [_state(found, jobs.pods(api, found["metadata"]["name"]), api) for found in jobs.jobs(api)]


def logs(api: Api, name: str, lines: int = 200) -> str:
    """The last lines of a Job's newest pod that has begun; of several hosts, each under its name."""
    begun = [pod for pod in jobs.pods(api, name) if _phase(pod) != "Pending"]
    if not begun:
        raise ClusterError(f"job {name}: no pod has begun; `housing eks status {name}` says why")
    newest: dict[str, dict[str, Any]] = {_index(pod): pod for pod in begun}
    parts = [(pod["metadata"]["name"], jobs.log(api, pod["metadata"]["name"], lines)) for _, pod in sorted(newest.items())]
    return parts[0][1] if len(parts) == 1 else "".join(f"== {pod}\n{text}" for pod, text in parts)


def _state(job: dict[str, Any], pods: list[dict[str, Any]], api: Api) -> JobState:
    status = job.get("status", {})
    ended = [one for one in status.get("conditions", []) if one["type"] in ("Complete", "Failed", "Suspended") and one["status"] == "True"]
    described = tuple(_pod(pod, api) for pod in pods)
    running = any(pod.phase == "Running" for pod in described)
    return JobState(
        name=job["metadata"]["name"],
        state=ended[0]["type"] if ended else ("Running" if running else "Pending"),
        reason=": ".join(filter(None, (ended[0].get("reason", ""), ended[0].get("message", "")))) if ended else "",
        created=job["metadata"].get("creationTimestamp", ""),
        failed=int(status.get("failed", 0)),
        interruptions=sum(1 for pod in pods if _interrupted(pod)),
        pods=described,
    )


def _pod(pod: dict[str, Any], api: Api) -> PodState:
    phase = _phase(pod)
    reason = _pending(pod, api) if phase == "Pending" else _ended(pod)
    return PodState(pod["metadata"]["name"], phase, pod.get("spec", {}).get("nodeName", ""), reason)


def _phase(pod: dict[str, Any]) -> str:
    return str(pod.get("status", {}).get("phase", "Unknown"))


def _index(pod: dict[str, Any]) -> str:
    return str(pod["metadata"].get("annotations", {}).get("batch.kubernetes.io/job-completion-index", "0"))


def _containers(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from pod.get("status", {}).get("containerStatuses", [])


def _interrupted(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    taken = any(one["type"] == "DisruptionTarget" and one["status"] == "True" for one in conditions)
    ended = [one.get("state", {}).get("terminated") or {} for one in _containers(pod)]
    return taken or any(one.get("exitCode") == INTERRUPTED_EXIT for one in ended)


def _ended(pod: dict[str, Any]) -> str:
    """The pod's last words: those of its termination log, else the reason of its end."""
    if _interrupted(pod):
        return "interrupted; the next pod goes on from the checkpoints"
    for container in _containers(pod):
        terminated = container.get("state", {}).get("terminated") or {}
        if terminated and terminated.get("exitCode"):
            return f"exit status {terminated['exitCode']} {terminated.get('reason', '')}: {terminated.get('message', '').strip()}"
    return ""


def _pending(pod: dict[str, Any], api: Api) -> str:
    """Why a pod waits: what its container waits for, else what the scheduler and the node provisioner said last."""
    for container in _containers(pod):
        waiting = container.get("state", {}).get("waiting") or {}
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            return f"{waiting['reason']}: {waiting.get('message', '')}"
    told = [event for event in jobs.events(api, pod["metadata"]["name"]) if event.get("type") == "Warning"]
    if told:
        return f"{told[-1].get('reason', '')}: {told[-1].get('message', '')}"
    return next((one.get("message", "") for one in pod.get("status", {}).get("conditions", []) if one["type"] == "PodScheduled"), "")
