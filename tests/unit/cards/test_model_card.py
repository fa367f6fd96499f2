from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from hypothesis import HealthCheck, given, settings

from hps_bench.cards.findings import Evaluations
from hps_bench.cards.stage import write_cards
from hps_bench.cell import Cell
from hps_bench.errors import UserError
from hps_bench.integrity import check, file_digest
from hps_bench.models.settings import ModelSource
from hps_bench.records import read_json, write_json
from hps_bench.safe_text import visible_text
from hps_bench.tables.build import build_table
from hps_bench.tables.metrics import RM_DPO
from hps_bench.training.settings import Lora
from tests.unit.cards.fabricated import FILES, TOY, job, write_evaluated, write_policy
from tests.unit.cards.reading import Page, read
from tests.unit.hostile.texts import hostile_text
from tests.unit.tables.fabricated import PKU, SETTINGS, cell, cells, write_evaluation
from tests.unit.tables.fabricated import job as table_job

MARGINS = [1.0, 3.0, 2.5, -0.5]


def card_of(results: Path, of: Cell) -> str:
    """Text of the card that is written for a grid of one cell."""
    write_cards(job(of), results)
    return (results / "policies" / of.policy_path / "README.md").read_text(encoding="utf-8")


def test_a_card_takes_the_place_of_the_boilerplate_and_has_a_digest(tmp_path: Path) -> None:
    write_policy(tmp_path, cell())
    assert "boilerplate" not in card_of(tmp_path, cell())
    card = tmp_path / "policies" / cell().policy_path / "README.md"
    check(card)
    card.write_text("damaged")
    with pytest.raises(UserError, match="damaged"):
        check(card)


def test_the_hub_finds_base_model_data_and_results(tmp_path: Path) -> None:
    """As huggingface_hub reads a card; means and bounds by hand: all values are equal."""
    write_policy(tmp_path, cell())
    write_evaluated(tmp_path, cell(), rm_dpo=1.5, ranking_accuracy=[1.0, 0.0])
    data: Any = ModelCard(card_of(tmp_path, cell())).data
    assert data.base_model == "RLHFlow/Llama3-SFT-v2.0-epoch3"
    assert data.base_model_relation == "adapter"
    assert data.datasets == ["Anthropic/hh-rlhf"]
    assert (data.library_name, data.pipeline_tag, data.language) == (
        "peft",
        "text-generation",
        "en",
    )
    assert data.license is None
    assert {"dpo", "hps", "lora"} <= set(data.tags)
    margin, accuracy = data.eval_results
    assert (margin.metric_type, margin.metric_value) == ("rm_dpo", 1.5)
    assert margin.metric_args == {"interval": [1.5, 1.5], "level": 0.95, "prompts": 2}
    assert (margin.dataset_type, margin.dataset_config) == ("Anthropic/hh-rlhf", "hh-rlhf")
    assert (margin.dataset_split, margin.dataset_revision) == ("test", "main")
    assert (accuracy.metric_type, accuracy.metric_value) == ("ranking_accuracy", 0.5)


def test_what_is_not_on_the_hub_is_not_named_there(tmp_path: Path) -> None:
    """The hub refuses a card with a path for its base model or its data."""
    base = tmp_path / "models" / "policy"
    base.mkdir(parents=True)
    folder = write_policy(tmp_path, cell(), ModelSource(path=str(base), dtype="float32"))
    write_cards(job(cell(), datasets={"hh-rlhf": FILES}), tmp_path)
    card: Any = ModelCard.load(folder / "README.md")
    assert (card.data.base_model, card.data.datasets, card.data.language) == (None, None, None)
    assert "model-index" not in card.content
    assert f"for `{base}`" in card.text
    assert '"../../../../models/policy"' in card.text
    assert "that of the data, which is not known" in card.text


def test_metrics_stand_beside_those_of_the_reference_model(tmp_path: Path) -> None:
    write_policy(tmp_path, cell())
    write_evaluated(tmp_path, cell(), reward_best=2.0, rm_dpo=[1.0, 3.0])
    write_evaluation(tmp_path, cell().baseline_path, ("a", "b", "c"), reward_best=1.25)
    text = card_of(tmp_path, cell())
    assert "| Reward ↑ | 2.000 | 2.000 to 2.000 | 1.250 | 2 |" in text
    assert "| RM\\_DPO ↑ | 2.000 | 1.000 to 3.000 | – | 2 |" in text
    assert "evaluation reward model, best of 5 samples per prompt" in text
    assert "BLEU" not in text


def test_the_interval_of_an_only_seed_is_that_of_the_table(tmp_path: Path) -> None:
    write_policy(tmp_path, cell())
    write_evaluated(tmp_path, cell(), "abcd", rm_dpo=MARGINS)
    table = build_table("table2", table_job(cell()), tmp_path)
    [shown] = [
        value.interval
        for row in table.rows
        for column, value in row.values.items()
        if column.metric == RM_DPO and value.interval
    ]
    own = Evaluations(tmp_path, SETTINGS).policy(cell())[RM_DPO]
    assert own == shown
    assert own.low < own.mean == 1.5 < own.high


def test_every_test_set_has_a_section_and_the_missing_ones_are_named(tmp_path: Path) -> None:
    own, transfer = cell(), cell(evaluated_on=PKU)
    write_policy(tmp_path, own)
    write_evaluated(tmp_path, own, rm_dpo=1.0)
    write_cards(job(own, transfer), tmp_path)
    card = tmp_path / "policies" / own.policy_path / "README.md"
    assert "Not evaluated yet, or not since it was trained: PKU-SafeRLHF." in card.read_text()
    write_evaluated(tmp_path, transfer, rm_dpo=2.0)
    write_cards(job(own, transfer), tmp_path)
    assert "Not evaluated" not in card.read_text()
    assert "### PKU-SafeRLHF (transfer), test split" in card.read_text()


def test_the_evaluation_of_an_earlier_policy_is_not_shown(tmp_path: Path) -> None:
    write_policy(tmp_path, cell())
    write_evaluated(tmp_path, cell(), rm_dpo=1.0)
    assert "RM\\_DPO" in card_of(tmp_path, cell())
    write_policy(tmp_path, cell(), tokens=1001)
    text = card_of(tmp_path, cell())
    assert "RM\\_DPO" not in text
    assert "Not evaluated yet, or not since it was trained: HH-RLHF." in text


def test_other_seeds_are_linked(tmp_path: Path) -> None:
    grid = [*cells("dpo-hps", seeds=3), cell("dpo-bt")]
    for one in grid:
        write_policy(tmp_path, one)
    write_cards(job(*grid), tmp_path)
    card = tmp_path / "policies" / grid[1].policy_path / "README.md"
    text = card.read_text()
    assert "seeds: [0](../n100-b0.1-s0/README.md), [2](../n100-b0.1-s2/README.md)\n" in text
    files = [str(link) for link in read(text).links if not str(link).startswith("https:")]
    assert [name for name in files if not (card.parent / name).is_file()] == [
        "../../../../prompts/hh-rlhf/README.md"
    ]
    assert "seeds:" not in (tmp_path / "policies" / grid[3].policy_path / "README.md").read_text()


def test_a_card_says_what_a_run_was_made_from_and_cost(tmp_path: Path) -> None:
    folder = write_policy(tmp_path, cell(), attempts=2)
    text = card_of(tmp_path, cell())
    assert (
        f"| `adapter_model.safetensors` | `{file_digest(folder / 'adapter_model.safetensors')}` |"
    )
    assert "| `optimiser.learning_rate` | `5e-07` |" in text
    assert "| `plan.method.gamma.start` | `-5.0` |" in text
    assert "| wall time, s | 36.00 |" in text
    assert "| tokens of prompts and responses | 1,000 |" in text
    assert "| FLOP | 1.000 P |" in text
    assert "energy" not in text
    assert "0.7500 at first, 0.5000 at last" in text
    assert "| hps-bench | 0.1.0 |" in text


def test_a_model_of_its_own_weights_is_loaded_without_an_adapter(tmp_path: Path) -> None:
    write_policy(tmp_path, cell(), lora=None)
    text = card_of(tmp_path, cell())
    data: Any = ModelCard(text).data
    assert (data.library_name, data.base_model_relation) == ("transformers", "finetune")
    assert "PeftModel" not in text
    assert "api_server --model . --dtype bfloat16\n" in text


@pytest.mark.parametrize(("rank", "served"), [(3, "8"), (8, "8"), (300, "320"), (513, None)])
def test_vllm_is_asked_for_a_rank_that_it_has(
    tmp_path: Path, rank: int, served: str | None
) -> None:
    write_policy(tmp_path, cell(), lora=Lora(rank=rank))
    text = card_of(tmp_path, cell())
    assert (f"--max-lora-rank {served} " in text) == (served is not None)
    assert ("vllm.entrypoints" in text) == (served is not None)


def test_a_policy_that_is_not_trained_has_no_card(tmp_path: Path) -> None:
    assert write_cards(job(cell()), tmp_path) == {"policies": 0, "datasets": 0, "written": 0}
    assert not (tmp_path / "policies").exists()


def test_a_toy_policy_says_so(tmp_path: Path) -> None:
    write_policy(tmp_path, cell(trained_on="toy-dialogue"))
    write_cards(job(cell(trained_on="toy-dialogue"), datasets={"toy-dialogue": TOY}), tmp_path)
    card = tmp_path / "policies" / cell(trained_on="toy-dialogue").policy_path / "README.md"
    assert "what it says is of no use" in card.read_text()
    assert "offensive" not in card.read_text()


@given(hostile_text)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hostile_names_are_shown_as_text(tmp_path: Path, text: str) -> None:
    name = text.encode(errors="ignore").decode() + "z"
    folder = tmp_path / "policies" / cell().policy_path
    if not folder.exists():
        write_policy(tmp_path, cell())
    plain, found = _page(folder, "plain"), _page(folder, name)
    assert found.elements == plain.elements
    assert found.text.count(visible_text(name)) >= 4


def _page(folder: Path, name: str) -> Page:
    manifest = read_json(folder / "manifest.json")
    manifest["settings"]["model"] |= {"path": name, "revision": name}
    write_json(folder / "manifest.json", manifest)
    write_cards(job(cell(), generator=name), folder.parents[3])
    card: Any = ModelCard.load(folder / "README.md")
    assert card.data.base_model is None
    return read(card.text)
