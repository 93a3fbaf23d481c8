"""The usual way: FastAPI with a pydantic model and an `async def` route that predicts."""

import sys

import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.servers.comparison import model


class Instances(BaseModel):
    """`{"instances": [[...], ...]}`."""

    instances: list[list[float]]


class Predictions(BaseModel):
    """`{"predictions": [[...], ...]}`."""

    predictions: list[list[float]]


app = FastAPI()
served = model()


@app.get("/ping")
def ping() -> dict[str, str]:
    return {}


@app.post("/invocations")
async def invocations(request: Instances) -> Predictions:
    values = served.predict(np.array(request.instances, dtype=np.float32))
    return Predictions(predictions=values.tolist())


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="error")
