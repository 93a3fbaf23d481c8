"""What a training on EKS is about to do, and what it costs."""

from __future__ import annotations

from pipelines import prices, profile
from pipelines.eks.job import JobRequest
from pipelines.plan import Plan
from pipelines.settings import Settings

SECONDS_PER_HOUR = 3600


def plan_training(request: JobRequest, cluster: str, settings: Settings) -> Plan:
    """One Job: its steps, its nodes, its price on Spot and its ceiling on demand."""
    table, usage = prices.load(settings.prices_file), profile.load(settings.profile).usage
    minutes = usage.training_minutes.value * len(request.steps)
    node_hours = minutes / 60 * request.hosts
    spot, on_demand = table.ec2_spot_usd_per_hour(request.instance_type), table.ec2_usd_per_hour(request.instance_type)
    dearest = max(table.ec2_usd_per_hour(name) for name in request.instance_types)
    ceiling = request.max_wait_seconds / SECONDS_PER_HOUR * request.hosts * dearest
    machines = f"{request.hosts} x {' or '.join(request.instance_types)}"
    steps = [
        f"Job {request.name} in ml-jobs of the cluster {cluster}: {machines}, Spot first, then on demand",
        f"image {request.image}",
        f"reads {request.source_uri or request.prepared_uri}",
        *(f"trains {step.name}: {step.hyperparameters['members']}; checkpoints {step.checkpoints}" for step in request.steps),
        f"writes below {request.output_uri}",
    ]
    price = (
        f"about ${node_hours * spot:.2f} on Spot (${spot:.3f} an hour and node, {minutes:g} minutes as the profile plans), "
        f"${node_hours * on_demand:.2f} on demand; the Job's time limit ends it at ${ceiling:.2f}; "
        f"the cluster itself costs ${table.requests.eks_cluster_usd_per_hour:.2f} an hour"
    )
    undo = f"`kubectl delete job -n ml-jobs {request.name}` ends it; what has run is paid"
    return Plan(f"train on EKS: {', '.join(step.name for step in request.steps)}", tuple(steps), price, undo)
