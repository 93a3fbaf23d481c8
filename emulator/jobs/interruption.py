"""The one call of the emulator that AWS has no like of: take the Spot instance of a training job away, now."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING
from urllib.parse import unquote

from emulator.asgi import Receive, Scope, Send, read_body, respond
from emulator.errors import ApiError, invalid, not_found
from emulator.jobs.manager import Jobs, Reclaimed

if TYPE_CHECKING:
    from emulator.context import Context

PREFIX = "/_emulator/spot-interruptions/"
_KIND = "training-job"


def interrupt(context: Context, name: str) -> None:
    """Reclaim the instances of a managed Spot training job that trains; it gets SIGTERM, the grace, SIGKILL, and goes on elsewhere.

    Raises
    ------
    ApiError
        When there is no such job, it is not on Spot, or it does not train at this moment.
    """
    record = context.store.get(_KIND, name)
    if record is None:
        raise not_found(f"there is no training job {name!r}")
    if not record.get("EnableManagedSpotTraining"):
        raise invalid(f"{name} is not a managed Spot training job: only those are interrupted")
    if record["SecondaryStatus"] != "Training" or not context.part(Jobs).send(_KIND, name, Reclaimed()):
        raise invalid(f"{name} is {record['SecondaryStatus']}: only a job that is Training has an instance to lose")


class Interruptions:
    """`POST /_emulator/spot-interruptions/JOB`, as an ASGI application: 202, or 400 or 404 with `message`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive, 0)
        name = unquote(scope["raw_path"].decode("latin1").removeprefix(PREFIX))
        try:
            if scope["method"] != "POST":
                raise ApiError("MethodNotAllowed", "an interruption is asked for with POST", 405)
            await asyncio.get_running_loop().run_in_executor(None, interrupt, self._context, name)
            status, answer = 202, {"TrainingJobName": name}
        except ApiError as error:
            status, answer = 404 if error.code == "ResourceNotFound" else error.status, {"message": error.message}
        await respond(send, status, [(b"content-type", b"application/json")], json.dumps(answer).encode())
