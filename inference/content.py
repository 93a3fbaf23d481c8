"""Media types: how a body becomes requests, and responses a body.

| type | request | response |
| --- | --- | --- |
| `application/json` | one request | one response |
| `application/jsonlines`, `application/x-ndjson` | one request per line | one response, or one error object, per line, in order |
| `text/csv` | one series per line: its name, then its prices, oldest first; the name alone means a known region | one line per series |
| `application/x-npy` | float array (N, T), NaN where not observed | float64 array (N, H, L) |

CSV and npy bodies carry no parameters: they are taken as JSON from the header `X-Amzn-SageMaker-Custom-Attributes`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from inference.contract import Asked, Input, Parameters, Records, Row, decode_parameters, decode_request
from inference.errors import RequestError
from inference.prediction import Response

JSON = "application/json"
JSON_LINES = "application/jsonlines"
CSV = "text/csv"
NPY = "application/x-npy"
TYPES: tuple[str, ...] = (JSON, JSON_LINES, CSV, NPY)
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"

CHUNK = 1024
CHUNK_BYTES = 2**22
"""Records, and bytes of them, that are decoded, answered and written at a time: a body of any length takes the memory of one chunk."""

_CELL_BYTES = 8

_ALIASES = {"application/x-ndjson": JSON_LINES, "application/jsonl": JSON_LINES, "application/x-jsonlines": JSON_LINES, "": JSON}

Decoded = list[Asked | RequestError]
Record = TypeVar("Record")


def request_type(content_type: str) -> str:
    """The media type of a body; RequestError 415 when it is none of ours."""
    name = content_type.partition(";")[0].strip().lower()
    name = _ALIASES.get(name, name)
    if name not in TYPES:
        raise RequestError("unsupported_media_type", "Content-Type", f"{name[:60]!r}: send one of {', '.join(TYPES)}", 415)
    return name


def response_type(accept: str, sent: str) -> str:
    """The media type of the answer: the best that `Accept` names, or the one that was sent; RequestError 406 when there is none."""
    ranked: list[tuple[float, str]] = []
    for part in accept.split(","):
        name, _, parameters = part.partition(";")
        ranked.append((_quality(parameters), name.strip().lower()))
    for quality, name in sorted(ranked, key=lambda pair: -pair[0]):
        known = _ALIASES.get(name, name)
        if quality <= 0:
            continue
        if known in TYPES and name:
            return known
        if name in {"", "*/*"} or (name.endswith("/*") and sent.startswith(name[:-1])):
            return sent
    raise RequestError("not_acceptable", "Accept", f"{accept[:60]!r}: this server answers {', '.join(TYPES)}", 406)


def decode(body: bytes, kind: str, attributes: str) -> Iterator[Decoded]:
    """The requests of a body, in chunks. A bad line of JSON Lines is an error in its place; in the other types it is raised."""
    if kind == JSON:
        return iter([[decode_request(body)]])
    if kind == JSON_LINES:
        return _lines(body)
    parameters = decode_parameters(attributes.encode(), ATTRIBUTES) if attributes.lstrip().startswith("{") else Parameters()
    return _from_csv(body, parameters) if kind == CSV else _from_npy(body, parameters)


def encode(answers: Sequence[Response | RequestError], kind: str) -> bytes:
    """The body of a chunk of answers. Only JSON Lines has a place for an error; in the other types the first is raised."""
    if kind == JSON_LINES:
        return b"".join((one.body() if isinstance(one, RequestError) else one.json) + b"\n" for one in answers)
    responses = []
    for one in answers:
        if isinstance(one, RequestError):
            raise one
        responses.append(one)
    if kind == JSON:
        return responses[0].json if len(responses) == 1 else b"[" + b",".join(one.json for one in responses) + b"]"
    return _to_csv(responses) if kind == CSV else _to_npy(responses)


def _lines(body: bytes) -> Iterator[Decoded]:
    for lines in _grouped((line for line in io.BytesIO(body) if line.strip()), len):
        yield [_line(line) for line in lines]


def _grouped(records: Iterable[Record], size: Callable[[Record], int]) -> Iterator[list[Record]]:
    """Records in chunks: as many as both limits allow, and one at least."""
    chunk: list[Record] = []
    room = CHUNK_BYTES
    for record in records:
        room -= size(record)
        if chunk and (room < 0 or len(chunk) == CHUNK):
            yield chunk
            chunk, room = [], CHUNK_BYTES - size(record)
        chunk.append(record)
    if chunk:
        yield chunk


def _line(line: bytes) -> Asked | RequestError:
    try:
        return decode_request(line)
    except RequestError as error:
        return error


def _from_csv(body: bytes, parameters: Parameters) -> Iterator[Decoded]:
    rows = csv.reader(io.TextIOWrapper(io.BytesIO(body), encoding="utf-8", newline=""), strict=True)
    numbered, first = ((row, rows.line_num) for row in rows if row), 0
    try:
        for chunk in _grouped(numbered, lambda pair: _CELL_BYTES * len(pair[0])):
            yield [Records([_csv_input(row, number) for row, number in chunk], parameters, first)]
            first += len(chunk)
    except (UnicodeDecodeError, csv.Error) as error:
        raise RequestError("malformed_csv", f"line {rows.line_num}", f"not readable as CSV in UTF-8: {error}") from error


def _csv_input(row: list[str], number: int) -> Input:
    name = row[0].strip() or None
    if len(row) == 1:
        return Input(item_id=name)
    try:
        return Input(item_id=name, target=[float(cell) if cell.strip() else None for cell in row[1:]])
    except ValueError as error:
        raise RequestError("malformed_csv", f"line {number}", f"{error}; write NAME,PRICE,PRICE,... and leave gaps empty") from error


def _from_npy(body: bytes, parameters: Parameters) -> Iterator[Decoded]:
    try:
        table = np.lib.format.read_array(io.BytesIO(body), allow_pickle=False, max_header_size=1000)
    except (ValueError, EOFError, OSError, MemoryError, SyntaxError) as error:
        raise RequestError("malformed_npy", "", f"not readable as an npy array: {error}".replace("\n", " ")[:200]) from error
    if table.ndim != 2 or table.dtype.kind not in "fiu":
        raise RequestError("malformed_npy", "", f"shape {table.shape} of {table.dtype}: send numbers of shape (series, periods)")
    count = max(1, min(CHUNK, CHUNK_BYTES // (_CELL_BYTES * max(1, table.shape[1]))))
    for first in range(0, len(table), count):
        yield [Records([Row(row) for row in table[first : first + count].astype(np.float64)], parameters, first)]


def _to_csv(responses: Sequence[Response]) -> bytes:
    """`item_id,drawdown_probability,model_version` and the values, horizon by horizon, level by level."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for response in responses:
        for one in response.predictions:
            risk = "" if one.drawdown_probability is None else one.drawdown_probability
            writer.writerow([one.item_id or "", risk, one.model_version, *one.values.ravel().tolist()])
    return text.getvalue().encode()


def _to_npy(responses: Sequence[Response]) -> bytes:
    predictions = [one for response in responses for one in response.predictions]
    if len({one.values.shape for one in predictions}) != 1:
        raise RequestError("not_acceptable", "Accept", "an npy answer needs series of one horizon and number of levels", 406)
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.stack([one.values for one in predictions]), allow_pickle=False)
    return buffer.getvalue()


def npy_header(shape: tuple[int, ...]) -> bytes:
    """What goes before the values of a float64 array of `shape`."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def npy_values(answers: Sequence[Response | RequestError]) -> bytes:
    """The values of some answers, without a header."""
    return b"".join(np.ascontiguousarray(p.values).tobytes() for one in answers if isinstance(one, Response) for p in one.predictions)


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
