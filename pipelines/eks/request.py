"""From settings to the Job of a training: the same steps, hyperparameters, bars and addresses as the SageMaker pipeline has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pipelines.eks.job import JobRequest, JobRequestError, Step
from pipelines.eks.train_steps import LIGHT_STEPS, checkpoint_name, hyperparameters

if TYPE_CHECKING:
    from pipelines.settings import Settings


def training(name: str, source_uri: str, horizon: int, settings: Settings, origins: int | None = None) -> JobRequest:
    """A training from an uploaded source to a judged artifact: every Train step, one after the other, in one Job.

    `horizon` and `origins` are in periods of the panel; `origins` None takes that of the settings.
    """
    bars = {
        "--max-loss-ratio": settings.max_loss_ratio,
        "--min-coverage80": settings.min_coverage80,
        "--max-coverage80": settings.max_coverage80,
        "--max-calibration-error": settings.max_calibration_error,
    }
    gate = [word for bar, value in bars.items() for word in (bar, str(value))] + ["--ablation"] * settings.ablation
    plan = ("--horizon", str(horizon), "--origins", str(origins or settings.origins))
    whole = _request(name, tuple(settings.train_steps), settings)
    return replace(whole, source_uri=source_uri.rstrip("/"), plan=plan, gate=tuple(gate))


def step_training(name: str, prepared_uri: str, chosen: Sequence[str], settings: Settings) -> JobRequest:
    """The named Train steps of an execution whose Prepare step wrote below `prepared_uri`; they go on with what SageMaker has begun."""
    return replace(_request(name, chosen, settings), prepared_uri=prepared_uri.rstrip("/"))


def steps(chosen: Sequence[str], settings: Settings) -> tuple[Step, ...]:
    """The Train steps of these names as the definition has them; JobRequestError when there is none of a name."""
    unknown = [name for name in chosen if name not in settings.train_steps]
    if unknown:
        raise JobRequestError(f"step {unknown[0]}: is not among HOUSING_TRAIN_STEPS; known: {', '.join(settings.train_steps)}")
    return tuple(_step(name, settings) for name in chosen)


def _step(name: str, settings: Settings) -> Step:
    given = hyperparameters(settings.train_steps[name], settings.seed, settings.distribute)
    alone = name in LIGHT_STEPS and settings.training_instance_count > 1
    return Step(name, given, checkpoint_name(name, settings.image_uri, given), alone)


def _request(name: str, chosen: Sequence[str], settings: Settings) -> JobRequest:
    return JobRequest(
        name=name,
        image=settings.image_uri,
        region=settings.region,
        steps=steps(chosen, settings),
        checkpoints_uri=f"{settings.prefix}/checkpoints",
        output_uri=f"{settings.prefix}/eks/{name}",
        hosts=settings.training_instance_count,
        max_wait_seconds=settings.max_wait_seconds,
    )
