"""Which policies are sampled together, and that it is found out once for all of them."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from hps_bench import batches
from hps_bench.batches import Batches
from hps_bench.cell import Cell
from hps_bench.config import Config
from hps_bench.tracking.files import FOLDER, RunState, read_state, write_state
from hps_bench.tracking.process import this_process
from hps_bench.workflow import Workflow
from tests.cli.command import TINY

AXES: dict[str, Any] = {"rewards": ["dpo"], "methods": ["bt", "hps"], "responses": [4]}


def suite(**experiments: dict[str, Any]) -> Workflow:
    """Two data sets; table 2 shows experiment x, table 8 experiment y."""
    values = yaml.safe_load(TINY.read_text())
    only = values["datasets"].popitem()[1]
    values["datasets"] = {"a": only, "b": only}
    values["experiments"] = {name: AXES | axes for name, axes in experiments.items()}
    values["tables"] = {"table2": ["x"], "table8": ["y"]}
    values["figures"] = {"training-curves": ["y"]}
    return Workflow(Config.model_validate(values))


def made(folder: Path) -> Batches:
    """Experiment y shares n = 4 on a with x, and adds n = 2."""
    shown = suite(x={"datasets": ["a", "b"]}, y={"datasets": ["a"], "responses": [2, 4]})
    return Batches(shown.config, folder, shown.table_cells)


def names(found: Batches, *asked: str) -> dict[str, str | None]:
    """Experiment of the policies of bt, by data set and n."""
    policies = {"a4": ("a", 4), "b4": ("b", 4), "a2": ("a", 2)}
    return {
        key: drawn(found, f"{dataset}/dpo-bt/n{n}-b0.1-s0", dataset, *asked)
        for key, (dataset, n) in policies.items()
    }


def drawn(found: Batches, policy_path: str, evaluated_on: str, *asked: str) -> str | None:
    """Experiment of a policy whose batch is to be drawn."""
    name = found.batch_of(policy_path, evaluated_on)
    return name if name and found.is_whole((evaluated_on, name), iter(asked)) else None


def cells(dataset: str, n: int) -> list[Cell]:
    return [Cell("dpo", method, dataset, dataset, n, 0.1, 0) for method in ("bt", "hps")]


def fail(folder: Path, cell: Cell) -> None:
    state = {"key": "policies", "status": "FAILED", "attempt": 1, "start_time": 0}
    more = {"params": {}, "tags": {}, "process": this_process()}
    path = folder / FOLDER / "policies" / cell.policy_path
    write_state(path, RunState.model_validate({**state, **more}))


def test_a_cell_belongs_to_the_first_experiment_that_has_it(tmp_path: Path) -> None:
    found = made(tmp_path)
    assert found.job("a", "x").cells == cells("a", 4)
    assert found.job("b", "x").cells == cells("b", 4)
    assert found.job("a", "y").cells == cells("a", 2)
    assert found.job("b", "y").cells == []


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((), {"a4": "x", "b4": "x", "a2": "y"}),
        (("all",), {"a4": "x", "b4": "x", "a2": "y"}),
        (("tables",), {"a4": "x", "b4": "x", "a2": "y"}),
        (("table2",), {"a4": "x", "b4": "x", "a2": None}),
        (("figures",), {"a4": "x", "b4": None, "a2": "y"}),
        # Table 8 wants n = 4 on a as well, which is all of x's batch there.
        (("results/tiny/tables/table8.csv",), {"a4": "x", "b4": None, "a2": "y"}),
        (("policies",), {"a4": None, "b4": None, "a2": None}),
    ],
)
def test_only_batches_that_are_wanted_as_a_whole(
    asked: tuple[str, ...], expected: dict[str, str | None], tmp_path: Path
) -> None:
    assert names(made(tmp_path), *asked) == expected


def test_answers_to_other_targets_are_not_mixed_up(tmp_path: Path) -> None:
    found = made(tmp_path)
    assert names(found, "table2")["a2"] is None
    assert names(found)["a2"] == "y"
    assert names(found, "table2")["a2"] is None


def test_a_failed_policy_stops_its_own_batch_alone(tmp_path: Path) -> None:
    fail(tmp_path, cells("a", 4)[1])
    assert names(made(tmp_path)) == {"a4": None, "b4": "x", "a2": "y"}


def test_an_unknown_policy_is_in_no_batch(tmp_path: Path) -> None:
    assert made(tmp_path).batch_of("a/dpo-pl/n4-b0.1-s0", "a") is None


def test_each_policy_s_state_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every evaluation asks; what is asked must not grow with the square of the grid."""
    read: list[Path] = []

    def counting(folder: Path) -> RunState | None:
        read.append(folder)
        return read_state(folder)

    monkeypatch.setattr(batches, "read_state", counting)
    large = suite(x={"datasets": ["a"], "seeds": list(range(50))}, y={"datasets": ["b"]})
    found = Batches(large.config, tmp_path, large.table_cells)
    for method, seed in product(("bt", "hps"), range(50)):
        assert drawn(found, f"a/dpo-{method}/n4-b0.1-s{seed}", "a") == "x"
    assert len(read) == len(set(read)) == 102
