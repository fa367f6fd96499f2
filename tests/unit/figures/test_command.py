from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from hps_bench.cli import app
from tests.cli.command import TINY
from tests.unit.figures.fabricated import job
from tests.unit.tables.fabricated import cell, write_evaluation


def test_figures_of_a_config_that_has_been_run_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("training-curves", "margin-distributions")
    values = yaml.safe_load(TINY.read_text()) | {"figures": {n: ["fine-tuning"] for n in names}}
    config = tmp_path / "tiny.yaml"
    config.write_text(yaml.safe_dump(values))
    monkeypatch.chdir(tmp_path)
    results = Path("results/tiny")
    done = cell("dpo-hps", trained_on="toy-dialogue", responses=4)
    write_evaluation(results, done.evaluation_path, rm_dpo=[-1.0, 1.0])
    result = CliRunner().invoke(app, ["figures", str(config)])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "training-curves: left out, there are no records to draw it from",
        "2 figures in results/tiny/figures-so-far",
    ]
    drawn = (results / "figures-so-far" / "margin-distributions.csv").read_text().splitlines()
    assert drawn[1].startswith("dpo,hps,4,0.1,toy-dialogue,toy-dialogue,")


def test_one_figure(tmp_path: Path) -> None:
    of = cell("dpo-hps")
    (tmp_path / "job.json").write_text(job(of).model_dump_json())
    arguments = {"settings": "job.json", "results": "", "output": "figures"}
    paths = [part for key, path in arguments.items() for part in (f"--{key}", tmp_path / path)]
    result = CliRunner().invoke(app, ["figure", "--figure", "trajectories", *map(str, paths)])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("trajectories: left out")
    assert (tmp_path / "figures" / "trajectories.pdf").is_file()
