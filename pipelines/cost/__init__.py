"""What it costs: a month by profile, a run before it starts, an execution after it ended."""
