"""The command of a training pod: `python -m agent.train`.

With a source it does what the pipeline does, in one place: Ingest, Prepare, each training, Ensemble, Evaluate. With what a Prepare step has
written it trains. Each part is the command that SageMaker runs, in folders laid out as SageMaker lays them out; checkpoints live where
SageMaker's Train steps keep them, so either goes on with the other's work.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

from agent.command import Commands, python
from agent.faults import FAILED, PASSING, AgentError, say, tell
from agent.metrics import Metrics
from agent.request import Request, Step
from agent.storage import Mirror, Storage, pack

ARCHIVE = "model.tar.gz"
WRITTEN_SECONDS = 600
"""How long the other hosts stay after a training, until the first has written it: if it is lost meanwhile, they are needed once more."""


def main() -> int:
    """Do what the environment asks for; the exit status says how it ended."""
    commands = Commands()
    commands.listen()
    try:
        request, metrics = Request.read(os.environ), Metrics()
        if request.metrics_port:
            metrics.serve(request.metrics_port)
        Pod(request, Storage(), commands, metrics, Path(os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml")).work()
    except AgentError as error:
        say(str(error) if error.status != FAILED else f"failed: {error}")
        tell(str(error))
        return error.status
    return 0


class Pod:
    """One pod at work below `root`."""

    def __init__(self, request: Request, storage: Storage, commands: Commands, metrics: Metrics, root: Path) -> None:
        self._request, self._storage, self._commands, self._metrics, self._root = request, storage, commands, metrics, root

    def work(self) -> None:
        """All parts, in their order; what a pod that leads has made goes to S3."""
        request = self._request
        content_key = self._prepare() if request.source_uri else self._fetch()
        archives = {step.name: self._step(step, content_key) for step in request.steps}
        if request.leads and request.source_uri:
            self._combine(archives)

    @property
    def _processing(self) -> Path:
        return self._root / "processing"

    @property
    def _prepared(self) -> Path:
        return self._processing / "output" / "prepared"

    def _fetch(self) -> str:
        """What the Prepare step wrote."""
        uri = self._request.prepared_uri
        self._need(f"{uri}/prepared", self._prepared)
        self._need(f"{uri}/key", self._processing / "output" / "key")
        return self._content_key()

    def _prepare(self) -> str:
        """Ingest and Prepare, here: the same bytes on every host."""
        self._need(self._request.source_uri, self._processing / "input" / "source")
        self._commands.run(python("training.jobs.ingest"), self._root)
        self._link("panel", self._processing / "output" / "panel")
        self._commands.run(python("training.jobs.prepare", *self._request.plan), self._root)
        return self._content_key()

    def _content_key(self) -> str:
        try:
            return str(json.loads((self._processing / "output" / "key" / "key.json").read_text())["content_key"])
        except (OSError, ValueError, KeyError) as error:
            raise AgentError(f"key.json: {error!r}; give the folder that a Prepare step wrote") from error

    def _step(self, step: Step, content_key: str) -> Path:
        """One training, in folders of its own, unless an earlier start has finished it; returns its archive, which the first host has.

        So every host that starts again begins at the same training as the others, and the first one ends its work without them.
        """
        root, leads = self._root / "steps" / step.name, self._request.leads
        archive, uri = root / ARCHIVE, f"{self._request.output_uri}/{step.name}/output/{ARCHIVE}"
        made_of = f"{content_key}/{step.checkpoints}"
        if self._storage.mark(uri) == made_of:
            say(f"{step.name}: finished before")
            if leads:
                self._storage.download(uri, archive)
        elif leads:
            self._train(step, content_key, root)
            pack(root / "model", archive)
            self._storage.upload(archive, uri, made_of)
        elif not step.alone:
            self._train(step, content_key, root)
            self._wait(uri, made_of)
        return archive

    def _wait(self, uri: str, made_of: str) -> None:
        """Until the first host has written what all have made."""
        until = time.monotonic() + WRITTEN_SECONDS
        while self._storage.mark(uri) != made_of:
            self._commands.check()
            if time.monotonic() > until:
                raise AgentError(f"{uri}: the first host has not written it; the next start goes on from the checkpoints", PASSING)
            time.sleep(1)

    def _train(self, step: Step, content_key: str, root: Path) -> None:
        """One training to its end, its checkpoints kept in step with S3."""
        config = root / "input" / "config"
        config.mkdir(parents=True, exist_ok=True)
        (config / "hyperparameters.json").write_text(json.dumps(dict(step.hyperparameters)))
        (config / "resourceconfig.json").write_text(json.dumps(self._request.resources(step.alone)))
        (root / "model").mkdir(exist_ok=True)
        self._link_to(root / "input" / "data" / "panel", self._prepared)
        mirror = Mirror(self._storage, root / "checkpoints", f"{self._request.checkpoints_uri}/{content_key}/{step.checkpoints}")
        found = mirror.restore()
        say(f"{step.name}: {found} checkpoint files restored")
        self._metrics.set("housing_training_restored_files", found, step=step.name)

        def push() -> None:
            mirror.push()
            self._metrics.set("housing_training_kept_files", mirror.pushed, step=step.name)

        meeting = {"TRAINING_JOB_NAME": f"{self._request.job}-{step.name}"}  # hosts at different trainings must not meet
        self._commands.run(python("training.train"), root, push, lambda line: self._metrics.read(line, step.name), **meeting)
        self._metrics.drop("housing_training_kept_files", step=step.name)

    def _combine(self, archives: dict[str, Path]) -> None:
        """Ensemble and Evaluate: the artifact, and the judgement of it."""
        output = self._processing / "output"
        self._link("panel", self._prepared)
        for name, archive in archives.items():
            folder = self._processing / "input" / f"train-{name}"
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(archive, folder / ARCHIVE)
        self._commands.run(python("training.jobs.ensemble"), self._root)
        for made in ("model", "backtest"):
            self._link(made, output / made)
        approved = self._processing / "input" / "approved"
        approved.mkdir(parents=True, exist_ok=True)
        (approved / "approved.json").write_text(json.dumps({"model_package": None, "evaluation": None}))
        self._commands.run(python("training.jobs.evaluate", *self._request.gate), self._root)
        self._keep("evaluate", "evaluation")
        gate = json.loads((output / "evaluation" / "evaluation.json").read_text())["gate"]
        say(f"gate: {gate['reason']}")
        if not gate["passed"]:
            raise AgentError(f"quality gate {gate['reason']}")
        self._keep("ensemble", "backtest")
        self._keep("ensemble", "model")

    def _keep(self, part: str, name: str) -> None:
        """Copy a processing output out, to where the pipeline has it below an execution."""
        self._storage.upload_folder(self._processing / "output" / name, f"{self._request.output_uri}/{part}/{name}")

    def _need(self, uri: str, folder: Path) -> None:
        self._commands.check()
        if not self._storage.download_folder(uri, folder):
            raise AgentError(f"{uri}: nothing is there; check the address")

    def _link(self, name: str, target: Path) -> None:
        """Make `target` the processing input `name`."""
        self._link_to(self._processing / "input" / name, target)

    def _link_to(self, link: Path, target: Path) -> None:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target, target_is_directory=True)


if __name__ == "__main__":
    sys.exit(main())
