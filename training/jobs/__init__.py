"""One module per pipeline step: `python -m training.jobs.NAME`."""
