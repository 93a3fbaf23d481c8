"""`housing-train`: a training for each event, once."""
