import json
from pathlib import Path

import pytest

from hps_bench.tracking.datasets import dataset_inputs
from tests.unit.tracking.fabricated import write_prompts

DIGEST = "0123456789" * 6 + "abcd"


def test_parquet_inputs_of_a_manifest_are_named_below_the_results_folder(tmp_path: Path) -> None:
    results = tmp_path / "results" / "demo"
    write_prompts(results, "pku")
    manifest = tmp_path / "manifest.json"
    names = ("prompts/pku/prompts.parquet", "policies/training.json", "gone.parquet")
    inputs = {f"results/demo/{name}": DIGEST for name in names}
    manifest.write_text(json.dumps({"inputs": inputs}))
    prompts, gone = dataset_inputs(results, manifest, "evaluate")
    assert prompts.dataset.name == "prompts/pku/prompts.parquet"
    assert prompts.dataset.digest == DIGEST[:36]
    assert json.loads(prompts.dataset.source) == {"uri": f"{results}/prompts/pku/prompts.parquet"}
    assert json.loads(prompts.dataset.profile) == {"num_rows": 4}
    tags = {tag.key: tag.value for tag in prompts.tags}
    assert tags == {"mlflow.data.context": "evaluation", "sha256": DIGEST}
    assert (gone.dataset.name, gone.dataset.profile) == ("gone.parquet", None)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"inputs": 3}'])
def test_without_a_manifest_there_are_no_inputs(tmp_path: Path, content: str | None) -> None:
    manifest = tmp_path / "manifest.json"
    if content is not None:
        manifest.write_text(content)
    assert dataset_inputs(tmp_path, manifest, "train") == []
