"""A request's service is in its signature."""

import pytest

from emulator.routing import is_foreign, service_of, signed_service


def _signed(service: str) -> list[tuple[bytes, bytes]]:
    scope = f"AWS4-HMAC-SHA256 Credential=AKID/20261123/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    return [(b"host", b"127.0.0.1"), (b"authorization", scope.encode())]


@pytest.mark.parametrize("service", ["s3", "sagemaker", "lambda", "monitoring", "execute-api"])
def test_the_authorization_header_names_the_service(service):
    assert signed_service(_signed(service), b"") == service


def test_a_presigned_address_names_the_service():
    query = b"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20261123%2Feu-west-1%2Fsts%2Faws4_request&X-Amz-Expires=60"
    assert signed_service([], query) == "sts"


@pytest.mark.parametrize("headers", [[], [(b"authorization", b"Bearer token")], [(b"authorization", b"AWS4-HMAC-SHA256 Credential=AKID")]])
def test_a_request_without_a_signature_has_none(headers):
    assert signed_service(headers, b"prefix=a") is None


def test_the_runtime_is_told_from_the_control_plane_by_its_path():
    assert service_of("sagemaker", "/endpoints/a/invocations") == "sagemaker-runtime"
    assert service_of("sagemaker", "/") == "sagemaker"
    assert service_of("s3", "/endpoints/a") == "s3"


@pytest.mark.parametrize("host", [b"127.0.0.1:4599", b"localhost:4599", b"bucket.localhost", b"[::1]:4599", b"host.docker.internal:4599"])
def test_programs_on_this_computer_are_served(host):
    assert not is_foreign([(b"host", host)])
    assert not is_foreign([(b"host", host), (b"origin", b"http://127.0.0.1:8888")])


@pytest.mark.parametrize(
    "headers",
    [
        [(b"host", b"127.0.0.1:4599"), (b"origin", b"https://example.com")],
        [(b"host", b"127.0.0.1:4599"), (b"origin", b"null")],
        [(b"host", b"rebound.example.com:4599")],
        [(b"host", b"localhost.example.com")],
    ],
)
def test_web_pages_from_elsewhere_are_not(headers):
    assert is_foreign(headers)
