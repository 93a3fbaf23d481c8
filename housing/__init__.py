"""The domain: panels, features, members, the ensemble. A pure library: no AWS, no HTTP."""
