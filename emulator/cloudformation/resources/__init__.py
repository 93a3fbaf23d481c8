"""The kinds of resources, by service."""
