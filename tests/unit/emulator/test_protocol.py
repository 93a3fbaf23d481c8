"""Requests decoded, checked and answered by botocore's models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator import operations
from emulator.context import Context
from emulator.errors import ApiError
from emulator.images import read_images
from emulator.protocol import answer, call
from emulator.protocol.decode import decode_json, decode_rest
from emulator.protocol.encode import encode_error, encode_json, encode_rest
from emulator.protocol.incoming import Incoming
from emulator.protocol.models import service_model
from emulator.protocol.routes import find_operation
from emulator.protocol.validate import check
from emulator.store import Store


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(Store(tmp_path / "r.sqlite"), tmp_path, "eu-west-1", "123456789012", "http://127.0.0.1:1", read_images(None))


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], Any]:
    """The table of operations, empty, for one test."""
    table: dict[tuple[str, str], Any] = {}
    monkeypatch.setattr(operations, "_handlers", table)
    return table


_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=5),
    "boolean": st.booleans(),
    "integer": st.integers(-(2**31), 2**31),
    "long": st.integers(-(2**31), 2**31),
    "float": st.floats(allow_nan=False, allow_infinity=False, width=32),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "timestamp": st.integers(0, 2**31).map(float),
    "blob": st.binary(max_size=5),
}


def _value(shape: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of a shape, constraints aside."""
    match shape.type_name:
        case "structure":
            members = {} if depth > 3 else {key: _value(member, depth + 1) for key, member in shape.members.items()}
            return st.fixed_dictionaries({}, optional=members)
        case "list":
            return st.lists(_value(shape.member, depth + 1), max_size=2)
        case "map":
            return st.dictionaries(st.text(max_size=3), _value(shape.value, depth + 1), max_size=2)
        case scalar:
            return _SCALARS[scalar]


_JSON_OPERATIONS = ("CreateTrainingJob", "CreatePipeline", "CreateModelPackage", "CreateEndpointConfig", "StartPipelineExecution")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_boto3_sends_is_what_an_operation_gets(data):
    model = service_model("sagemaker")
    operation = model.operation_model(data.draw(st.sampled_from(_JSON_OPERATIONS)))
    request = data.draw(_value(operation.input_shape))
    sent = create_serializer("json", include_validation=False).serialize_to_request(request, operation)
    assert decode_json(operation, sent["body"] if isinstance(sent["body"], bytes) else sent["body"].encode()) == request


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_an_operation_answers_is_what_boto3_gets(data):
    model = service_model("sagemaker")
    names = ("DescribeTrainingJob", "DescribePipelineExecution", "ListPipelineExecutionSteps", "DescribeModelPackage")
    operation = model.operation_model(data.draw(st.sampled_from(names)))
    result = data.draw(_value(operation.output_shape))
    response = encode_json(operation, result | {"NotModelled": 1})
    parser = create_parser("json")
    parsed = parser.parse({"status_code": 200, "headers": response.headers, "body": response.body}, operation.output_shape)
    parsed.pop("ResponseMetadata")
    assert _plain(parsed) == _plain(result)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.timestamp() if hasattr(value, "timestamp") else value


def test_a_rest_request_is_gathered_from_path_headers_query_and_body():
    model = service_model("sagemaker-runtime")
    incoming = Incoming("POST", "/endpoints/my%2Dhost/invocations", {}, {"content-type": "text/csv", "accept": "a/b"}, b"1,2")
    operation, labels = find_operation(model, incoming)
    assert operation.name == "InvokeEndpoint"
    expected = {"EndpointName": "my-host", "ContentType": "text/csv", "Accept": "a/b", "Body": b"1,2"}
    assert decode_rest(operation, labels, incoming) == expected

    functions = service_model("lambda")
    incoming = Incoming("GET", "/2015-03-31/functions/", {"MaxItems": ["7"]}, {}, b"")
    operation, labels = find_operation(functions, incoming)
    assert (operation.name, decode_rest(operation, labels, incoming)) == ("ListFunctions", {"MaxItems": 7})


def test_every_rest_operation_is_found_by_the_request_that_boto3_makes():
    for service in ("sagemaker-runtime", "lambda"):
        model = service_model(service)
        for name in model.operation_names:
            operation = model.operation_model(name)
            labels = [key for key, member in (operation.input_shape.members if operation.input_shape else {}).items()]
            uri = [key for key in labels if operation.input_shape.members[key].serialization.get("location") == "uri"]
            sent = create_serializer("rest-json", include_validation=False).serialize_to_request(dict.fromkeys(uri, "x"), operation)
            path, _, query = sent["url_path"].partition("?")
            fixed = {part.partition("=")[0]: [part.partition("=")[2]] for part in query.split("&") if part}
            found, _ = find_operation(model, Incoming(sent["method"], path, fixed, {}, b""))
            assert found.name == name


def test_a_rest_answer_goes_to_headers_status_and_body():
    operation = service_model("lambda").operation_model("Invoke")
    response = encode_rest(operation, {"StatusCode": 202, "FunctionError": "Unhandled", "Payload": b"{}"})
    assert (response.status, response.headers["X-Amz-Function-Error"], response.body) == (202, "Unhandled", b"{}")


def test_errors_reach_boto3_with_code_message_and_fields():
    error = ApiError("ModelError", "no", 424, {"OriginalStatusCode": 500})
    for protocol, service, name in (("rest-json", "sagemaker-runtime", "InvokeEndpoint"), ("json", "sagemaker", "CreateModel")):
        response = encode_error(error, protocol)
        shape = service_model(service).operation_model(name).output_shape
        parsed = create_parser(protocol).parse({"status_code": 424, "headers": _lower(response.headers), "body": response.body}, shape)
        assert (parsed["Error"]["Code"], parsed["Error"]["Message"]) == ("ModelError", "no")
    assert json.loads(response.body)["OriginalStatusCode"] == 500


def _lower(headers: dict[str, str]) -> Any:
    return AWSResponse("http://x", 200, {key.lower(): value for key, value in headers.items()}, None).headers


def test_every_pattern_and_range_of_the_models_can_be_checked():
    for service in ("sagemaker", "sagemaker-runtime", "lambda"):
        model = service_model(service)
        for name in model.shape_names:
            shape = model.shape_for(name)
            if shape.type_name == "string" and shape.metadata.get("pattern"):
                try:
                    check({"X": "x"}, _Holder(shape))
                except ApiError as error:
                    assert error.code == "ValidationException"


class _Holder:
    """A structure with one member, as far as `check` looks."""

    type_name, required_members = "structure", ()

    def __init__(self, shape: Any) -> None:
        self.members = {"X": shape}


def test_tags_may_have_letters_of_any_alphabet(context, registered):
    operation = service_model("sagemaker").operation_model("AddTags")
    request = {"ResourceArn": "arn:aws:sagemaker:eu-west-1:123456789012:model/m", "Tags": [{"Key": "größe: 1/2", "Value": "中"}]}
    check(request, operation.input_shape)
    with pytest.raises(ApiError, match=r"tags\.1\.member\.key"):
        check(request | {"Tags": [{"Key": "a;b", "Value": ""}]}, operation.input_shape)


def test_a_call_from_inside_is_held_to_the_same_rules(context, registered):
    registered["sagemaker", "DescribePipeline"] = lambda request, _: {"PipelineName": request["PipelineName"], "Secret": 1}
    assert call("sagemaker", "DescribePipeline", {"PipelineName": "x", "PipelineVersionId": None}, context) == {"PipelineName": "x"}
    with pytest.raises(ApiError, match="'PipelineNam' is not a member"):
        call("sagemaker", "DescribePipeline", {"PipelineNam": "x"}, context)
    with pytest.raises(ApiError, match="DeletePipeline is not implemented"):
        call("sagemaker", "DeletePipeline", {"PipelineName": "x", "ClientRequestToken": "a" * 32}, context)


def test_a_bug_is_a_500_and_not_a_lost_connection(context, registered):
    def broken(request: dict[str, Any], context: Context) -> dict[str, Any]:
        raise KeyError("x")

    registered["sagemaker", "ListModels"] = broken
    response = answer("sagemaker", "POST", "/", {}, {"X-Amz-Target": "SageMaker.ListModels"}, b"{}", context)
    assert (response.status, json.loads(response.body)["__type"]) == (500, "InternalFailure")


@pytest.mark.parametrize("body", [b"[]", b"{", b'"x"', b"\xff"])
def test_a_body_that_is_no_json_object_is_a_serialization_error(context, registered, body):
    registered["sagemaker", "ListModels"] = lambda request, _: {}
    response = answer("sagemaker", "POST", "/", {}, {"X-Amz-Target": "SageMaker.ListModels"}, body, context)
    assert (response.status, json.loads(response.body)["__type"]) == (400, "SerializationException")


def test_an_operation_has_one_answer(registered):
    operations.operation("sagemaker", "ListModels")(lambda request, context: {})
    with pytest.raises(ValueError, match="sagemaker:ListModels is registered twice"):
        operations.operation("sagemaker", "ListModels")(lambda request, context: {})


def test_the_models_are_those_of_the_installed_botocore():
    assert service_model("sagemaker").operation_names == botocore.session.Session().get_service_model("sagemaker").operation_names
