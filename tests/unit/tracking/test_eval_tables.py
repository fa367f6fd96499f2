from pathlib import Path

import pytest

from hps_bench.tracking import eval_tables
from hps_bench.tracking.eval_tables import RECORDS, SAMPLES, Evaluations, Table
from tests.unit.tracking.fabricated import cell, experiment, write_grid

CONVERSATION = "user: question 0 of pku?\nassistant: why?\nuser: question 0 of pku?"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Evaluation 0 is the SFT model's, 1 that of BT, 3 that of HPS."""
    folder = tmp_path / "results" / "demo"
    write_grid(folder, {"own": experiment(["bt", "hps"], seeds=[0, 1])})
    return folder


def _tables(results: Path, path: str) -> dict[str, Table]:
    return Evaluations(results).tables(f"evaluations/{path}", "pku")


def test_first_samples_stand_beside_those_of_the_sft_model_and_the_human_answer(
    results: Path,
) -> None:
    table = _tables(results, cell("hps").evaluation_path)[SAMPLES]
    assert list(table.columns) == [
        *("prompt", "response", "reward", "sft response", "sft reward", "human")
    ]
    texts = [f"answer {n} to p0, sample 0" for n in (3, 0)]
    assert list(table.rows[0]) == [CONVERSATION, texts[0], 3.0, texts[1], 0.0, "human answer 0"]
    assert [row[0] for row in table.rows[1:]] == ["question 1 of pku?", "question 2 of pku?"]


def test_the_sft_model_does_not_stand_beside_itself(results: Path) -> None:
    assert _tables(results, "pku/sft")[SAMPLES].columns == ["prompt", "response", "reward", "human"]


def test_records_show_the_metrics_that_were_computed(results: Path) -> None:
    table = _tables(results, cell("bt").evaluation_path)[RECORDS]
    assert table.columns == ["prompt", "rm_dpo"]
    assert [row[1] for row in table.rows] == [1.0, 1.1, 1.2]


@pytest.mark.parametrize("name", ["samples.parquet", "records.parquet"])
def test_a_damaged_file_costs_its_table_alone(results: Path, name: str) -> None:
    path = cell("bt").evaluation_path
    (results / "evaluations" / path / name).write_bytes(b"PAR1")
    left = {"samples.parquet": RECORDS, "records.parquet": SAMPLES}[name]
    assert list(_tables(results, path)) == [left]


def test_without_prompts_their_ids_are_shown(results: Path) -> None:
    (results / "prompts/pku/prompts.parquet").unlink()
    table = _tables(results, cell("bt").evaluation_path)[SAMPLES]
    assert (table.rows[0][0], table.rows[0][-1]) == ("p0", None)


def test_policies_of_an_experiment_stand_side_by_side_those_of_the_first_seed(
    results: Path,
) -> None:
    table = Evaluations(results).samples([cell("bt"), cell("hps"), cell("hps", seed=1)])
    assert table is not None
    assert table.columns == [
        *("data set", "prompt", "human", "sft", "dpo-bt n20 b0.1", "dpo-hps n20 b0.1")
    ]
    assert len(table.rows) == 3
    assert table.rows[1] == [
        *("pku", "question 1 of pku?", "human answer 1"),
        *(f"answer {n} to p1, sample 0\n[reward {n}.00]" for n in (0, 1, 3)),
    ]


def test_a_policy_that_is_not_evaluated_yet_leaves_a_gap(results: Path) -> None:
    table = Evaluations(results).samples([cell("bt"), cell("pl")])
    assert table is not None
    assert [row[-1] for row in table.rows] == [None] * 3


def test_there_is_no_table_before_the_first_evaluation(tmp_path: Path) -> None:
    assert Evaluations(tmp_path).samples([cell("bt")]) is None


def test_tables_are_cut_to_what_a_page_can_show(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SHOWN_PROMPTS", "SHOWN_RECORDS", "SHOWN_BESIDE"):
        monkeypatch.setattr(eval_tables, name, 2)
    tables = _tables(results, cell("bt").evaluation_path)
    beside = Evaluations(results).samples([cell("bt")])
    assert beside is not None
    assert [len(table.rows) for table in (*tables.values(), beside)] == [2, 2, 2]
