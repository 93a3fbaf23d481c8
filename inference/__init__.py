"""What runs in the container as a server: the forecast contract over HTTP."""
