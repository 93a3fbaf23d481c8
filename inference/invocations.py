"""POST /invocations: from a body to the answer, in one piece, or chunk by chunk for a long body of records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

from inference import content
from inference.content import Decoded
from inference.contract import Asked, Input, Records, Row
from inference.errors import RequestError
from inference.http import Answer, Request
from inference.model import Model, Outlook, Work
from inference.prediction import Response
from inference.series import Series
from inference.state import State

Answers = list[Response | RequestError]


class Invocations:
    """The handler of the forecast routes."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def __call__(self, request: Request) -> Answer:
        """The answer to one request; RequestError for what has no meaning as a whole."""
        headers, body = request.headers, request.body
        sent = content.request_type(headers.get(b"content-type", b"").decode("latin-1"))
        wanted = content.response_type(headers.get(b"accept", b"").decode("latin-1"), sent)
        model = self.state.answering()
        attributes = headers.get(content.ATTRIBUTES.lower().encode(), b"").decode("latin-1")
        chunks = content.decode(body, sent, attributes)
        first = next(chunks, None)
        if first is None:
            if sent == wanted == content.JSON_LINES:
                return Answer(b"", wanted)
            raise RequestError("invalid_value", "", "the body holds no series")
        if next(chunks, None) is None:
            return Answer(content.encode(await self._answers(model, first), wanted), wanted)
        return await self._long(model, lambda: content.decode(body, sent, attributes), (sent, wanted))

    async def _long(self, model: Model, chunks: Callable[[], Iterator[Decoded]], types: tuple[str, str]) -> Answer:
        """A body of several chunks. Where an answer has no place for an error, all records are checked before the first is answered."""
        sent, wanted = types
        if sent == wanted == content.JSON_LINES:
            return Answer(content_type=wanted, stream=self._stream(model, chunks(), wanted))
        shape, count = (0, 0, 0), 0
        for chunk in chunks():
            for asked in chunk:
                if isinstance(asked, RequestError):
                    raise asked
                settings, targets = model.resolve(asked, _first(asked))
                count += len(targets)
                shape = (count, settings.horizon, len(settings.levels))
            await asyncio.sleep(0)
        if sent == wanted and sent in {content.CSV, content.NPY}:
            head = content.npy_header(shape) if wanted == content.NPY else b""
            return Answer(content_type=wanted, stream=self._stream(model, chunks(), wanted, head))
        answers: Answers = []
        for chunk in chunks():
            answers += await self._answers(model, chunk)
        return Answer(content.encode(answers, wanted), wanted)

    async def _stream(self, model: Model, chunks: Iterator[Decoded], wanted: str, head: bytes = b"") -> AsyncIterator[bytes]:
        if head:
            yield head
        for chunk in chunks:
            try:
                answers = await self._answers(model, chunk)
            except RequestError as error:
                if wanted != content.JSON_LINES:
                    raise
                answers = [error] * len(chunk)
            yield content.npy_values(answers) if wanted == content.NPY else content.encode(answers, wanted)

    async def _answers(self, model: Model, requests: Decoded) -> Answers:
        """One response or error per request; the unseen series of all of them go to the model together."""
        resolved = [_resolve(model, request) for request in requests]
        unseen = [one for work in resolved if isinstance(work, tuple) for one in work[1] if isinstance(one, Series)]
        upcoming = iter(await self._predict(unseen) if unseen else [])
        return [
            work if isinstance(work, RequestError) else _response(model, request, work, upcoming)
            for request, work in zip(requests, resolved, strict=True)
        ]

    def _predict(self, unseen: list[Series]) -> Awaitable[Sequence[Outlook]]:
        """Outlooks from the batcher. When the client goes away the task that waits for them is cancelled, and they with it."""
        if self.state.batcher is None:
            raise RequestError("not_ready", "", "the model is being loaded", 503, 1)
        return self.state.batcher.submit(unseen)


def _resolve(model: Model, request: Asked | RequestError) -> Work | RequestError:
    if isinstance(request, RequestError):
        return request
    try:
        return model.resolve(request, _first(request))
    except RequestError as error:
        return error


def _first(asked: Asked) -> int:
    return asked.first if isinstance(asked, Records) else 0


def _response(model: Model, request: Asked | RequestError, work: Work, outlooks: Iterator[Outlook]) -> Response | RequestError:
    """The predictions of one request; takes as many of `outlooks` as it has unseen series."""
    if isinstance(request, RequestError):
        return request
    wanted, targets = work
    predictions = [
        model.known(target, wanted) if isinstance(target, int) else model.render(next(outlooks), wanted, _name(item), target.dated)
        for item, target in zip(request.inputs, targets, strict=True)
    ]
    return Response(predictions, request.id)


def _name(item: Input | Row) -> str | None:
    return None if isinstance(item, Row) else item.item_id
