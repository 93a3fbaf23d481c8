"""The rival of the emulator: the SDK's local mode, which runs each step in a container by Docker Compose.

`python -m benchmarks.local_mode IMAGE` prints the wall seconds of a processing step that writes one file, in an image that Docker has
and that has a shell; S3 is the emulator's. `benchmarks.emulator` runs it where DOCKER_TEST_IMAGE names such an image.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from emulator import lifecycle

STEPS = 3
ROLE = "arn:aws:iam::123456789012:role/bench"


def step_seconds(image: str) -> float:
    """Seconds of a step, by a pipeline of three."""
    import boto3
    from sagemaker.mlops.workflow.pipeline import Pipeline

    session = _session()
    boto3.client("s3").create_bucket(Bucket="bench", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    boto3.client("s3").put_object(Bucket="bench", Key="in/a", Body=b"x")
    session.create_pipeline(Pipeline("local", steps=[_step(session, image, number) for number in range(STEPS)]), "steps that do nothing")
    start = time.perf_counter()
    session.start_pipeline_execution(PipelineName="local")
    return (time.perf_counter() - start) / STEPS


def _session() -> Any:
    """Neither of the SDK's two local sessions can run a pipeline by itself; both together can."""
    from sagemaker.core.workflow.pipeline_context import LocalPipelineSession as CoreSession
    from sagemaker.mlops.local import LocalPipelineSession

    return type("Session", (LocalPipelineSession, CoreSession), {})(default_bucket="bench")


def _step(session: Any, image: str, number: int) -> Any:
    from sagemaker.core.processing import Processor
    from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
    from sagemaker.mlops.workflow.steps import ProcessingStep

    paths = {"s3_uri": "s3://bench/in/", "local_path": "/opt/ml/processing/in", "s3_data_type": "S3Prefix", "s3_input_mode": "File"}
    out = {"s3_uri": f"s3://bench/out/{number}", "local_path": "/opt/ml/processing/out", "s3_upload_mode": "EndOfJob"}
    processor = Processor(
        role=ROLE,
        image_uri=image,
        instance_count=1,
        instance_type="local",
        entrypoint=["sh", "-c", "echo 1 > /opt/ml/processing/out/x"],
        sagemaker_session=session,
    )
    inputs = [ProcessingInput(input_name="in", s3_input=ProcessingS3Input(**paths))]
    outputs = [ProcessingOutput(output_name="out", s3_output=ProcessingS3Output(**out))]
    return ProcessingStep(f"Step{number}", step_args=processor.run(inputs=inputs, outputs=outputs))


def main() -> None:
    image = (sys.argv[1:] or [os.environ.get("DOCKER_TEST_IMAGE", "")])[0]
    if not image:
        print('{"skipped": "local_mode: no image is named: python -m benchmarks.local_mode IMAGE, or DOCKER_TEST_IMAGE"}')
        return
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        lifecycle.up(home, port=0, region="eu-west-1")
        before = _containers()
        try:
            os.environ |= lifecycle.env(home) | {"SAGEMAKER_VALIDATE_ROLE": "false"}
            print(step_seconds(image))
        finally:
            lifecycle.down(home)
            left = sorted(_containers() - before)  # the SDK leaves its containers behind
            subprocess.run(["docker", "rm", *left], check=False, capture_output=True)


def _containers() -> set[str]:
    """Docker's containers, running or not."""
    return set(subprocess.run(["docker", "ps", "-aq"], check=True, capture_output=True, text=True).stdout.split())


if __name__ == "__main__":
    main()
