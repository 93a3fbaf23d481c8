"""The pollers behind event source mappings: a queue's messages go to a function in batches, and leave the queue when it is done."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import moto.sqs.models
from botocore.exceptions import BotoCoreError, ClientError

from emulator.clients import Clients
from emulator.context import Context
from emulator.errors import ApiError
from emulator.events.patterns import matches
from emulator.functions.invoke import Invoker
from emulator.functions.reference import function_of
from emulator.loop import EventLoop
from emulator.queues import url_of

KIND = "event-source-mapping"
_LOOK_SECONDS = 0.05
_RECEIVED_AT_ONCE = 10
_PAYLOAD_BYTES = 6 * 1024 * 1024
_CONCURRENCY = 5
_LOG = logging.getLogger(__name__)
_MOTO: Any = moto.sqs.models

Message = dict[str, Any]


class Pollers:
    """The pollers of one emulator; `context.part(Pollers)` is the one to use. One thread for each mapping that is enabled."""

    def __init__(self, context: Context) -> None:
        self._context, self._lock = context, threading.Lock()
        self._running: dict[str, _Poller] = {}

    def changed(self) -> None:
        """Read the mappings anew: start the pollers of new ones, stop those of changed and deleted ones."""
        with self._lock:
            enabled = {one["UUID"]: one for one in self._context.store.list(KIND, where=lambda one: one["State"] == "Enabled")}
            for identity, poller in list(self._running.items()):
                if enabled.get(identity) != poller.mapping:
                    poller.stop()
                    del self._running[identity]
            for identity, mapping in enabled.items():
                if identity not in self._running:
                    self._running[identity] = _Poller(self._context, mapping)

    def close(self) -> None:
        """Stop; messages under way become visible again."""
        with self._lock:
            for poller in self._running.values():
                poller.stop()


class _Poller:
    """One mapping at work."""

    def __init__(self, context: Context, mapping: dict[str, Any]) -> None:
        self.mapping = mapping
        self._context, self._stopped = context, threading.Event()
        slots = mapping.get("ScalingConfig", {}).get("MaximumConcurrency", _CONCURRENCY)
        self._slots = threading.Semaphore(slots)
        self._threads = ThreadPoolExecutor(slots, f"batch-{mapping['UUID'][:8]}")
        self._queue = mapping["EventSourceArn"].rpartition(":")[2]
        threading.Thread(target=self._run, name=f"poller-{mapping['UUID'][:8]}", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            if not self._waiting():
                continue
            self._slots.acquire()
            try:
                messages = list(self._gather())
                if messages and not self._stopped.is_set():
                    self._threads.submit(self._work, messages)
                    continue
            except (ClientError, BotoCoreError) as error:
                _LOG.warning("queue %s: %s", self._queue, error)
                self._stopped.wait(1.0)
            except RuntimeError:  # the pool was shut down meanwhile
                pass
            self._slots.release()

    def _waiting(self) -> bool:
        """Whether the queue has a message to give: a look into moto, so that an idle queue costs no request."""
        queue = _MOTO.sqs_backends[self._context.account][self._context.region].queues.get(self._queue)
        return queue is not None and any(message.visible and not message.delayed for message in list(queue._messages))

    def _gather(self) -> Iterator[Message]:
        """Messages up to the size of a batch, for as long as its window is open, without those that a filter leaves out."""
        size, window = self.mapping["BatchSize"], self.mapping["MaximumBatchingWindowInSeconds"] * self._context.wait_scale
        closing, count, weight = time.monotonic() + window, 0, 0
        while count < size and weight < _PAYLOAD_BYTES:
            received = self._receive(min(size - count, _RECEIVED_AT_ONCE))
            kept = [message for message in received if self._passes(message)]
            self._delete([message for message in received if message not in kept])
            count, weight = count + len(kept), weight + sum(len(message["Body"]) for message in kept)
            yield from kept
            if not received and (time.monotonic() >= closing or self._stopped.wait(_LOOK_SECONDS)):
                return

    def _receive(self, count: int) -> list[Message]:
        sqs = self._context.part(Clients).get("sqs")
        names = {"MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["All"]}
        url = url_of(self._context, self.mapping["EventSourceArn"])
        found: list[Message] = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=count, WaitTimeSeconds=0, **names).get("Messages", [])
        return found

    def _passes(self, message: Message) -> bool:
        filters = self.mapping.get("FilterCriteria", {}).get("Filters", [])
        seen = {"body": _json_or_text(message["Body"])}
        return not filters or any(matches(json.loads(one["Pattern"]), seen) for one in filters)

    def _work(self, messages: list[Message]) -> None:
        try:
            self._delete(self._done(messages))
        except (ApiError, ClientError, BotoCoreError) as error:
            _LOG.warning("queue %s: a batch of %d goes back: %s", self._queue, len(messages), error)
        except RuntimeError:
            _LOG.info("queue %s: a batch of %d was under way when the emulator stopped", self._queue, len(messages))
        finally:
            self._slots.release()

    def _done(self, messages: list[Message]) -> list[Message]:
        """The messages that the function is done with; the others become visible again after the queue's timeout."""
        event = {"Records": [self._record(message) for message in messages]}
        function = function_of(self._context, self.mapping["FunctionArn"])
        call = self._context.part(Invoker).call(function, json.dumps(event).encode())
        outcome = self._context.part(EventLoop).wait(call)
        if outcome.failed:
            return []
        if "ReportBatchItemFailures" not in self.mapping.get("FunctionResponseTypes", []):
            return messages
        failed = failures(outcome.payload, {message["MessageId"] for message in messages})
        return [] if failed is None else [message for message in messages if message["MessageId"] not in failed]

    def _record(self, message: Message) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self.mapping["EventSourceArn"],
            "awsRegion": self._context.region,
        }

    def _delete(self, messages: list[Message]) -> None:
        if not messages:
            return
        sqs, url = self._context.part(Clients).get("sqs"), url_of(self._context, self.mapping["EventSourceArn"])
        for begin in range(0, len(messages), _RECEIVED_AT_ONCE):
            part = enumerate(messages[begin : begin + _RECEIVED_AT_ONCE])
            entries = [{"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in part]
            sqs.delete_message_batch(QueueUrl=url, Entries=entries)


def failures(payload: bytes, known: set[str]) -> set[str] | None:
    """The messages that a function reports as failed; None when its report is none, which fails the whole batch.

    An empty answer, an empty list and a null list report success; a name that is empty or not of the batch makes the report invalid.
    """
    answer = json.loads(payload or b"null")
    if answer is None or answer in ({}, ""):
        return set()
    if not isinstance(answer, dict):
        return None
    items = answer.get("batchItemFailures") or []
    names = [str(item.get("itemIdentifier")) if isinstance(item, dict) else "" for item in items]
    return None if any(name not in known for name in names) else set(names)


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    kept = {f"{key[0].lower()}{key[1:]}": item for key, item in value.items() if key in ("StringValue", "BinaryValue", "DataType")}
    return {**kept, "stringListValues": [], "binaryListValues": []}


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
