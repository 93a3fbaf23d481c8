"""Kubernetes on EKS as the other place where a training runs.

`job`, `train_steps` and `api` are shared with the functions: no pydantic, no YAML.
"""
