"""The servers that `benchmarks.serving` compares, all with the same model behind, and the load that it puts on them."""
