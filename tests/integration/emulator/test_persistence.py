"""S3 objects survive the emulator, however it ends."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from emulator import lifecycle
from emulator.home import Home

LOCATION = {"LocationConstraint": "eu-west-1"}


@pytest.fixture
def home(tmp_path):
    yield tmp_path / "home"
    lifecycle.down(tmp_path / "home")


def _kill(home):
    """As the kernel would: no chance to write anything at the end."""
    run = Home.at(home).last_run()
    os.kill(run.pid, signal.SIGKILL)
    while Home.at(home).is_locked():
        pass


def test_objects_come_back_after_a_kill_with_all_that_belongs_to_them(home, start_emulator):
    s3 = start_emulator(home).client("s3")
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration=LOCATION)
    s3.put_object(Bucket="kept", Key="a/ü b", Body=b"content", ContentType="text/csv", Metadata={"k": "v"}, Tagging="stage=raw")
    before = s3.head_object(Bucket="kept", Key="a/ü b", ChecksumMode="ENABLED")
    _kill(home)

    s3 = start_emulator(home).client("s3")
    after = s3.get_object(Bucket="kept", Key="a/ü b", ChecksumMode="ENABLED")
    assert after["Body"].read() == b"content"
    for field in ("ETag", "LastModified", "ContentType", "ContentLength", "Metadata", "ChecksumCRC32"):
        assert after[field] == before[field], field
    assert s3.get_object_tagging(Bucket="kept", Key="a/ü b")["TagSet"] == [{"Key": "stage", "Value": "raw"}]


def test_what_was_overwritten_copied_or_deleted_is_so_after_a_restart(home, start_emulator):
    s3 = start_emulator(home).client("s3")
    for bucket in ("kept", "gone"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=LOCATION)
    for key in ("one", "two", "three", "four"):
        s3.put_object(Bucket="kept", Key=key, Body=key.encode())
    s3.put_object(Bucket="kept", Key="one", Body=b"newer")
    s3.copy_object(Bucket="kept", Key="copy", CopySource={"Bucket": "kept", "Key": "one"})
    s3.delete_object(Bucket="kept", Key="two")
    s3.delete_objects(Bucket="kept", Delete={"Objects": [{"Key": "three"}, {"Key": "absent"}]})
    s3.delete_bucket(Bucket="gone")
    lifecycle.down(home)

    s3 = start_emulator(home).client("s3")
    contents = {
        item["Key"]: s3.get_object(Bucket="kept", Key=item["Key"])["Body"].read() for item in s3.list_objects_v2(Bucket="kept")["Contents"]
    }
    assert contents == {"one": b"newer", "copy": b"newer", "four": b"four"}
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["kept"]


def test_a_buckets_settings_come_back(home, start_emulator):
    running = start_emulator(home)
    s3, queue = running.client("s3"), running.client("sqs").create_queue(QueueName="q")
    assert queue["QueueUrl"]
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration=LOCATION)
    s3.put_bucket_tagging(Bucket="kept", Tagging={"TagSet": [{"Key": "team", "Value": "prices"}]})
    s3.put_bucket_policy(Bucket="kept", Policy='{"Statement":[]}')
    s3.delete_bucket_policy(Bucket="kept")
    _kill(home)

    s3 = start_emulator(home).client("s3")
    assert s3.get_bucket_tagging(Bucket="kept")["TagSet"] == [{"Key": "team", "Value": "prices"}]
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket="kept")


def test_a_kill_in_the_middle_of_writing_leaves_whole_objects_and_loses_none_that_was_answered(home, start_emulator):
    running = start_emulator(home)
    running.client("s3").create_bucket(Bucket="kept", CreateBucketConfiguration=LOCATION)
    answered: list[int] = []

    def write(offset: int) -> None:
        s3 = running.client("s3")
        for number in range(offset, 4000, 2):
            try:
                s3.put_object(Bucket="kept", Key=f"{number}", Body=b"%d," % number * 5000)
            except (BotoCoreError, ClientError):
                return
            answered.append(number)

    writers = [threading.Thread(target=write, args=(offset,)) for offset in (0, 1)]
    for writer in writers:
        writer.start()
    while len(answered) < 40:
        pass
    _kill(home)
    for writer in writers:
        writer.join()

    s3 = start_emulator(home).client("s3")
    kept = {
        int(item["Key"]): item["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="kept") for item in page["Contents"]
    }
    assert set(answered) <= set(kept)
    for number, key in kept.items():
        assert s3.get_object(Bucket="kept", Key=key)["Body"].read() == b"%d," % number * 5000
    records = len(kept)
    assert sum(1 for path in (home / "s3" / "values").glob("*/*")) == records
