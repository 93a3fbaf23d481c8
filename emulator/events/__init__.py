"""EventBridge: rules and schedules that really deliver, from the emulator's own changes, S3 notifications and PutEvents."""
