"""botocore's service models, each read once."""

import functools
import threading
from typing import Any, TypeAlias

import botocore.session
from botocore.model import ServiceModel

Shape: TypeAlias = Any  # botocore's shapes are told apart by `type_name`, which a type checker can't follow
_lock = threading.Lock()


def service_model(service: str) -> ServiceModel:
    """The model of a service by botocore's name for it."""
    with _lock:  # botocore's loader is not safe from several threads
        return _read(service)


@functools.cache
def _read(service: str) -> ServiceModel:
    return botocore.session.Session().get_service_model(service)
