"""From an HTTP request to an operation's function and back, by the service's own botocore model."""

import json
import logging
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.model import OperationModel, ServiceModel

from emulator import operations
from emulator.errors import ApiError, EmulatorError
from emulator.faults import Faults
from emulator.protocol.decode import decode_json, decode_rest
from emulator.protocol.encode import Response, encode_error, encode_json, encode_rest
from emulator.protocol.incoming import Incoming, Query
from emulator.protocol.models import service_model
from emulator.protocol.query import decode_query, encode_query, encode_query_error
from emulator.protocol.routes import find_operation
from emulator.protocol.validate import check

if TYPE_CHECKING:
    from emulator.context import Context

__all__ = ["Response", "answer", "call"]
_log = logging.getLogger(__name__)


def answer(  # noqa: PLR0917
    service: str, method: str, path: str, query: Query, headers: Mapping[str, str], body: bytes, context: "Context"
) -> Response:
    """Decode, validate, dispatch and encode one request; never raises.

    Parameters
    ----------
    service
        botocore's name of the service, such as `sagemaker` or `sagemaker-runtime`.
    method, path, query
        The path still percent-encoded, without the query; the query's decoded values by name.
    headers, body
        Header values by name, any case; the whole body.
    context
        The emulator that answers.
    """
    model, request_id = service_model(service), str(uuid.uuid4())
    try:
        operation, request = _decode(model, Incoming(method, path, query, {name.lower(): value for name, value in headers.items()}, body))
        result = _dispatch(operation, request, context)
        response = _encode(operation, result, request_id)
    except ApiError as error:
        response = _encode_error(error, model.protocol, request_id)
    except EmulatorError as error:
        response = _encode_error(ApiError("InternalFailure", str(error), 500), model.protocol, request_id)
    except Exception:  # noqa: BLE001 the edge of the service: a bug here must reach the caller as a 500, not as a dropped connection
        _log.exception("%s %s %s", service, method, path)
        fault = ApiError("InternalFailure", "the emulator failed: its log has the traceback", 500)
        response = _encode_error(fault, model.protocol, request_id)
    response.headers["x-amzn-RequestId"] = request_id
    return response


def _encode(operation: OperationModel, result: dict[str, Any], request_id: str) -> Response:
    match operation.service_model.protocol:
        case "json":
            return encode_json(operation, result)
        case "query":
            return encode_query(operation, result, request_id)
        case _:
            return encode_rest(operation, result)


def _encode_error(error: ApiError, protocol: str, request_id: str) -> Response:
    return encode_query_error(error, request_id) if protocol == "query" else encode_error(error, protocol)


def call(service: str, name: str, request: Mapping[str, Any], context: "Context") -> dict[str, Any]:
    """Call an operation from inside the emulator, as validated and answered as a call from outside.

    Raises
    ------
    ApiError
        As a caller from outside would be answered.
    """
    operation = service_model(service).operation_model(name)
    decoded = decode_json(operation, json.dumps(request).encode(), strict=True)
    return dict(json.loads(encode_json(operation, _dispatch(operation, decoded, context)).body))


def _decode(model: ServiceModel, incoming: Incoming) -> tuple[OperationModel, dict[str, Any]]:
    if model.protocol == "json":
        name = incoming.headers.get("x-amz-target", "").rpartition(".")[2]
        if name not in model.operation_names:
            raise ApiError("UnknownOperationException", f"{model.service_name} has no operation {name!r}", 404)
        operation = model.operation_model(name)
        return operation, decode_json(operation, incoming.body)
    if model.protocol == "query":
        return decode_query(model, incoming)
    operation, labels = find_operation(model, incoming)
    return operation, decode_rest(operation, labels, incoming)


def _dispatch(operation: OperationModel, request: dict[str, Any], context: "Context") -> dict[str, Any]:
    service = operation.service_model.service_name
    handler = operations.handler_of(service, operation.name)
    context.part(Faults).check_operation(service, operation.name)
    if operation.input_shape is not None:
        check(request, operation.input_shape)
    return handler(request, context)
