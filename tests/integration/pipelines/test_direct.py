"""The direct client: what is signed is what is sent, refusals are told as the function tells them, and a connection is kept."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from pipelines import signed
from pipelines.direct import Endpoint
from pipelines.errors import DeploymentError, PredictionError
from pipelines.signed import S3, SAGEMAKER_RUNTIME, Connection, SignedConnection, SignedError
from tests.integration.lambdas.stub import JSON, Asked, Aws, Reply, answering, hanging, model_error, refusal, serving

REQUEST = {"inputs": [{"item_id": "Austin"}]}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    with serving() as state:
        monkeypatch.setenv("AWS_ENDPOINT_URL", state.url)
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
        state.replies["housing-forecast"] = answering("it")
        yield state


def signature(asked: Asked, url: str, service: str, signer: type[auth.SigV4Auth]) -> str:
    """What the service computes from what it received."""
    received = {name: value for name, value in asked.headers.items() if name in _signed_headers(asked) and name != "host"}
    request = AWSRequest(method=asked.method, url=url + asked.path, data=asked.body, headers=received)
    request.context["timestamp"] = asked.headers["x-amz-date"]
    checker = signer(Credentials("AKIDEXAMPLE", "secret", "token"), service, "eu-west-1")
    text = checker.string_to_sign(request, checker.canonical_request(request))
    return str(checker.signature(text, request))


def _signed_headers(asked: Asked) -> list[str]:
    return asked.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")


def test_what_is_signed_is_what_is_sent(aws: Aws) -> None:
    assert Endpoint("housing-forecast").forecast(REQUEST) == {"predictions": ["it"]}
    (asked,) = aws.asked
    assert (asked.method, asked.path) == ("POST", "/endpoints/housing-forecast/invocations")
    assert json.loads(asked.body) == REQUEST
    assert asked.headers["x-amz-security-token"] == "token"
    assert {"host", "content-type", "x-amz-date", "x-amz-security-token"} <= set(_signed_headers(asked))
    assert asked.headers["host"] == aws.url.removeprefix("http://")
    assert asked.headers["authorization"].endswith("Signature=" + signature(asked, aws.url, "sagemaker", auth.SigV4Auth))
    sent = datetime.strptime(asked.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - sent).total_seconds()) < 60


def test_an_object_whose_key_is_percent_encoded_is_signed_as_s3_wants(aws: Aws) -> None:
    aws.objects["bucket/a/San%20Antonio.json"] = b"{}"
    reply = SignedConnection(S3, "eu-west-1").send("GET", "/bucket/a/San%2520Antonio.json", {}, b"", 5)
    assert (reply.status, reply.body) == (200, b"{}")
    (asked,) = aws.asked
    assert asked.headers["authorization"].endswith("Signature=" + signature(asked, aws.url, "s3", auth.S3SigV4Auth))


def test_the_connection_is_kept_and_opened_again_when_it_was_closed(aws: Aws) -> None:
    endpoint = Endpoint("housing-forecast")
    for _ in range(3):
        endpoint.forecast(REQUEST)
    assert len(aws.connections) == 1
    aws.drop_connections()
    endpoint.forecast(REQUEST)
    assert len(aws.connections) == 2


def test_the_example_of_the_documentation_runs(aws: Aws) -> None:
    document = (Path(__file__).parents[3] / "docs" / "functions.md").read_text()
    names: dict[str, object] = {}
    exec(document.partition("```python\n")[2].partition("```")[0], names)  # noqa: S102 our own text
    assert names["answer"] == {"predictions": ["it"]}


def test_several_threads_may_share_it(aws: Aws) -> None:
    endpoint, answers = Endpoint("housing-forecast"), []
    threads = [threading.Thread(target=lambda: answers.append(endpoint.forecast(REQUEST))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [{"predictions": ["it"]}] * 8


def test_what_the_model_refuses_names_the_field(aws: Aws) -> None:
    fault = {"error": {"code": "unknown_region", "field": "inputs[0].item_id", "message": "not known"}}
    aws.replies["housing-forecast"] = model_error(400, json.dumps(fault))
    with pytest.raises(PredictionError, match=r"^inputs\[0\]\.item_id: not known$"):
        Endpoint("housing-forecast").forecast(REQUEST)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (refusal("ThrottlingException", "Rate exceeded"), "ThrottlingException: Rate exceeded"),
        (model_error(500, "broken"), "ModelError"),
        ((502, {}, b"<html>"), "HTTP 502"),
        ((500, JSON, b'{"__type": "com.amazonaws#InternalFailure"}'), "InternalFailure: HTTP 500"),
        (hanging(1.0), "no answer within 0.2 s"),
    ],
)
def test_any_other_failure_is_the_endpoints(aws: Aws, reply: object, message: str) -> None:
    aws.replies["housing-forecast"] = reply  # type: ignore[assignment]
    with pytest.raises(DeploymentError, match=message):
        Endpoint("housing-forecast").forecast(REQUEST, timeout_seconds=0.2)


def test_an_endpoint_that_cannot_be_reached_is_said_to_be(monkeypatch: pytest.MonkeyPatch, aws: Aws) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "http://127.0.0.1:1")
    with pytest.raises(DeploymentError, match="endpoint housing-forecast: not reachable"):
        Endpoint("housing-forecast").forecast(REQUEST)


def test_half_an_answer_is_none(aws: Aws) -> None:
    aws.replies["housing-forecast"] = 200, {**JSON, "content-length": "100"}, b'{"predictions": ["half'
    with pytest.raises(DeploymentError, match="not reachable: ProtocolError"):
        Endpoint("housing-forecast").forecast(REQUEST)
    assert len(aws.asked) == 1, "the model has worked already"


def test_a_server_that_dies_over_a_request_is_not_asked_again_and_one_that_closed_a_kept_connection_is(aws: Aws) -> None:
    def dying() -> Reply:
        aws.replies["housing-forecast"] = answering("it")
        aws.drop_connections()
        return answering("nobody")

    aws.replies["housing-forecast"] = dying
    endpoint = Endpoint("housing-forecast")
    with pytest.raises(DeploymentError, match="not reachable: ProtocolError"):
        endpoint.forecast(REQUEST)
    assert len(aws.asked) == 1
    assert endpoint.forecast(REQUEST) == {"predictions": ["it"]}
    aws.replies["housing-forecast"] = dying
    assert endpoint.forecast(REQUEST) == {"predictions": ["it"]}
    assert len(aws.asked) == 4


def test_an_answer_in_drops_ends_at_the_deadline(aws: Aws) -> None:
    aws.drip_seconds = 0.1
    aws.replies["housing-forecast"] = 200, JSON, b"x" * 400_000
    with pytest.raises(SignedError) as caught:
        Endpoint("housing-forecast").invoke(b"{}", timeout_seconds=0.35)
    assert caught.value.timed_out


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody but its own file vouches for; the key lies in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(hours=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    path = tmp_path / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.sign(key, SHA256()).public_bytes(Encoding.PEM) + private)
    return path


def test_a_server_that_nobody_vouches_for_is_not_talked_to(monkeypatch: pytest.MonkeyPatch, aws: Aws, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(context) as secure:
        monkeypatch.setenv("AWS_ENDPOINT_URL", secure.url)
        secure.replies["housing-forecast"] = answering("secure")
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
        with pytest.raises(DeploymentError, match="not reachable: SSLError"):
            Endpoint("housing-forecast").forecast(REQUEST)
        assert not secure.asked
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
        assert Endpoint("housing-forecast").forecast(REQUEST) == {"predictions": ["secure"]}
        monkeypatch.setenv("AWS_ENDPOINT_URL", secure.url.replace("127.0.0.1", "localhost"))
        with pytest.raises(DeploymentError, match="not reachable"):
            Endpoint("housing-forecast").forecast(REQUEST)
        assert len(secure.asked) == 1


@pytest.mark.parametrize(
    ("region", "host"), [("us-east-1", "amazonaws.com"), ("cn-north-1", "amazonaws.com.cn"), ("us-gov-west-1", "amazonaws.com")]
)
def test_without_an_endpoint_url_it_is_amazons(monkeypatch: pytest.MonkeyPatch, region: str, host: str) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert signed._address(SAGEMAKER_RUNTIME, region) == f"https://runtime.sagemaker.{region}.{host}"


@pytest.mark.parametrize("url", ["", "forecast", "ftp://x", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(DeploymentError, match="is no address; write https://HOST"):
        Connection(url)


def test_without_credentials_or_region_one_line_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(DeploymentError, match="AWS_REGION: names no region"):
        Endpoint("housing-forecast")
    with pytest.raises(DeploymentError, match="credentials: none found"):
        Endpoint("housing-forecast", "us-east-1")


def test_the_credentials_of_the_chain_are_used_where_the_environment_has_none(
    monkeypatch: pytest.MonkeyPatch, aws: Aws, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = AKIDFILE\naws_secret_access_key = other\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    Endpoint("housing-forecast").forecast(REQUEST)
    assert "Credential=AKIDFILE/" in aws.asked[0].headers["authorization"]
