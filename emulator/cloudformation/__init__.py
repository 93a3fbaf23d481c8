"""CloudFormation: a template's resources are made by calling the emulator's own services, in order, and taken back when one fails."""
