"""A small Kubernetes API on loopback over TLS, and the EKS call that describes it: stateful, strict, and it looks at tokens.

What it does as a real one: 201 for a new Job, 409 with a Status for a name that is taken, 401 for a token that is no
presigned GetCallerIdentity, 403 for a group without the right, 415 for another content type, 400 for an unknown
field (by Kubernetes's own OpenAPI schemas). What it does not: run anything. Pods, events and logs are what a test puts there.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "housing"
JOBS = "/apis/batch/v1/namespaces/ml-jobs/jobs"
PODS = "/api/v1/namespaces/ml-jobs/pods"
EVENTS = "/api/v1/namespaces/ml-jobs/events"


@dataclass
class FakeCluster:
    """What the cluster holds, and how it is to behave."""

    folder: Path
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    pods: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    nodes: list[dict[str, Any]] = field(default_factory=list)
    posts: int = 0
    forbidden: bool = False
    unready: int = 0
    """How many of the next requests get 503."""

    def __enter__(self) -> FakeCluster:
        certificate, key, self.authority_pem = certificates(self.folder)
        self._api = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, _Kubernetes))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._api.socket = context.wrap_socket(self._api.socket, server_side=True)
        self._eks = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, _Eks))
        for server in (self._api, self._eks):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self._api, self._eks):
            server.shutdown()
            server.server_close()

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self._api.server_address[1]}"

    @property
    def eks_url(self) -> str:
        return f"http://127.0.0.1:{self._eks.server_address[1]}"


def certificates(folder: Path) -> tuple[Path, Path, str]:
    """A certificate for 127.0.0.1, its key, and the PEM of who signed it: itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    (folder / "tls.crt").write_bytes(pem)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "tls.key").write_bytes(private)
    return folder / "tls.crt", folder / "tls.key", pem.decode()


def known_caller(header: str) -> bool:
    """Whether a token is what the authenticator of this cluster takes: a presigned GetCallerIdentity that names it."""
    if not header.startswith("Bearer k8s-aws-v1."):
        return False
    text = header.removeprefix("Bearer k8s-aws-v1.")
    parts = urlsplit(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    wanted = {"Action": "GetCallerIdentity", "X-Amz-SignedHeaders": "host;x-k8s-aws-id", "X-Amz-Expires": "60"}
    return parts.scheme == "https" and parts.netloc.startswith("sts.") and query.items() >= wanted.items() and "X-Amz-Signature" in query


def _handler(cluster: FakeCluster, kind: type[_Handler]) -> type[_Handler]:
    return type("Handler", (kind,), {"cluster": cluster})


class _Handler(BaseHTTPRequestHandler):
    cluster: FakeCluster
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, content: object) -> None:
        body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "text/plain" if isinstance(content, str) else "application/json")
        self.end_headers()
        self.wfile.write(body)


class _Eks(_Handler):
    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        if name != NAME:
            self.send_response(404)
            self.send_header("x-amzn-ErrorType", "ResourceNotFoundException")
            body = json.dumps({"message": f"No cluster found for name: {name}."}).encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        authority = base64.b64encode(self.cluster.authority_pem.encode()).decode()
        described = {"name": NAME, "status": "ACTIVE", "endpoint": self.cluster.endpoint, "certificateAuthority": {"data": authority}}
        self.answer(200, {"cluster": described})


class _Kubernetes(_Handler):
    def do_GET(self) -> None:
        if self._refused():
            return
        path, query = urlsplit(self.path).path, {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        if path == JOBS:
            self.answer(200, {"items": list(self.cluster.jobs.values())})
        elif path.startswith(JOBS + "/"):
            name = path.removeprefix(JOBS + "/")
            found = self.cluster.jobs.get(name)
            self.answer(200, found) if found else self._status(404, "NotFound", f'jobs.batch "{name}" not found')
        elif path == PODS:
            self.answer(200, {"items": [pod for pod in self.cluster.pods if _chosen(pod, query)]})
        elif path.startswith(PODS + "/") and path.endswith("/log"):
            name = path.removeprefix(PODS + "/").removesuffix("/log")
            lines = self.cluster.logs[name].splitlines(keepends=True)
            self.answer(200, "".join(lines[-int(query["tailLines"]) :]))
        elif path == EVENTS:
            self.answer(200, {"items": [event for event in self.cluster.events if _chosen_event(event, query)]})
        elif path == "/api/v1/nodes":
            self.answer(200, {"items": self.cluster.nodes})
        elif path.startswith("/api/v1/namespaces/ml-inference/"):
            self.answer(200, {"items": []})
        else:
            self._status(404, "NotFound", f"{path} is not served")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._refused():
            return
        self.cluster.posts += 1
        parts = urlsplit(self.path)
        if self.headers["Content-Type"] != "application/yaml":
            self._status(415, "UnsupportedMediaType", "the body of the request was in an unknown format")
            return
        manifest = yaml.safe_load(body)
        fault = strict_fault(manifest) if parse_qs(parts.query).get("fieldValidation") == ["Strict"] else ""
        name = manifest["metadata"]["name"]
        if parts.path != JOBS or fault:
            self._status(400, "BadRequest", fault or f"{parts.path} is not served")
        elif name in self.cluster.jobs:
            self._status(409, "AlreadyExists", f'jobs.batch "{name}" already exists')
        else:
            now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            manifest["metadata"] |= {"creationTimestamp": now}
            self.cluster.jobs[name] = manifest | {"status": {}}
            self.answer(201, self.cluster.jobs[name])

    def _refused(self) -> bool:
        if self.cluster.unready:
            self.cluster.unready -= 1
            self._status(503, "ServiceUnavailable", "apiserver not ready")
        elif not known_caller(self.headers.get("Authorization", "")):
            self._status(401, "Unauthorized", "Unauthorized")
        elif self.cluster.forbidden:
            self._status(403, "Forbidden", "jobs.batch is forbidden: User cannot create resource")
        else:
            return False
        return True

    def _status(self, code: int, reason: str, message: str) -> None:
        self.answer(code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason, "code": code})


def strict_fault(manifest: dict[str, Any]) -> str:
    """What Kubernetes's schemas say against a manifest, unknown fields included; empty when nothing."""
    import kubernetes_validate

    try:
        kubernetes_validate.validate(manifest, "1.34", strict=True)
    except kubernetes_validate.ValidationError as error:
        return str(error.message)
    return ""


def _chosen(pod: dict[str, Any], query: dict[str, str]) -> bool:
    """By job-name label or by phase, the selectors that are used."""
    label, phase = query.get("labelSelector", ""), query.get("fieldSelector", "")
    right = pod["metadata"]["labels"]["batch.kubernetes.io/job-name"]
    return label in ("", f"batch.kubernetes.io/job-name={right}") and phase in ("", f"status.phase={pod['status']['phase']}")


def _chosen_event(event: dict[str, Any], query: dict[str, str]) -> bool:
    selector = query.get("fieldSelector", "")
    return selector in ("", f"type={event['type']}", f"involvedObject.name={event['involvedObject']['name']}")
