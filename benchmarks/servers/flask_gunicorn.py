"""The classic container of one's own: Flask under gunicorn, eight threads."""

import sys

import numpy as np
from flask import Flask, Response, jsonify, request
from gunicorn.app.base import BaseApplication

from benchmarks.servers.comparison import model

app = Flask(__name__)
served = model()


@app.get("/ping")
def ping() -> Response:
    return Response("{}")


@app.post("/invocations")
def invocations() -> Response:
    rows = np.array(request.get_json()["instances"], dtype=np.float32)
    return jsonify(predictions=served.predict(rows).tolist())


class Server(BaseApplication):
    """gunicorn without its command line."""

    def load_config(self) -> None:
        for name, value in {"bind": f"127.0.0.1:{sys.argv[1]}", "worker_class": "gthread", "threads": 8, "keepalive": 75}.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return app


if __name__ == "__main__":
    Server().run()
