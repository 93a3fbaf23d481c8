"""IAM: roles, policies and identity providers. Everything is recorded; nothing is enforced."""

from __future__ import annotations

import json
from typing import Any

from emulator.cloudformation.kinds import Made, Properties, Resource, Work

_ONLY_RECORDED = "recorded, not enforced: the emulator has no IAM"


def _text(document: Properties) -> str:
    """A policy as text, with the version that moto asks for and AWS doesn't."""
    return json.dumps({"Version": "2012-10-17"} | dict(document))


class Role(Resource):
    """AWS::IAM::Role."""

    type = "AWS::IAM::Role"
    known = frozenset(
        {
            "RoleName",
            "Path",
            "Description",
            "AssumeRolePolicyDocument",
            "Policies",
            "ManagedPolicyArns",
            "MaxSessionDuration",
            "PermissionsBoundary",
            "Tags",
        }
    )
    fixed = frozenset({"RoleName", "Path"})
    required = frozenset({"AssumeRolePolicyDocument"})
    simulated = f"{_ONLY_RECORDED}; AWS's managed policies are not attached"

    def create(self, work: Work, properties: Properties) -> Made:
        name = properties.get("RoleName") or work.name(64)
        role = work.call(
            "iam",
            "create_role",
            RoleName=name,
            Path=properties.get("Path"),
            Description=properties.get("Description"),
            AssumeRolePolicyDocument=_text(properties["AssumeRolePolicyDocument"]),
            MaxSessionDuration=properties.get("MaxSessionDuration"),
            PermissionsBoundary=properties.get("PermissionsBoundary"),
            Tags=work.tags(properties),
        )["Role"]
        self._attach(work, name, {}, properties)
        return Made(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        name = made.physical_id
        work.call("iam", "update_assume_role_policy", RoleName=name, PolicyDocument=_text(new["AssumeRolePolicyDocument"]))
        duration = new.get("MaxSessionDuration", 3600)
        work.call("iam", "update_role", RoleName=name, Description=new.get("Description", ""), MaxSessionDuration=duration)
        self._attach(work, name, old, new)
        return made

    def _attach(self, work: Work, name: str, old: Properties, new: Properties) -> None:
        wanted = {policy["PolicyName"]: policy["PolicyDocument"] for policy in new.get("Policies", [])}
        for policy in old.get("Policies", []):
            if policy["PolicyName"] not in wanted:
                work.quietly("iam", "delete_role_policy", RoleName=name, PolicyName=policy["PolicyName"])
        for policy, document in wanted.items():
            work.call("iam", "put_role_policy", RoleName=name, PolicyName=policy, PolicyDocument=_text(document))
        before, after = _own(old), _own(new)
        for arn in before - after:
            work.quietly("iam", "detach_role_policy", RoleName=name, PolicyArn=arn)
        for arn in sorted(after - before):
            work.call("iam", "attach_role_policy", RoleName=name, PolicyArn=arn)

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        name = made.physical_id
        for policy in (work.quietly("iam", "list_role_policies", RoleName=name) or {}).get("PolicyNames", []):
            work.quietly("iam", "delete_role_policy", RoleName=name, PolicyName=policy)
        for policy in (work.quietly("iam", "list_attached_role_policies", RoleName=name) or {}).get("AttachedPolicies", []):
            work.quietly("iam", "detach_role_policy", RoleName=name, PolicyArn=policy["PolicyArn"])
        work.quietly("iam", "delete_role", RoleName=name)


def _own(properties: Properties) -> set[str]:
    """The managed policies of the account: AWS's own are not in moto."""
    return {arn for arn in properties.get("ManagedPolicyArns", []) if ":iam::aws:" not in arn}


class Policy(Resource):
    """AWS::IAM::Policy: the same document in each of some roles."""

    type = "AWS::IAM::Policy"
    known = frozenset({"PolicyName", "PolicyDocument", "Roles"})
    fixed = frozenset({"PolicyName", "Roles"})
    required = known
    simulated = _ONLY_RECORDED

    def create(self, work: Work, properties: Properties) -> Made:
        document = _text(properties["PolicyDocument"])
        for role in properties["Roles"]:
            work.call("iam", "put_role_policy", RoleName=role, PolicyName=properties["PolicyName"], PolicyDocument=document)
        return Made(f"{work.stack_name}-{work.logical_id}", reference=properties["PolicyName"])

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        for role in properties["Roles"]:
            work.quietly("iam", "delete_role_policy", RoleName=role, PolicyName=properties["PolicyName"])


class ManagedPolicy(Resource):
    """AWS::IAM::ManagedPolicy."""

    type = "AWS::IAM::ManagedPolicy"
    known = frozenset({"ManagedPolicyName", "Description", "Path", "PolicyDocument", "Roles"})
    fixed = frozenset({"ManagedPolicyName", "Description", "Path"})
    required = frozenset({"PolicyDocument"})
    simulated = _ONLY_RECORDED

    def create(self, work: Work, properties: Properties) -> Made:
        name, document = properties.get("ManagedPolicyName") or work.name(128), _text(properties["PolicyDocument"])
        given = {key: properties.get(key) for key in ("Description", "Path")}
        arn = work.call("iam", "create_policy", PolicyName=name, PolicyDocument=document, **given)["Policy"]["Arn"]
        for role in properties.get("Roles", []):
            work.call("iam", "attach_role_policy", RoleName=role, PolicyArn=arn)
        return Made(arn, {"PolicyArn": arn})

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        arn, before, after = made.physical_id, {*old.get("Roles", [])}, {*new.get("Roles", [])}
        if old["PolicyDocument"] != new["PolicyDocument"]:
            current = [one for one in work.call("iam", "list_policy_versions", PolicyArn=arn)["Versions"] if not one["IsDefaultVersion"]]
            for version in current:
                work.call("iam", "delete_policy_version", PolicyArn=arn, VersionId=version["VersionId"])
            work.call("iam", "create_policy_version", PolicyArn=arn, PolicyDocument=_text(new["PolicyDocument"]), SetAsDefault=True)
        for role in before - after:
            work.quietly("iam", "detach_role_policy", RoleName=role, PolicyArn=arn)
        for role in after - before:
            work.call("iam", "attach_role_policy", RoleName=role, PolicyArn=arn)
        return made

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        for role in properties.get("Roles", []):
            work.quietly("iam", "detach_role_policy", RoleName=role, PolicyArn=made.physical_id)
        work.quietly("iam", "delete_policy", PolicyArn=made.physical_id)


class OidcProvider(Resource):
    """AWS::IAM::OIDCProvider."""

    type = "AWS::IAM::OIDCProvider"
    known = frozenset({"Url", "ClientIdList", "ThumbprintList", "Tags"})
    fixed = frozenset({"Url"})
    required = frozenset({"Url"})
    simulated = _ONLY_RECORDED

    def create(self, work: Work, properties: Properties) -> Made:
        given: dict[str, Any] = {key: properties.get(key) for key in ("Url", "ClientIDList", "ThumbprintList")}
        given["ClientIDList"] = properties.get("ClientIdList")
        given["ThumbprintList"] = properties.get("ThumbprintList", [])
        arn = work.call("iam", "create_open_id_connect_provider", **given)["OpenIDConnectProviderArn"]
        return Made(arn, {"Arn": arn})

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        self.delete(work, made, old)
        return self.create(work, new)

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("iam", "delete_open_id_connect_provider", OpenIDConnectProviderArn=made.physical_id)
