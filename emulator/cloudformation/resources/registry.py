"""ECR, SageMaker's registry and CodeDeploy: where images and models are kept, and how aliases move."""

from __future__ import annotations

import json
from typing import Any

from emulator.cloudformation.kinds import Made, Properties, Resource, Work


class Repository(Resource):
    """AWS::ECR::Repository."""

    type = "AWS::ECR::Repository"
    known = frozenset(
        {
            "RepositoryName",
            "ImageScanningConfiguration",
            "ImageTagMutability",
            "ImageTagMutabilityExclusionFilters",
            "EncryptionConfiguration",
            "LifecyclePolicy",
            "RepositoryPolicyText",
            "EmptyOnDelete",
            "Tags",
        }
    )
    fixed = frozenset({"RepositoryName", "EncryptionConfiguration"})
    name_property = "RepositoryName"
    simulated = "no image is pushed or scanned here; lifecycle and policy are recorded, filters of tag immutability are left out"

    def create(self, work: Work, properties: Properties) -> Made:
        name = properties.get("RepositoryName") or work.name(256, lower=True)
        encryption = properties.get("EncryptionConfiguration")
        given = {f"{key[0].lower()}{key[1:]}": value for key, value in (encryption or {}).items()}
        work.call("ecr", "create_repository", repositoryName=name, encryptionConfiguration=given or None, tags=work.tags(properties))
        return self._set(work, name, properties)

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        if "LifecyclePolicy" in old and "LifecyclePolicy" not in new:
            work.quietly("ecr", "delete_lifecycle_policy", repositoryName=made.physical_id)
        return self._set(work, made.physical_id, new)

    def _set(self, work: Work, name: str, properties: Properties) -> Made:
        scan = {"scanOnPush": properties.get("ImageScanningConfiguration", {}).get("ScanOnPush", False)}
        work.call("ecr", "put_image_scanning_configuration", repositoryName=name, imageScanningConfiguration=scan)
        mutability = properties.get("ImageTagMutability", "MUTABLE").removesuffix("_WITH_EXCLUSION")
        work.call("ecr", "put_image_tag_mutability", repositoryName=name, imageTagMutability=mutability)
        if "LifecyclePolicy" in properties:
            text = properties["LifecyclePolicy"]["LifecyclePolicyText"]
            work.call("ecr", "put_lifecycle_policy", repositoryName=name, lifecyclePolicyText=text)
        if "RepositoryPolicyText" in properties:
            work.call("ecr", "set_repository_policy", repositoryName=name, policyText=json.dumps(properties["RepositoryPolicyText"]))
        return self._made(work, name)

    def _made(self, work: Work, name: str) -> Made:
        uri = f"{work.context.account}.dkr.ecr.{work.context.region}.amazonaws.com/{name}"
        return Made(name, {"Arn": work.context.arn(f"repository/{name}", "ecr"), "RepositoryUri": uri})

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        force = str(properties.get("EmptyOnDelete", False)).lower() == "true"
        work.quietly("ecr", "delete_repository", repositoryName=made.physical_id, force=force)

    def find(self, work: Work, properties: Properties) -> Made | None:
        name = properties.get("RepositoryName", "")
        found = work.quietly("ecr", "describe_repositories", repositoryNames=[name]) if name else None
        return self._made(work, name) if found else None


class ModelPackageGroup(Resource):
    """AWS::SageMaker::ModelPackageGroup."""

    type = "AWS::SageMaker::ModelPackageGroup"
    known = frozenset({"ModelPackageGroupName", "ModelPackageGroupDescription", "ModelPackageGroupPolicy", "Tags"})
    fixed = frozenset({"ModelPackageGroupName", "ModelPackageGroupDescription"})
    required = frozenset({"ModelPackageGroupName"})
    remembered = True
    simulated = "its policy is left out"

    def create(self, work: Work, properties: Properties) -> Made:
        name = properties["ModelPackageGroupName"]
        description = properties.get("ModelPackageGroupDescription")
        given = {"ModelPackageGroupName": name, "ModelPackageGroupDescription": description, "Tags": work.tags(properties)}
        return self._made(name, work.call("sagemaker", "create_model_package_group", **given)["ModelPackageGroupArn"])

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        arn = made.attributes["ModelPackageGroupArn"]
        kept = {tag["Key"] for tag in work.tags(new)}
        gone = [tag["Key"] for tag in work.tags(old) if tag["Key"] not in kept]
        if gone:
            work.call("sagemaker", "delete_tags", ResourceArn=arn, TagKeys=gone)
        if kept:
            work.call("sagemaker", "add_tags", ResourceArn=arn, Tags=work.tags(new))
        return made

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("sagemaker", "delete_model_package_group", ModelPackageGroupName=properties["ModelPackageGroupName"])

    def _made(self, name: str, arn: str) -> Made:
        return Made(arn, {"ModelPackageGroupArn": arn, "ModelPackageGroupName": name})


class DeploymentApplication(Resource):
    """AWS::CodeDeploy::Application."""

    type = "AWS::CodeDeploy::Application"
    known = frozenset({"ApplicationName", "ComputePlatform", "Tags"})
    fixed = frozenset({"ApplicationName", "ComputePlatform"})

    def create(self, work: Work, properties: Properties) -> Made:
        name = properties.get("ApplicationName") or work.name(100)
        platform = properties.get("ComputePlatform", "Server")
        work.call("codedeploy", "create_application", applicationName=name, computePlatform=platform, tags=work.tags(properties))
        return Made(name)

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        return made

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("codedeploy", "delete_application", applicationName=made.physical_id)


class DeploymentGroup(Resource):
    """AWS::CodeDeploy::DeploymentGroup."""

    type = "AWS::CodeDeploy::DeploymentGroup"
    known = frozenset(
        {
            "ApplicationName",
            "DeploymentGroupName",
            "DeploymentConfigName",
            "DeploymentStyle",
            "AutoRollbackConfiguration",
            "AlarmConfiguration",
            "ServiceRoleArn",
            "Tags",
        }
    )
    fixed = frozenset({"ApplicationName", "DeploymentGroupName"})
    required = frozenset({"ApplicationName", "ServiceRoleArn"})
    simulated = "the emulator itself moves the aliases, and back when an alarm goes off; hooks before and after are not run"

    def create(self, work: Work, properties: Properties) -> Made:
        name = properties.get("DeploymentGroupName") or work.name(100)
        work.call("codedeploy", "create_deployment_group", deploymentGroupName=name, **_lowered(properties))
        return Made(name)

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        self.delete(work, made, old)
        work.call("codedeploy", "create_deployment_group", deploymentGroupName=made.physical_id, **_lowered(new))
        return made

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        names = {"applicationName": properties["ApplicationName"], "deploymentGroupName": made.physical_id}
        work.quietly("codedeploy", "delete_deployment_group", **names)


def _lowered(value: Any) -> Any:
    """Properties as CodeDeploy spells them, without the name of the group."""
    if isinstance(value, list):
        return [_lowered(item) for item in value]
    if not isinstance(value, dict):
        return value
    skipped = ("DeploymentGroupName", "Tags")
    return {f"{key[0].lower()}{key[1:]}": _lowered(item) for key, item in value.items() if key not in skipped}
