"""Logistic regression with a Gaussian prior: few coefficients, pulled to where theory puts them."""

from __future__ import annotations

import numpy as np

from housing.panel import Floats

_LARGEST_STEP = 2.0
_ROUNDS = 50


def fit_logistic(x: Floats, y: Floats, weight: Floats, penalty: Floats, prior: Floats) -> Floats:
    """Coefficients (K,) that minimise the weighted log loss + sum(penalty * (b - prior)^2) / 2, by damped Newton steps.

    x : (n, K) with its own column of ones; y, weight : (n,); penalty, prior : (K,), every penalty positive.
    """
    b = prior.astype(np.float64)
    for _ in range(_ROUNDS):
        p = sigmoid(x @ b)
        gradient = x.T @ (weight * (p - y)) + penalty * (b - prior)
        curvature = (x * (weight * p * (1 - p))[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        largest = float(np.abs(step).max())
        b = b - step * min(1.0, _LARGEST_STEP / max(largest, 1e-12))
        if largest < 1e-9:
            break
    return b


def sigmoid(log_odds: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(log_odds, -30, 30)))


def log_odds(probability: Floats) -> Floats:
    clipped = np.clip(probability, 1e-9, 1 - 1e-9)
    return np.log(clipped / (1 - clipped))
