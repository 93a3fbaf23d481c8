"""KMS and Secrets Manager: keys, their aliases, secrets."""

from __future__ import annotations

import json
import secrets
import string

import moto.kms.models

from emulator.cloudformation.kinds import Made, Properties, Resource, ResourceError, Work


class Key(Resource):
    """AWS::KMS::Key."""

    type = "AWS::KMS::Key"
    known = frozenset(
        {
            "Description",
            "Enabled",
            "EnableKeyRotation",
            "KeyPolicy",
            "KeySpec",
            "KeyUsage",
            "PendingWindowInDays",
            "RotationPeriodInDays",
            "Tags",
        }
    )
    fixed = frozenset({"KeySpec", "KeyUsage"})
    simulated = "its policy is recorded, not enforced; what it encrypted can't be read after a restart of the emulator"

    def create(self, work: Work, properties: Properties) -> Made:
        tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in work.tags(properties)]
        given = {key: properties.get(key) for key in ("Description", "KeySpec", "KeyUsage")}
        key = work.call("kms", "create_key", Policy=_policy(properties), Tags=tags, **given)["KeyMetadata"]
        self._set(work, key["KeyId"], properties)
        return Made(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]})

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        work.call("kms", "update_key_description", KeyId=made.physical_id, Description=new.get("Description", ""))
        if (policy := _policy(new)) is not None:
            work.call("kms", "put_key_policy", KeyId=made.physical_id, PolicyName="default", Policy=policy)
        self._set(work, made.physical_id, new)
        return made

    def _set(self, work: Work, key: str, properties: Properties) -> None:
        rotates = str(properties.get("EnableKeyRotation", False)).lower() == "true"
        work.call("kms", "enable_key_rotation" if rotates else "disable_key_rotation", KeyId=key)
        enabled = str(properties.get("Enabled", True)).lower() == "true"
        work.call("kms", "enable_key" if enabled else "disable_key", KeyId=key)

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        days = properties.get("PendingWindowInDays", 30)
        work.quietly("kms", "schedule_key_deletion", KeyId=made.physical_id, PendingWindowInDays=days)

    def as_before(self, work: Work, made: Made, before: Made) -> Made:
        keys = moto.kms.models.kms_backends[work.context.account][work.context.region].keys
        key = keys.pop(made.physical_id)
        key.id, key.arn = before.physical_id, before.attributes["Arn"]
        keys[key.id] = key
        return before


def _policy(properties: Properties) -> str | None:
    return json.dumps(properties["KeyPolicy"]) if "KeyPolicy" in properties else None


class KeyAlias(Resource):
    """AWS::KMS::Alias."""

    type = "AWS::KMS::Alias"
    known = frozenset({"AliasName", "TargetKeyId"})
    fixed = frozenset({"AliasName"})
    required = known

    def create(self, work: Work, properties: Properties) -> Made:
        name = properties["AliasName"]
        work.call("kms", "create_alias", AliasName=name, TargetKeyId=properties["TargetKeyId"])
        return Made(name)

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        work.call("kms", "update_alias", AliasName=made.physical_id, TargetKeyId=new["TargetKeyId"])
        return made

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("kms", "delete_alias", AliasName=made.physical_id)


class Secret(Resource):
    """AWS::SecretsManager::Secret."""

    type = "AWS::SecretsManager::Secret"
    known = frozenset({"Name", "Description", "KmsKeyId", "SecretString", "GenerateSecretString", "Tags"})
    fixed = frozenset({"Name"})
    simulated = "a value put by hand is lost when the emulator ends"

    def create(self, work: Work, properties: Properties) -> Made:
        given = {key: properties.get(key) for key in ("Description", "KmsKeyId")}
        name = properties.get("Name") or work.name(64)
        value = properties.get("SecretString") or _generated(properties.get("GenerateSecretString"))
        arn = work.call("secretsmanager", "create_secret", Name=name, SecretString=value, Tags=work.tags(properties), **given)["ARN"]
        return Made(arn, {"Id": arn})

    def update(self, work: Work, made: Made, old: Properties, new: Properties) -> Made:
        given = {key: new.get(key) for key in ("Description", "KmsKeyId")}
        changed = new.get("SecretString") if new.get("SecretString") != old.get("SecretString") else None
        work.call("secretsmanager", "update_secret", SecretId=made.physical_id, SecretString=changed, **given)
        return made

    def delete(self, work: Work, made: Made, properties: Properties) -> None:
        work.quietly("secretsmanager", "delete_secret", SecretId=made.physical_id, ForceDeleteWithoutRecovery=True)


def _generated(wanted: Properties | None) -> str | None:
    if wanted is None:
        return None
    unknown = set(wanted) - {"PasswordLength", "ExcludePunctuation", "SecretStringTemplate", "GenerateStringKey"}
    if unknown:
        raise ResourceError(f"GenerateSecretString: {sorted(unknown)[0]} is not known to this emulator")
    letters = string.ascii_letters + string.digits
    password = "".join(secrets.choice(letters) for _ in range(int(wanted.get("PasswordLength", 32))))
    if "GenerateStringKey" not in wanted:
        return password
    return json.dumps(json.loads(wanted.get("SecretStringTemplate", "{}")) | {wanted["GenerateStringKey"]: password})
