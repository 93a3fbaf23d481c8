"""What a Train step is told and where its checkpoints live, the same on SageMaker and on EKS: either goes on with the other's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

SHARED_FITS = frozenset({"xgboost", "neural"})
"""Members whose fits several hosts can share by rows; the others deal their origins."""

LIGHT_STEPS = frozenset({"baselines", "linear"})
"""Train steps that one machine does in minutes at any size."""


def hyperparameters(members: Sequence[str], seed: int, distribute: str = "origins") -> dict[str, str]:
    """The hyperparameters of a Train step with these members."""
    chosen = {"members": ",".join(members), "seed": str(seed)}
    if distribute == "rows" and len(members) == 1 and members[0] in SHARED_FITS:
        chosen["distribute"] = "rows"
    return chosen


def checkpoint_name(step: str, image_uri: str, chosen: Mapping[str, str]) -> str:
    """The folder of a step's checkpoints below the key of its data: `NAME-DIGEST`, of image and hyperparameters."""
    facts = json.dumps([image_uri, dict(chosen)], sort_keys=True)
    return f"{step}-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"
