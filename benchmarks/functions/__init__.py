"""A function's zip in a worker of its own: the real runtime client, and nothing importable but the zip and what Lambda provides."""
