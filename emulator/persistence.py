"""moto's S3, kept on disk: each answered change is on disk before its answer leaves."""

from __future__ import annotations

import datetime as dt
import io
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, unquote

import moto.s3.models

from emulator.object_store import ObjectStore, StoredValue

ACCOUNT = "123456789012"
_MOTO: Any = moto.s3.models  # reached into: its keys get a buffer of ours, which its annotations don't allow for
_REPLAYED_HEADERS = ("CONTENT_TYPE", "HTTP_CONTENT_MD5", "HTTP_AUTHORIZATION", "HTTP_HOST")
_RECORDED = ("checksum_algorithm", "checksum_value", "checksum_type", "checksum_parts", "encryption", "kms_key_id")
_STRIPES = 64

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


class PersistentS3:
    """A WSGI application around moto's: it writes what a request changed, and restores it all at the next start.

    What is kept: buckets, their settings (replayed as the requests that made them), the newest version of each object with
    metadata, tags, checksums, ETag and times; older versions can be read until the process ends. Uploads in parts that were not
    completed are lost with the process, as an abort.
    """

    def __init__(self, app: WsgiApp, store: ObjectStore) -> None:
        self._app = app
        self._store = store
        self._locks = [threading.Lock() for _ in range(_STRIPES)]
        _MOTO.FakeKey.instances_tracked = _Untracked()

    @property
    def backend(self) -> Any:
        return _MOTO.s3_backends[ACCOUNT]["aws"]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in ("GET", "HEAD", "OPTIONS"):
            return self._app(environ, start_response)
        answer: list[Any] = []
        setting = _setting(environ)

        def hold(*values: Any) -> Callable[[bytes], None]:
            answer[:] = values
            return lambda _: None

        body = self._app(environ, hold)
        if answer[0].startswith("2"):
            self._write(environ, setting)
        start_response(*answer)
        return body

    def _write(self, environ: dict[str, Any], setting: tuple[str, bytes] | None) -> None:
        bucket, key = address(environ)
        if setting is not None:
            self._write_setting(environ, bucket, *setting)
        elif key:
            self.save_object(bucket, key)
        elif environ["REQUEST_METHOD"] == "POST":
            self.save_bucket(bucket)
        else:
            self._write_bucket(bucket)

    def _write_setting(self, environ: dict[str, Any], bucket: str, name: str, body: bytes) -> None:
        if environ["REQUEST_METHOD"] == "DELETE":
            self._store.delete_setting(bucket, name)
            return
        record = {name: environ[name] for name in _REPLAYED_HEADERS if name in environ}
        record |= {"PATH_INFO": environ["PATH_INFO"], "QUERY_STRING": environ["QUERY_STRING"], "RAW_URI": environ["RAW_URI"]}
        self._store.put_setting(bucket, name, record, body)

    def _write_bucket(self, name: str) -> None:
        bucket = self.backend.buckets.get(name)
        if bucket is None:
            self._store.delete_bucket(name)
            return
        self._store.put_bucket(name, {"region": bucket.region_name, "created": bucket.creation_date.isoformat()})

    def save_bucket(self, name: str) -> None:
        """Write whatever differs between moto's bucket and the disk: after a request that names many keys."""
        bucket = self.backend.buckets.get(name)
        in_memory = set(bucket.keys) if bucket is not None else set()
        on_disk = set(self._store.keys(name))
        for key in in_memory ^ on_disk:
            self.save_object(name, key)

    def save_object(self, bucket: str, key: str) -> None:
        """Bring the disk's copy of one object to what moto holds now; the object may be gone."""
        with self._locks[hash((bucket, key)) % _STRIPES]:
            while True:
                holder = self.backend.buckets.get(bucket)
                found = holder.keys.get(key) if holder is not None else None
                if not isinstance(found, _MOTO.FakeKey):
                    self._store.delete(bucket, key, holder is not None and holder.is_versioned)
                    return
                if self._save_key(bucket, key, found, holder.is_versioned):
                    return

    def _save_key(self, bucket: str, key: str, found: Any, versioned: bool) -> bool:
        """Write one key. False when another request replaced it meanwhile."""
        if found.disposed:
            return False
        if not isinstance(found._value_buffer, StoredValue):
            try:
                etag = found.etag
                with found.lock:
                    path = self._store.write_value(found._value_buffer)
            except ValueError:  # its buffer was closed: the key was replaced while it was read
                return False
            buffer, found._value_buffer = found._value_buffer, StoredValue(path)
            buffer.close()
            if found.multipart is not None:
                found.multipart.dispose()
                found.multipart = None
            found._etag = etag.strip('"')
        self._store.put(bucket, key, found._value_buffer.path, self._record(found), versioned)
        return True

    def _record(self, key: Any) -> dict[str, Any]:
        return {
            "region": key.region_name,
            "size": key.contentsize,
            "etag": key._etag,
            "last_modified": key.last_modified.isoformat(),
            "storage": key.storage_class,
            "metadata": dict(key.metadata),
            "tags": self.backend.tagger.get_tag_dict_for_resource(key.arn),
            **{name: getattr(key, name) for name in _RECORDED},
        }

    def restore(self) -> int:
        """Put everything on disk back into moto. Returns the number of objects."""
        backend, count = self.backend, 0
        for name, record in self._store.buckets():
            bucket = _MOTO.FakeBucket(name=name, account_id=ACCOUNT, region_name=record["region"])
            bucket.creation_date = dt.datetime.fromisoformat(record["created"])
            backend.buckets[name] = bucket
        for row in self._store.objects():
            if row.bucket in backend.buckets and row.value.exists():
                backend.buckets[row.bucket].keys[row.key] = self._restored(row.bucket, row.key, StoredValue(row.value), row.record)
                count += 1
        for record, body in self._store.settings():
            self._replay(record, body)
        return count

    def _restored(self, bucket: str, name: str, value: StoredValue, record: dict[str, Any]) -> Any:
        key = _MOTO.FakeKey(
            name, b"", ACCOUNT, record["region"], storage=record["storage"], etag=record["etag"], bucket_name=bucket, version_id="null"
        )
        key._value_buffer.close()
        key._value_buffer = value
        key.contentsize = record["size"]
        key.last_modified = dt.datetime.fromisoformat(record["last_modified"])
        key._metadata.update(record["metadata"])
        for attribute in _RECORDED:
            setattr(key, attribute, record[attribute])
        if record["tags"]:
            self.backend.tagger.tag_resource(key.arn, [{"Key": name, "Value": value} for name, value in record["tags"].items()])
        return key

    def _replay(self, record: dict[str, Any], body: bytes) -> None:
        environ = request_environ("PUT", record, body)
        for _ in self._app(environ, lambda *_: None):
            continue


class _Untracked(list[Any]):
    """moto remembers each key it ever made, for its reset page; a server that lives for days must not."""

    def append(self, _: Any) -> None:
        return


def request_environ(method: str, record: dict[str, Any], body: bytes) -> dict[str, Any]:
    """A WSGI environment for a request that comes from no socket."""
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        **record,
    }


def address(environ: dict[str, Any]) -> tuple[str, str]:
    """Bucket and key of a path-style S3 request; the key is empty for a request to the bucket."""
    path = unquote(environ["RAW_URI"].split("?", 1)[0])
    bucket, _, key = path.lstrip("/").partition("/")
    return bucket, key


def _setting(environ: dict[str, Any]) -> tuple[str, bytes] | None:
    """Name and body of a request that configures a bucket (`PUT /bucket?notification`), or None. Reads the body, and puts it back."""
    bucket, key = address(environ)
    names = [name for name in parse_qs(environ["QUERY_STRING"], keep_blank_values=True) if name not in ("x-id", "uploads", "delete")]
    if key or not bucket or not names or environ["REQUEST_METHOD"] == "POST":
        return None
    body = environ["wsgi.input"].read()
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return names[0], body
