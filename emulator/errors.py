"""Errors of the emulated services: an `ApiError` becomes the service's own answer, anything else is a fault of the emulator."""

from collections.abc import Mapping
from typing import Any


class EmulatorError(Exception):
    """Base of every expected error of the emulator itself; its text is one line fit to show."""


class ImageError(EmulatorError):
    """The images file is missing, malformed, or has no entry for an image."""


class ApiError(Exception):
    """An error that a service answers: `code` and `message` as boto3 shows them, and the HTTP `status`."""

    def __init__(self, code: str, message: str, status: int = 400, fields: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.fields = code, message, status, dict(fields or {})


def invalid(message: str) -> ApiError:
    """A request that the service refuses: `ValidationException`."""
    return ApiError("ValidationException", message)


def not_found(message: str) -> ApiError:
    """A named resource that doesn't exist, where the service says `ResourceNotFound`."""
    return ApiError("ResourceNotFound", message)


def in_use(message: str) -> ApiError:
    """A name that is taken, or a resource that is busy: `ResourceInUse`."""
    return ApiError("ResourceInUse", message)


def not_implemented(service: str, operation: str) -> ApiError:
    """An operation that exists at AWS and not here; never answered with a canned success."""
    return ApiError("NotImplemented", f"{service}:{operation} is not implemented by this emulator", 501)
