"""Which errors are expected, and their one line."""

from __future__ import annotations

import os


def one_line(error: Exception) -> str | None:
    """What to tell the user of an expected error; None for a bug, which deserves its traceback."""
    from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError
    from pydantic import ValidationError

    from emulator.errors import EmulatorError
    from housing.errors import HousingError
    from pipelines.errors import PipelinesError

    if isinstance(error, EndpointConnectionError):
        where = os.environ.get("AWS_ENDPOINT_URL", "AWS")
        return f'no answer from {where}; on one computer: `housing local up --detach` and `eval "$(housing local env)"`'
    if isinstance(error, NoCredentialsError):
        return 'no AWS credentials; on one computer: `eval "$(housing local env)"`, else configure an AWS profile'
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {error.response.get('Error', {}).get('Message', error)}"
    if isinstance(error, ValidationError):
        faults = [fault for fault in error.errors() if fault["type"] != "default_factory_not_called"]  # they follow from the others
        return "; ".join(f"HOUSING_{'.'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in faults)
    if isinstance(error, (PipelinesError, HousingError, EmulatorError, BotoCoreError)):
        return str(error)
    return None
