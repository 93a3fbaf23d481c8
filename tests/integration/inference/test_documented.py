"""docs/architecture.md is true: its request is answered with its keys, its artifact has its files, its map has the steps."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pipelines.settings import Settings

PAGE = (Path(__file__).parents[3] / "docs" / "architecture.md").read_text()
KEYS = re.compile(r'"(\w[\w.]*)":')


def example() -> tuple[dict[str, Any], set[str], set[str]]:
    """The request with its dots filled in, and the keys of a prediction and of an error."""
    (block,) = re.findall(r'^```\n(\{"inputs".*?)^```', PAGE, re.DOTALL | re.MULTILINE)
    request, _, answers = block.partition('{"predictions"')
    prediction, _, error = answers.partition('{"error"')
    filling = {
        "150000, ...": ", ".join(str(150_000 + 500 * month) for month in range(60)),
        '"sales": [...]': f'"sales": {[50] * 60}',
        "Austin": "Town A",
        '"prediction_length": 12': '"prediction_length": 6',
    }
    for documented, filled in filling.items():
        assert documented in request
        request = request.replace(documented, filled)
    return json.loads(request), set(KEYS.findall(prediction)), set(KEYS.findall(error))


def test_the_documented_request_gets_the_documented_keys(server: Any) -> None:
    request, prediction, _ = example()
    status, answer = server.forecast(request)
    assert status == 200, answer
    assert [set(one) for one in answer["predictions"]] == [prediction, prediction]


def test_a_refusal_has_the_documented_keys(server: Any) -> None:
    _, _, error = example()
    status, answer = server.forecast({"inputs": [{"item_id": "Atlantis"}]})
    assert (status, set(answer["error"])) == (400, error)
    assert (answer["error"]["code"], answer["error"]["field"]) == ("unknown_region", "inputs[0].item_id")


def test_the_artifact_has_the_documented_files(synthetic_model: Path) -> None:
    (block,) = re.findall(r"^```\n(manifest\.json.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    named = set(re.findall(r"(?:^|[ ,])(\w+\.(?:json|npz))(?=[ ,])", block, re.MULTILINE))
    assert named == {path.name for path in synthetic_model.iterdir() if path.is_file()}


def test_the_map_has_every_train_step() -> None:
    (block,) = re.findall(r"^```\n(Ingest -> .*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert re.findall(r"Train-(\w+)", block) == list(Settings().train_steps)
