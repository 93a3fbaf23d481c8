"""What SageMaker does around a container, for a pod on EKS: inputs from S3 to /opt/ml, checkpoints kept in step with S3, the model back.

It imports no other room: the jobs and the server are commands to it, as they are to SageMaker.
"""
