"""Training on Spot: every member interrupted one to five times at random moments ends with the model of an uninterrupted run.

`python -m benchmarks.spot [--seeds 50] [--minutes 20]`: a tiny panel; training jobs on managed Spot in an emulator, whose instances are
taken away by call (SIGTERM, the grace, a new start with the checkpoints restored). Each seed interrupts one member, in turn. What is
counted: runs that finish, models that differ in any byte, work that was done twice, CPU inside the checkpoint calls, and what the
interruptions cost against the price of Spot. When the minutes are over, the seeds that were not run are counted as not run.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.record import recording
from benchmarks.train_jobs import ENDED, Finished, TrainJobs, prepared, train_jobs
from emulator import lifecycle
from emulator.errors import EmulatorError
from pipelines import prices

MEMBERS = {
    "xgboost": {"rounds": "20", "segment": "5", "rows": "1500"},
    "catboost": {"rounds": "40", "rows": "1500"},
    "neural": {"steps": "60", "rows": "1500"},
    "linear": {},
    "statistical": {},
    "trend": {},
    "naive": {},
    "drift": {},
    "momentum": {},
}
INTERVAL_SECONDS = 1.0
MACHINE = "ml.g5.2xlarge"
_SHARE = re.compile(r"checkpoint:cpu_share=([0-9.e+-]+);")
_UNIT = re.compile(r"^(\d+)/\d+ (\w+) from (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """One interrupted training: how often, whether the model is the same, seconds of work, overhead, work done twice (share of all)."""

    member: str
    finished: bool
    identical: bool
    interruptions: int
    seconds: float
    overhead: float
    repeated_units: int


def settings_of(member: str) -> dict[str, str]:
    return {"members": member, "seed": "1", **MEMBERS[member]}


def interrupted(jobs: TrainJobs, name: str, member: str, seed: int, whole_seconds: float) -> tuple[Finished, int]:
    """A Spot job that loses its instance one to five times, each time after a random share of what the whole takes."""
    draw = random.Random(seed)
    wanted, struck, attempts = draw.randint(1, 5), 0, 0
    jobs.start(name, settings_of(member), spot=True, checkpoints=name)
    while struck < wanted:
        attempts += 1
        if not _trains(jobs, name, attempts):
            break
        time.sleep(draw.uniform(0.0, 0.8) * whole_seconds)
        try:
            lifecycle.interrupt(name, jobs.home)
            struck += 1
        except EmulatorError:  # it has ended
            break
    return jobs.finish(name), struck


def _trains(jobs: TrainJobs, name: str, attempt: int) -> bool:
    """Wait until the job trains for the so-manieth time; False when it ended before."""
    while (described := jobs.describe(name))["TrainingJobStatus"] not in ENDED:
        begun = sum(step["Status"] == "Training" for step in described["SecondaryStatusTransitions"])
        if begun == attempt and described["SecondaryStatus"] == "Training":
            return True
        time.sleep(0.02)
    return False


def measure(jobs: TrainJobs, member: str, seed: int, whole: tuple[Finished, float]) -> Run:
    reference, whole_seconds = whole
    done, struck = interrupted(jobs, f"{member}-{seed}", member, seed, whole_seconds)
    shares = [float(share) for share in _SHARE.findall(done.log)]
    units = [match[1:] for match in _UNIT.findall(done.log)]
    return Run(
        member,
        done.described["TrainingJobStatus"] == "Completed",
        done.files == reference.files,
        struck,
        float(done.described.get("TrainingTimeInSeconds", 0)),
        max(shares, default=0.0),
        len(units) - len(set(units)),
    )


def uninterrupted(jobs: TrainJobs, member: str) -> tuple[Finished, float]:
    """The same job on demand, and the seconds that it trained."""
    jobs.start(f"{member}-whole", settings_of(member), checkpoints=f"{member}-whole")
    done = jobs.finish(f"{member}-whole")
    assert done.described["TrainingJobStatus"] == "Completed", done.log[-2000:]
    return done, float(done.described["TrainingTimeInSeconds"])


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spot", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--members", default=",".join(MEMBERS))
    options = parser.parse_args(argv)
    if options.seeds < 1 or options.minutes <= 0:
        parser.error("--seeds and --minutes must be above 0")
    members = options.members.split(",")
    if unknown := set(members) - set(MEMBERS):
        parser.error(f"--members: {', '.join(sorted(unknown))} unknown; there are {', '.join(MEMBERS)}")
    deadline = time.monotonic() + options.minutes * 60
    runs: list[Run] = []
    with tempfile.TemporaryDirectory() as folder, train_jobs(Path(folder), HOUSING_CHECKPOINT_SECONDS=str(INTERVAL_SECONDS)) as jobs:
        jobs.upload(prepared(Path(folder) / "data"))
        whole = {member: uninterrupted(jobs, member) for member in members}
        for seed in range(options.seeds):
            if time.monotonic() > deadline:
                break
            run = measure(jobs, members[seed % len(members)], seed, whole[members[seed % len(members)]])
            print(run, flush=True)
            runs.append(run)
    report(runs, options.seeds, {member: float(done.described["TrainingTimeInSeconds"]) for member, (done, _) in whole.items()})


def report(runs: list[Run], seeds: int, whole_seconds: dict[str, float]) -> None:
    table = prices.load()
    spot = table.spot_training_usd_per_hour(MACHINE) / table.sagemaker_usd_per_hour(MACHINE)
    interruptions = sum(run.interruptions for run in runs)
    trained = sum(run.seconds for run in runs)
    alone = sum(whole_seconds[run.member] for run in runs)
    lost = trained - alone
    note = f"{len(runs)} of {seeds} seeds; checkpoint interval {INTERVAL_SECONDS:g} s; {interruptions} interruptions"
    with recording("spot") as record:
        record.add("runs that finished", sum(run.finished for run in runs), len(runs), "runs", note)
        record.add("models that are the same in every byte", sum(run.identical for run in runs), len(runs), "runs", note)
        record.add("interruptions", interruptions, len(runs), "per run", note)
        record.add("seconds lost per interruption, starting a process included", lost / max(1, interruptions), 1.0, "s", note)
        record.add(
            "forecast origins done twice per interruption", sum(r.repeated_units for r in runs) / max(1, interruptions), 1.0, "origins"
        )
        record.add("CPU inside the checkpoint calls, median run", statistics.median(run.overhead for run in runs), 0.03, "share", note)
        record.add("CPU inside the checkpoint calls, worst run", max(run.overhead for run in runs), 0.03, "share", note)
        billed = trained * spot
        record.add("billable at the Spot price against on demand, uninterrupted", billed, alone, "s", f"saving {1 - billed / alone:.2f}")
        for member in dict.fromkeys(run.member for run in runs):
            own = [run for run in runs if run.member == member]
            same = sum(run.identical and run.finished for run in own)
            record.add(
                f"{member}: finished with the same model", same, len(own), "runs", f"{sum(r.interruptions for r in own)} interruptions"
            )
    failed = [run for run in runs if not (run.finished and run.identical)]
    if failed:
        sys.exit(f"benchmarks.spot: {len(failed)} of {len(runs)} runs did not end with the same model: {failed[0]}")


if __name__ == "__main__":
    main(sys.argv[1:])
