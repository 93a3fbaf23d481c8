"""The environment over the defaults; what depends on the account follows it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipelines.settings import Settings


def test_bucket_role_and_images_follow_account_and_region() -> None:
    settings = Settings(account_id="000000000001", region="eu-west-1")
    assert settings.bucket == "housing-000000000001-eu-west-1"
    assert settings.role_arn == "arn:aws:iam::000000000001:role/housing-sagemaker"
    assert settings.image_uri == "000000000001.dkr.ecr.eu-west-1.amazonaws.com/housing-crisis-ml:train"
    assert settings.serving_image_uri.endswith(":serve")


def test_the_environment_wins_over_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSING_BUCKET", "mine")
    monkeypatch.setenv("HOUSING_TRAINING_INSTANCE_TYPE", "ml.g5.xlarge")
    monkeypatch.setenv("HOUSING_TRAIN_STEPS", '{"xgboost": ["xgboost"]}')
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    settings = Settings()
    assert (settings.bucket, settings.training_instance_type, settings.region) == ("mine", "ml.g5.xlarge", "eu-west-1")
    assert settings.train_steps == {"xgboost": ("xgboost",)}
    assert settings.prefix == "s3://mine/housing"


def test_a_setting_without_meaning_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSING_HORIZON_MONTHS", "0")
    with pytest.raises(ValidationError, match="horizon"):
        Settings()
