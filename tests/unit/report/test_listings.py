from hps_bench.grid import cells
from hps_bench.report.listings import EXPERIMENT_COLUMNS, experiment_rows, settings
from tests.unit.index_page.fabricated import small_config


def test_axes_and_progress_of_experiments() -> None:
    config = small_config()
    rows = experiment_rows(config, set(cells(config, "transfer")))
    both = "toy-dialogue, toy-questions"
    axes = ("dpo, sppo", "bt, hps", both, "the same", "4", "0.1", "0, 1")
    assert rows[0] == ("fine-tuning", *axes, "0 of 16")
    assert rows[1][-1] == "4 of 4"
    assert {len(row) for row in rows} == {len(EXPERIMENT_COLUMNS)}


def test_columns_fit_the_page() -> None:
    """Beside eight gaps of 5 pt on a page of 6.8 inches, that is 491 pt."""
    assert sum(EXPERIMENT_COLUMNS.values()) * 491 + 8 * 5 < 491


def test_settings_in_one_line() -> None:
    config = small_config(losses={"exo": {"label_smoothing": 0.1}})
    lines = {fact.heading: fact.lines for fact in settings(config)}
    assert lines["plan"] == ("epochs 2",)
    assert lines["loss exo"] == ("label smoothing 0.1",)
    assert "lora (rank 8; alpha 16; dropout 0; target modules all-linear)" in lines["training"][0]
    assert "sample prompts 2" in lines["evaluation"][0]
