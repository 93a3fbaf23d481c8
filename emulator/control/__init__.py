"""The control plane `sagemaker`: one module per kind of resource."""
