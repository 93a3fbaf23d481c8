"""The caller's side: builds, starts and follows the pipeline, and puts its models into service."""
