"""A template as it was given: read, checked for what can be known without making anything, and expanded where it asks for SAM."""

from __future__ import annotations

import copy
import json
import logging
import threading
from dataclasses import dataclass
from typing import Any

import boto3
import yaml

from emulator.context import Context
from emulator.errors import ApiError
from emulator.s3 import ObjectError, Objects

MAX_BODY_BYTES = 51_200
MAX_OBJECT_BYTES = 1_048_576
SAM = "AWS::Serverless-2016-10-31"
_SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Parameters",
        "Rules",
        "Mappings",
        "Conditions",
        "Transform",
        "Globals",
        "Resources",
        "Outputs",
        "Hooks",
    }
)
_ONE_AT_A_TIME = threading.Lock()
logging.getLogger("samtranslator").setLevel(logging.ERROR)

Document = dict[str, Any]


def invalid(message: str) -> ApiError:
    """What the service says of a template or request that can't be."""
    return ApiError("ValidationError", message)


class TransformError(Exception):
    """A macro could not expand the template; one line."""


@dataclass(frozen=True)
class Source:
    """A template's text, and the document that it is."""

    text: str
    document: Document

    @property
    def transforms(self) -> list[str]:
        """The macros that the template asks for."""
        found = self.document.get("Transform", [])
        return [found] if isinstance(found, str) else list(found)


def read(context: Context, request: dict[str, Any]) -> Source:
    """The template of a request: its TemplateBody, or what is at its TemplateURL.

    Raises
    ------
    ApiError
        ValidationError when there is none, it is too large, or it is not a template.
    """
    if "TemplateBody" in request:
        text = request["TemplateBody"]
        if len(text.encode()) > MAX_BODY_BYTES:
            message = (
                f"Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to {MAX_BODY_BYTES}"
            )
            raise invalid(f"1 validation error detected: {message}")
    elif "TemplateURL" in request:
        text = _fetched(context, request["TemplateURL"])
    else:
        raise invalid("Either Template URL or Template Body must be specified.")
    return Source(text, parse(text))


def _fetched(context: Context, url: str) -> str:
    """`https://BUCKET.s3.REGION.amazonaws.com/KEY`, `https://s3.REGION.amazonaws.com/BUCKET/KEY`, or the emulator's own address."""
    host, _, path = url.partition("://")[2].partition("/")
    bucket, _, rest = host.partition(".s3")
    place = f"s3://{bucket}/{path}" if rest.endswith("amazonaws.com") else f"s3://{path}"
    try:
        content = context.part(Objects).get(place)
    except ObjectError as error:
        raise invalid(f"S3 error: {error}") from None
    if len(content) > MAX_OBJECT_BYTES:
        raise invalid(f"Template may not exceed {MAX_OBJECT_BYTES} bytes in size.")
    return content.decode()


def parse(text: str) -> Document:
    """The document of a template in JSON or YAML, its short forms (`!Ref`) written out.

    Raises
    ------
    ApiError
        ValidationError when it is neither, or lacks resources.
    """
    from samtranslator.yaml_helper import yaml_parse

    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise invalid("Template error: YAML aliases are not allowed in CloudFormation templates")
        # through JSON: plain dicts, and dates such as 2012-10-17 as the text that they are meant to be
        document = json.loads(json.dumps(yaml_parse(text), default=str))
    except yaml.YAMLError as error:
        raise invalid(f"Template format error: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise invalid("Template format error: unsupported structure.")
    unknown = sorted(set(document) - _SECTIONS)
    if unknown:
        raise invalid(f"Invalid template property or properties [{', '.join(unknown)}]")
    if not isinstance(document.get("Resources"), dict) or not document["Resources"]:
        raise invalid("Template format error: At least one Resources member must be defined.")
    for name, resource in document["Resources"].items():
        if not isinstance(resource, dict) or "Type" not in resource:
            raise invalid(f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member.")
    return document


def expand(source: Source, values: dict[str, Any], region: str) -> Document:
    """The template after its transforms: the SAM translator that AWS itself runs, with these values of parameters.

    Raises
    ------
    TransformError
        When the translator refuses the template, or it asks for another macro.
    """
    others = [name for name in source.transforms if name != SAM]
    if others:
        raise TransformError(f"Transform {others[0]} is not implemented by this emulator; it knows {SAM}.")
    if not source.transforms:
        return source.document
    from samtranslator.model.exceptions import ExceptionWithMessage, InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    document = copy.deepcopy(source.document)
    try:
        with _ONE_AT_A_TIME:  # the translator keeps the region in a class attribute
            translator = Translator({}, Parser(), boto_session=boto3.session.Session(region_name=region))
            expanded = translator.translate(sam_template=document, parameter_values=dict(values))
    except (InvalidDocumentException, ExceptionWithMessage) as error:
        causes = getattr(error, "causes", None) or [error]
        said = ", ".join(str(getattr(cause, "message", cause)) for cause in causes)
        raise TransformError(f"Transform {SAM} failed with: Invalid Serverless Application Specification document. {said}") from None
    return dict(json.loads(json.dumps(expanded)))
