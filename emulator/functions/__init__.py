"""Lambda: functions run their own zip in worker processes, through the real runtime client and a local Runtime API."""
