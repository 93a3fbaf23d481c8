"""A pipeline definition: read and checked, its functions resolved, its steps run in order."""
