"""The pipeline `housing-forecast` as a SageMaker definition. The only package that imports the SageMaker SDK."""
