"""The Kubernetes API of an EKS cluster with botocore and urllib3 alone: a signed token, a few calls, errors in one line."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import botocore.session
import urllib3
from botocore.exceptions import NoCredentialsError
from botocore.signers import RequestSigner

from pipelines.errors import PipelinesError

TOKEN_SECONDS = 60
_BODY_BYTES = 8 * 1024 * 1024


class ClusterError(PipelinesError):
    """The cluster cannot be reached, or refuses; one line with the remedy. `status` is the HTTP status, 0 where there was none."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Cluster:
    """One cluster: its name, region, endpoint and the certificate authority (PEM) that signs it; empty where the system knows it."""

    name: str
    region: str
    endpoint: str
    authority_pem: str = ""

    @classmethod
    def described(cls, name: str, region: str, eks: Any) -> Cluster:
        """As eks:DescribeCluster says, through the boto3 client `eks`."""
        found = eks.describe_cluster(name=name)["cluster"]
        if found.get("status") != "ACTIVE":
            raise ClusterError(f"cluster {name}: is {found.get('status')}; wait until it is ACTIVE")
        authority = base64.b64decode(found.get("certificateAuthority", {}).get("data", "")).decode()
        return cls(name, region, found["endpoint"], authority)


def token(cluster: str, region: str, session: Any = None) -> str:
    """Who the caller is, for `Authorization: Bearer`: a presigned STS GetCallerIdentity, made here, valid for 60 s.

    Source: the token format of aws-iam-authenticator, `k8s-aws-v1.` and the URL in base64url without padding.
    """
    session = session or botocore.session.get_session()
    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    sts = session.create_client("sts", region_name=region)
    signer = RequestSigner(sts.meta.service_model.service_id, region, "sts", "v4", credentials, session.get_component("event_emitter"))
    request = {
        "method": "GET",
        "url": f"https://sts.{region}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
        "headers": {"x-k8s-aws-id": cluster},
        "body": {},
        "context": {},
    }
    url = signer.generate_presigned_url(request, region_name=region, expires_in=TOKEN_SECONDS, operation_name="")
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


class Api:
    """Calls to one cluster. Throttled and unready answers (429, 503) are asked again, three times; nothing else is."""

    def __init__(self, cluster: Cluster, session: Any = None) -> None:
        self._cluster, self._session = cluster, session
        context = ssl.create_default_context(cadata=cluster.authority_pem) if cluster.authority_pem else None
        retries = urllib3.Retry(
            total=3,
            connect=2,
            read=0,
            redirect=0,
            status_forcelist=(429, 503),
            allowed_methods=None,
            backoff_factor=0.2,
            raise_on_status=False,
        )
        timeout = urllib3.Timeout(connect=2, read=10)
        self._pool = urllib3.PoolManager(ssl_context=context, retries=retries, timeout=timeout)

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """A resource or a list, decoded."""
        found: dict[str, Any] = json.loads(self._call("GET", path, query))
        return found

    def text(self, path: str, **query: str) -> str:
        """A log."""
        return self._call("GET", path, query).decode(errors="replace")

    def create(self, path: str, manifest: str) -> dict[str, Any]:
        """Make what the YAML `manifest` says; a field that the API does not know is refused."""
        found: dict[str, Any] = json.loads(self._call("POST", path, {"fieldValidation": "Strict"}, manifest))
        return found

    def _call(self, method: str, path: str, query: Mapping[str, str], manifest: str | None = None) -> bytes:
        """The body of a success; ClusterError says what the server said."""
        headers = {
            "Authorization": f"Bearer {token(self._cluster.name, self._cluster.region, self._session)}",
            "Accept": "application/json, */*",
        }
        if manifest is not None:
            headers["Content-Type"] = "application/yaml"
        url = (
            self._cluster.endpoint.rstrip("/") + path + ("?" + "&".join(f"{key}={value}" for key, value in query.items()) if query else "")
        )
        body = manifest.encode() if manifest is not None else None
        try:
            answer = self._pool.request(method, url, body=body, headers=headers, preload_content=False)
            content = answer.read(_BODY_BYTES)
            answer.release_conn()
        except (urllib3.exceptions.HTTPError, ssl.SSLError) as error:
            raise ClusterError(
                f"cluster {self._cluster.name}: no answer from {self._cluster.endpoint} ({type(error).__name__}); "
                "its API may be private: ask from inside its VPC, or allow this address"
            ) from error
        if answer.status in (200, 201, 202):
            return bytes(content)
        raise ClusterError(
            f"cluster {self._cluster.name}: {answer.status} {_message(bytes(content))}{_remedy(answer.status)}", answer.status
        )


def _message(content: bytes) -> str:
    """The `message` of the API's Status object, else the text as it came."""
    try:
        return str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return " ".join(content[:300].decode(errors="replace").split())


def _remedy(status: int) -> str:
    if status == 401:
        return "; the cluster does not know this caller: give it an access entry (docs/eks.md)"
    if status == 403:
        return "; the caller's group lacks this right: bind it to the role housing-submitter (docs/eks.md)"
    return ""
