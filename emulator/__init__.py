"""SageMaker on one computer: the service's API, its jobs as real processes, its records on disk. Knows nothing about any model."""
