"""The feature engine: one set of functions builds a training row and a serving row."""
