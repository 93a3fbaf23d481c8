"""The zip of the function depends on its code alone."""

from __future__ import annotations

import io
import zipfile

from pipelines import functions


def test_the_zip_is_the_same_twice_and_holds_only_the_functions_code() -> None:
    first, second = functions.package_code(), functions.package_code()
    assert first == second
    names = zipfile.ZipFile(io.BytesIO(first)).namelist()
    assert "lambdas/predict/handler.py" in names
    assert all(name.startswith("lambdas/") for name in names)
    assert not any("__pycache__" in name for name in names)
