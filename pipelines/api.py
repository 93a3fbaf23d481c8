"""Every command of the command line as a function of the same name, for notebooks and programs: `from pipelines import api`."""

from pipelines.batch import batch
from pipelines.bootstrap import bootstrap
from pipelines.candidates import promote, shadow, split
from pipelines.card import attach as card
from pipelines.comparison import compare
from pipelines.conformance import run as conformance
from pipelines.cost.month import estimate_month as cost
from pipelines.doctor import examine as doctor
from pipelines.eks.control import eks_logs, eks_model, eks_render, eks_status, eks_submit
from pipelines.endpoint import delete, deploy
from pipelines.execution import stop
from pipelines.launch import launch as run
from pipelines.lineage import lineage
from pipelines.predict import predict
from pipelines.registry import approve, reject
from pipelines.results import fetch as results
from pipelines.status import status
from pipelines.teardown import teardown
from pipelines.tuning import start as tune

__all__ = [
    "approve",
    "batch",
    "bootstrap",
    "card",
    "compare",
    "conformance",
    "cost",
    "delete",
    "deploy",
    "doctor",
    "eks_logs",
    "eks_model",
    "eks_render",
    "eks_status",
    "eks_submit",
    "lineage",
    "predict",
    "promote",
    "reject",
    "results",
    "run",
    "shadow",
    "split",
    "status",
    "stop",
    "teardown",
    "tune",
]
