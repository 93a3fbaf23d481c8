"""One address for every service."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError


def _bucket(emulator: Any, name: str) -> Any:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return s3


def _get(url: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as response:
        return bytes(response.read())


def test_the_signature_chooses_the_service(emulator):
    s3 = _bucket(emulator, "front-door-services")
    sqs = emulator.client("sqs")
    url = sqs.create_queue(QueueName="front-door")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="hello")

    assert "front-door-services" in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "hello"
    assert emulator.client("sts").get_caller_identity()["Account"] == "123456789012"
    with pytest.raises(ClientError, match="Function not found"):
        emulator.client("lambda").get_function(FunctionName="front-door-absent")


def test_an_unsigned_request_sees_the_status(emulator):
    page = json.loads(_get(emulator.url + "/health"))
    assert (page["home"], page["url"]) == (str(emulator.home), emulator.url)


def test_only_loopback_is_bound(emulator):
    port = int(emulator.url.rpartition(":")[2])
    table = Path("/proc/net/tcp").read_text().splitlines()
    listening = {fields[1] for fields in map(str.split, table) if fields[3] == "0A"}
    assert f"0100007F:{port:04X}" in listening
    assert f"00000000:{port:04X}" not in listening


def test_a_web_page_from_elsewhere_gets_nothing_and_may_read_nothing(emulator):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for method in ("GET", "POST", "OPTIONS"):
        request = urllib.request.Request(emulator.url + "/", headers={"Origin": "https://example.com"}, method=method)
        with pytest.raises(urllib.error.HTTPError) as caught:
            opener.open(request, timeout=30)
        assert caught.value.code == 403
        assert "Access-Control-Allow-Origin" not in caught.value.headers


def test_an_operation_that_moto_lacks_is_named_and_not_retried(emulator):
    cloudwatch = emulator.client("cloudwatch", config=Config(retries={"total_max_attempts": 5}))
    with pytest.raises(ClientError, match="put_anomaly_detector") as caught:
        cloudwatch.put_anomaly_detector()
    assert caught.value.response["Error"]["Code"] == "NotImplemented"
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_keys_keep_every_character(emulator):
    s3 = _bucket(emulator, "front-door-keys")
    for key in ("a b+c", "slash%2Fcoded", "umlaut-ü/✓", "dots/../x", "question?mark&amp"):
        s3.put_object(Bucket="front-door-keys", Key=key, Body=key.encode(), Metadata={"under_score": "kept"})
        answer = s3.get_object(Bucket="front-door-keys", Key=key)
        assert answer["Body"].read() == key.encode()
        assert answer["Metadata"] == {"under_score": "kept"}


def test_a_large_object_goes_through_whole(emulator):
    s3 = _bucket(emulator, "front-door-large")
    content = os.urandom(1 << 20) * 24
    s3.put_object(Bucket="front-door-large", Key="put", Body=content)
    s3.upload_fileobj(io.BytesIO(content), "front-door-large", "parts")
    for key in ("put", "parts"):
        assert s3.get_object(Bucket="front-door-large", Key=key)["Body"].read() == content
    assert s3.head_object(Bucket="front-door-large", Key="parts")["ETag"].endswith('-3"')


def test_presigned_addresses_read_and_write(emulator):
    s3 = _bucket(emulator, "front-door-presigned")
    put = s3.generate_presigned_url("put_object", Params={"Bucket": "front-door-presigned", "Key": "k"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(urllib.request.Request(put, data=b"content", method="PUT"), timeout=30).close()
    assert _get(s3.generate_presigned_url("get_object", Params={"Bucket": "front-door-presigned", "Key": "k"})) == b"content"
    assert b"123456789012" in _get(emulator.client("sts").generate_presigned_url("get_caller_identity"))


def test_a_chunked_upload_with_a_trailing_checksum_is_decoded(emulator):
    s3 = _bucket(emulator, "front-door-trailer")
    content = b"x" * 70_000
    checksum = zlib.crc32(content).to_bytes(4, "big")
    coded = b"".join(
        [b"%x\r\n" % len(part) + part + b"\r\n" for part in (content[:65536], content[65536:])]
        + [b"0\r\nx-amz-checksum-crc32:" + base64.b64encode(checksum) + b"\r\n\r\n"]
    )
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-trailer": "x-amz-checksum-crc32",
        "x-amz-decoded-content-length": str(len(content)),
        "Content-Encoding": "aws-chunked",
        "Content-Type": "application/octet-stream",
    }
    request = AWSRequest("PUT", f"{emulator.url}/front-door-trailer/k", headers=headers, data=coded)
    SigV4Auth(Credentials("test", "test"), "s3", "eu-west-1").add_auth(request)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    prepared = urllib.request.Request(request.url, data=coded, headers=dict(request.headers), method="PUT")
    opener.open(prepared, timeout=30).close()
    assert hashlib.sha256(s3.get_object(Bucket="front-door-trailer", Key="k")["Body"].read()).digest() == hashlib.sha256(content).digest()


def test_an_upload_of_unknown_length_is_read_to_its_end(emulator):
    s3 = _bucket(emulator, "front-door-stream")
    address = s3.generate_presigned_url("put_object", Params={"Bucket": "front-door-stream", "Key": "k"})
    parts = [b"one,", b"two,", b"three"]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(
        urllib.request.Request(address, data=iter(parts), method="PUT", headers={"Transfer-Encoding": "chunked"}), timeout=30
    ).close()
    assert s3.get_object(Bucket="front-door-stream", Key="k")["Body"].read() == b"".join(parts)
