"""Event patterns, by EventBridge's documented examples."""

import json

import pytest

from emulator.errors import ApiError
from emulator.events.patterns import matches, parse

EVENT = {
    "source": "aws.sagemaker",
    "detail-type": "SageMaker Model Package State Change",
    "detail": {
        "ModelApprovalStatus": "Approved",
        "version": 7,
        "name": "price-model",
        "tags": ["a", "b"],
        "empty": [],
        "none": None,
        "flag": True,
    },
}


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["aws.sagemaker"]},
        {"source": ["aws.s3", "aws.sagemaker"], "detail": {"ModelApprovalStatus": ["Approved"]}},
        {"detail": {"tags": ["b"]}},
        {"detail": {"name": [{"prefix": "price"}]}},
        {"detail": {"name": [{"suffix": "model"}]}},
        {"detail": {"name": [{"equals-ignore-case": "PRICE-MODEL"}]}},
        {"detail": {"name": [{"prefix": {"equals-ignore-case": "PRICE"}}]}},
        {"detail": {"name": [{"wildcard": "pr*-m*l"}]}},
        {"detail": {"name": [{"anything-but": ["other", "more"]}]}},
        {"detail": {"name": [{"anything-but": {"prefix": "x"}}]}},
        {"detail": {"version": [{"numeric": [">", 5, "<=", 7]}]}},
        {"detail": {"version": [7]}},
        {"detail": {"absent": [{"exists": False}], "name": [{"exists": True}]}},
        {"detail": {"none": [None], "flag": [True]}},
        {"$or": [{"source": ["aws.s3"]}, {"detail": {"version": [7]}}]},
    ],
)
def test_a_pattern_matches(pattern):
    assert matches(parse(json.dumps(pattern)), EVENT)


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["aws.s3"]},
        {"source": ["aws.sagemaker"], "detail": {"ModelApprovalStatus": ["Rejected"]}},
        {"detail": {"tags": ["c"]}},
        {"detail": {"version": ["7"]}},
        {"detail": {"flag": [1]}},
        {"detail": {"version": [{"numeric": ["<", 7]}]}},
        {"detail": {"name": [{"anything-but": "price-model"}]}},
        {"detail": {"absent": [{"anything-but": "x"}]}},
        {"detail": {"absent": [{"exists": True}]}},
        {"detail": {"name": [{"exists": False}]}},
        {"detail": {"name": [{"wildcard": "*x*"}]}},
        {"$or": [{"source": ["aws.s3"]}, {"detail": {"version": [8]}}]},
    ],
)
def test_a_pattern_does_not_match(pattern):
    assert not matches(parse(json.dumps(pattern)), EVENT)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"source": "aws.s3"}', '{"source": []}', '{"source": [{"like": "x"}]}', '{"detail": {"a": 1}}']
)
def test_what_is_no_pattern_is_refused(text):
    with pytest.raises(ApiError, match="InvalidEventPatternException"):
        parse(text)
