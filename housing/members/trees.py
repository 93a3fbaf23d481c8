"""Trees for few rows: the same sums as XGBoost's, bit for bit, without the set-up that a call of XGBoost costs.

A call for one row spends nine tenths of its time before the first tree. Here all trees of all rows go down one level at a time in numpy,
which is quicker up to some dozens of rows; where that ends is measured when the model is loaded. `python -m benchmarks.trees` compares.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from housing.features.block import Features

_SIZES = (1, 4, 8, 12, 16, 24, 32, 48, 64)
_REPEATS = 5
_TRIED = 97
"""Rows on which both ways must agree in every bit."""

Index = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Trees:
    """A forest as arrays over its nodes; a node's place is twice its number, so that place + (0 or 1) names its left or right child.

    Attributes
    ----------
    roots : (T,) place of each tree's root, output after output, those of one output in the order in which they are added.
    depth : levels below the roots.
    feature : (2M,) column that the node at a place looks at; those that send a missing value to the right count from the width on.
    threshold : float32 (2M,) a value below it goes left; in a leaf, what it adds.
    child : (2M,) place of the left and of the right child; of a leaf, its own.
    base : float32 (K,) what each output starts from.
    width : features of a row.
    max_rows : up to so many rows this way is the quicker one.
    """

    roots: Index
    depth: int
    feature: Index
    threshold: npt.NDArray[np.float32]
    child: Index
    base: npt.NDArray[np.float32]
    width: int
    max_rows: int = 0

    @classmethod
    def of(cls, booster: Any) -> Self | None:
        """The trees of an `xgboost.Booster`; None when they hold what is not known here, or when XGBoost is always quicker."""
        learner = json.loads(booster.save_raw("json"))["learner"]
        model = learner["gradient_booster"].get("model", {})
        trees, outputs = model.get("trees", []), np.array(model.get("tree_info", []))
        width = int(learner["learner_model_param"]["num_feature"])
        base = np.array(json.loads(learner["learner_model_param"]["base_score"]), dtype=np.float32).ravel()
        if learner["gradient_booster"]["name"] != "gbtree" or not trees or len(set(np.bincount(outputs, minlength=len(base)))) > 1:
            return None
        if any(tree["categories"] or int(tree["tree_param"]["size_leaf_vector"]) > 1 for tree in trees):
            return None
        by_output = [trees[i] for i in np.argsort(outputs, kind="stable")]
        made = cls(**_arrays(by_output, width), base=base, width=width)
        return made._measured(lambda rows: np.asarray(booster.inplace_predict(rows)))

    def predict(self, rows: Features) -> npt.NDArray[np.float32]:
        """(R, K), or (R,) for one output, from float32 rows (R, width); NaN is a missing value."""
        count, trees = len(rows), len(self.roots)
        missing = np.isnan(rows)
        # A missing value goes where its node sends it: below every threshold in one copy of the row, above in the other.
        both = np.concatenate([np.where(missing, -np.inf, rows), np.where(missing, np.inf, rows)], axis=1, dtype=np.float32).ravel()
        offset = np.repeat(np.arange(count, dtype=np.intp) * (2 * self.width), trees)
        place = np.tile(self.roots, count)
        for _ in range(self.depth):
            right = both.take(self.feature.take(place) + offset) >= self.threshold.take(place)
            place = self.child.take(place + right)
        outputs = len(self.base)
        added = self.threshold.take(place).reshape(count, outputs, trees // outputs)
        # One after the other in single precision, as XGBoost adds them.
        first = np.broadcast_to(self.base[:, None], (count, outputs, 1))
        sums = np.cumsum(np.concatenate([first, added], axis=2), axis=2, dtype=np.float32)[..., -1]
        return sums[:, 0] if outputs == 1 else sums

    def _measured(self, whole: Callable[[Features], npt.NDArray[np.float32]]) -> Self | None:
        """These trees with `max_rows`, once they have agreed with `whole`, the booster's own call, in every bit."""
        generator = np.random.default_rng(0)
        # Thresholds themselves are the values at which a comparison can go wrong.
        rows = generator.choice(self.threshold, (_TRIED, self.width))
        rows[generator.random(rows.shape) < 0.1] = np.nan
        if not np.array_equal(self.predict(rows), whole(rows)):
            return None
        quicker = list(takewhile(lambda count: 1.1 * _seconds(self.predict, rows[:count]) < _seconds(whole, rows[:count]), _SIZES))
        return replace(self, max_rows=quicker[-1]) if quicker else None


def _arrays(trees: list[dict[str, Any]], width: int) -> dict[str, Any]:
    sizes = [len(tree["left_children"]) for tree in trees]
    first = np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)

    def nodes(name: str) -> npt.NDArray[Any]:
        return np.concatenate([tree[name] for tree in trees])

    left, right, own = nodes("left_children"), nodes("right_children"), np.arange(sum(sizes))
    leaf = left < 0
    child = np.stack([np.where(leaf, own, left + first), np.where(leaf, own, right + first)], axis=1)
    feature = np.where(leaf, 0, nodes("split_indices") + width * (nodes("default_left") == 0))
    return {
        "roots": (2 * np.unique(first)).astype(np.intp),
        "depth": _depth(child, np.unique(first)),
        "feature": np.repeat(feature, 2).astype(np.intp),
        "threshold": np.repeat(nodes("split_conditions").astype(np.float32), 2),
        "child": (2 * child).ravel().astype(np.intp),
    }


def _depth(child: npt.NDArray[Any], roots: npt.NDArray[Any]) -> int:
    level, depth = roots, 0
    while len(below := np.setdiff1d(child[level], level)):
        level, depth = below, depth + 1
    return depth


def _seconds(call: Callable[[Features], object], rows: Features) -> float:
    """CPU of the quickest of a few calls: on a busy machine the clock on the wall would choose at random."""
    spent = []
    for _ in range(_REPEATS):
        started = time.thread_time()
        call(rows)
        spent.append(time.thread_time() - started)
    return min(spent)
