"""Mosec with dynamic batching of 64; its health route is /."""

import msgspec
import numpy as np
from mosec import Server, Worker

from benchmarks.servers.comparison import model


class Predict(Worker):
    """A batch of requests at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.model = model()

    def deserialize(self, data: bytes) -> np.ndarray:
        return np.array(msgspec.json.decode(data)["instances"], dtype=np.float32)

    def forward(self, data: list) -> list:
        values = self.model.predict(np.concatenate(data))
        return np.split(values, np.cumsum([len(one) for one in data])[:-1])

    def serialize(self, data: np.ndarray) -> bytes:
        return msgspec.json.encode({"predictions": data.tolist()})


if __name__ == "__main__":
    server = Server()
    server.append_worker(Predict, max_batch_size=64, max_wait_time=1, route="/invocations")
    server.run()
