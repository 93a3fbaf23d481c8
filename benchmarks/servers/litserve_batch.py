"""LitServe with dynamic batching of 64."""

import sys

import litserve as ls
import numpy as np

from benchmarks.servers.comparison import model


class Api(ls.LitAPI):
    """One row or several per request; LitServe batches requests, so rows are flattened and split again."""

    def setup(self, device: str) -> None:  # noqa: ARG002 the name is LitServe's
        self.model = model()

    def decode_request(self, request: dict) -> np.ndarray:
        return np.array(request["instances"], dtype=np.float32)

    def batch(self, inputs: list) -> list:
        return inputs

    def predict(self, x: list) -> list:
        values = self.model.predict(np.concatenate(x))
        return np.split(values, np.cumsum([len(one) for one in x])[:-1])

    def unbatch(self, output: list) -> list:
        return output

    def encode_response(self, output: np.ndarray) -> dict:
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    api = Api(max_batch_size=64, batch_timeout=0.002, api_path="/invocations")
    server = ls.LitServer(api, accelerator="cpu", healthcheck_path="/ping")
    server.run(port=int(sys.argv[1]), generate_client_file=False, log_level="error")
