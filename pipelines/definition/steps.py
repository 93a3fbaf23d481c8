"""The steps in the order in which they run, joined by what they read from each other."""

from __future__ import annotations

from sagemaker.mlops.workflow.steps import Step

from pipelines.definition.context import Context
from pipelines.definition.gate import quality_gate
from pipelines.definition.model import create_model, forecast, register
from pipelines.definition.processing import ensemble, evaluate, ingest, prepare
from pipelines.definition.training import train


def all_steps(context: Context) -> list[Step]:
    """Ingest to QualityGate; what follows the gate is inside it."""
    panel = ingest(context)
    prepared = prepare(context, panel)
    trained = {name: train(context, prepared, name, members) for name, members in context.settings.train_steps.items()}
    combined = ensemble(context, prepared, trained)
    evaluated = evaluate(context, prepared, combined)
    registered = register(context, combined, evaluated)
    created = create_model(context, combined)
    predicted = forecast(context, created, prepared)
    gate = quality_gate(passed=[registered, created, predicted])
    return [panel, prepared, *trained.values(), combined, evaluated, gate]
