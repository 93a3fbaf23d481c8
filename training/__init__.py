"""What runs in the container as jobs: one module per pipeline step under `training.jobs`."""
