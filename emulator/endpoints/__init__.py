"""Real-time hosting: endpoint configurations, endpoints as processes, invocations."""
