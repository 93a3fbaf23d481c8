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
from collections.abc import Sequence

import numpy as np

from inference.contract import MAX_ITEMS, Input, Parameters, Request, decode_parameters, decode_request
from inference.errors import RequestError
from inference.prediction import Response

JSON = "application/json"
JSON_LINES = "application/jsonlines"
CSV = "text/csv"
NPY = "application/x-npy"

_ALIASES = {"application/x-ndjson": JSON_LINES, "application/jsonl": JSON_LINES, "application/x-jsonlines": JSON_LINES, "": JSON}
TYPES: tuple[str, ...] = (JSON, JSON_LINES, CSV, NPY)
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


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


def decode(body: bytes, kind: str, attributes: str) -> list[Request | RequestError]:
    """The requests of a body. A bad line of JSON Lines is an error in its place; in the other types it is raised."""
    if kind == JSON:
        return [decode_request(body)]
    if kind == JSON_LINES:
        return [_line(line) for line in body.split(b"\n") if line.strip()]
    parameters = decode_parameters(attributes.encode(), ATTRIBUTES) if attributes.lstrip().startswith("{") else Parameters()
    return [_from_csv(body, parameters) if kind == CSV else _from_npy(body, parameters)]


def encode(answers: Sequence[Response | RequestError], kind: str) -> bytes:
    """The body of the answers."""
    if kind == JSON_LINES:
        return b"".join((one.body() if isinstance(one, RequestError) else one.json) + b"\n" for one in answers)
    responses = [one for one in answers if isinstance(one, Response)]
    if len(responses) < len(answers):
        raise next(one for one in answers if isinstance(one, RequestError))
    if kind == JSON:
        return responses[0].json if len(responses) == 1 else b"[" + b",".join(one.json for one in responses) + b"]"
    return _to_csv(responses) if kind == CSV else _to_npy(responses)


def _line(line: bytes) -> Request | RequestError:
    try:
        return decode_request(line)
    except RequestError as error:
        return error


def _from_csv(body: bytes, parameters: Parameters) -> Request:
    try:
        rows = [row for row in csv.reader(io.StringIO(body.decode("utf-8"), newline=""), strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise RequestError("malformed_csv", "", f"not readable as CSV in UTF-8: {error}") from error
    _check_count(len(rows))
    return Request([_csv_input(row, number) for number, row in enumerate(rows, start=1)], parameters)


def _csv_input(row: list[str], number: int) -> Input:
    name = row[0].strip() or None
    if len(row) == 1:
        return Input(item_id=name)
    try:
        return Input(item_id=name, target=[float(cell) if cell.strip() else None for cell in row[1:]])
    except ValueError as error:
        raise RequestError("malformed_csv", f"line {number}", f"{error}; write NAME,PRICE,PRICE,... and leave gaps empty") from error


def _from_npy(body: bytes, parameters: Parameters) -> Request:
    try:
        table = np.lib.format.read_array(io.BytesIO(body), allow_pickle=False, max_header_size=1000)
    except (ValueError, EOFError, OSError, MemoryError, SyntaxError) as error:
        raise RequestError("malformed_npy", "", f"not readable as an npy array: {error}".replace("\n", " ")[:200]) from error
    if table.ndim != 2 or table.dtype.kind not in "fiu":
        raise RequestError("malformed_npy", "", f"shape {table.shape} of {table.dtype}: send numbers of shape (series, periods)")
    _check_count(len(table))
    rows = table.astype(np.float64)
    return Request([Input(target=[None if np.isnan(value) else value for value in row.tolist()]) for row in rows], parameters)


def _check_count(count: int) -> None:
    if not count:
        raise RequestError("invalid_value", "", "the body holds no series")
    if count > MAX_ITEMS:
        raise RequestError("too_many_items", "", f"{count} series; at most {MAX_ITEMS} in one request")


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


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
