"""The functions in front of the system: one `handler.py` each."""
