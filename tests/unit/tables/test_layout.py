import pytest
from pydantic import ValidationError

from hps_bench.errors import UserError
from hps_bench.schemas import EVALUATION
from hps_bench.tables.layout import LAYOUTS, dataset_title, find_layout, policy_title
from hps_bench.tables.settings import TableSettings


def test_quality_metrics_are_columns_of_the_records() -> None:
    sources = {
        metric.source
        for layout in LAYOUTS.values()
        if layout.records == "evaluations"
        for metric in layout.compared or layout.metrics
    }
    assert len(sources) == 13
    assert sources <= set(EVALUATION.names)


def test_of_the_papers_tables_8_alone_shows_kl_and_2_and_3_the_reference_model() -> None:
    with_kl = [
        n for n, layout in LAYOUTS.items() if any(m.name == "kl_preferred" for m in layout.metrics)
    ]
    assert with_kl == ["table8", "margins"]
    baselines = [n for n, layout in LAYOUTS.items() if layout.baseline]
    assert baselines == ["table2", "table3", "table3-datasets", "margins"]


def test_unknown_table_is_a_user_error() -> None:
    with pytest.raises(UserError, match="no table 'table22'; did you mean 'table2'"):
        find_layout("table22")


def test_titles_are_those_of_the_paper() -> None:
    assert dataset_title("pku-saferlhf") == "PKU-SafeRLHF"
    assert dataset_title("my-data") == "my-data"
    assert policy_title("dpo", "hps") == "DPO-HPS"
    assert policy_title("rdpo", "bt") == "R-DPO-BT"


def test_level_of_intervals_is_a_probability() -> None:
    with pytest.raises(ValidationError):
        TableSettings(level=95)
