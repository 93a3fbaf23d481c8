"""AutoGluon-TimeSeries as a rival: installed in an environment of its own, run there, read back as quantiles."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.rivals import rival_python
from housing.forecast import QUANTILES
from housing.panel import Panel

PACKAGES = ("autogluon.timeseries==1.6.3", "torch==2.13.0")

_SCRIPT = """
import sys
import numpy as np, pandas as pd
from autogluon.timeseries import TimeSeriesDataFrame, TimeSeriesPredictor
stored = np.load(sys.argv[1])
price, months, origins, levels, horizon = (stored[k] for k in ("price", "months", "origins", "levels", "horizon"))
answer = np.full((len(origins), len(price), int(horizon), len(levels)), np.nan, dtype=np.float32)
predictor = None
for o, origin in enumerate(origins):
    frames = []
    for i, row in enumerate(price[:, : origin + 1]):
        known = pd.Series(row, index=months[: origin + 1].astype("datetime64[ns]"))
        known = known.loc[known.first_valid_index():].ffill()
        if known.size >= 36:
            frames.append(pd.DataFrame({"item_id": i, "timestamp": known.index, "target": known.values}))
    data = TimeSeriesDataFrame.from_data_frame(pd.concat(frames))
    if predictor is None:
        settings = {"prediction_length": int(horizon), "freq": "MS", "quantile_levels": levels.tolist(), "eval_metric": "SQL"}
        predictor = TimeSeriesPredictor(**settings, verbosity=1, path=sys.argv[3])
        predictor.fit(data, presets="medium_quality", time_limit=900, excluded_model_types=["Chronos", "Chronos2", "Toto", "Toto2"])
    forecast = predictor.predict(data)
    for i in forecast.item_ids:
        answer[o, int(i)] = np.log(np.maximum(forecast.loc[i][[str(q) for q in levels]].to_numpy(), 1.0))
np.savez(sys.argv[2], answer=answer)
"""


def forecast(panel: Panel, origins: npt.NDArray[np.int64], horizon: int) -> npt.NDArray[np.float32]:
    """Log-price quantiles (O, N, H, 9) of `medium_quality`, fitted once at the first origin, on prices alone.

    Errors: RivalMissingError where it can't be installed; CalledProcessError with its log on the terminal.
    """
    python = rival_python("autogluon", *PACKAGES)
    with tempfile.TemporaryDirectory() as folder:
        given, answered = Path(folder, "given.npz"), Path(folder, "answered.npz")
        np.savez(given, price=panel.price, months=panel.dates, origins=origins, levels=np.array(QUANTILES), horizon=np.array(horizon))
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        command = [str(python), "-c", _SCRIPT, str(given), str(answered), str(Path(folder, "models"))]
        subprocess.run(command, check=True, env=environment)
        with np.load(answered) as stored:
            return np.asarray(stored["answer"], dtype=np.float32)
