"""The packets of a study that people have begun on outlive a changed config."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.unit.study.samples import write_evaluation, write_prompts
from tests.workflow.repository import TINY, Repository

RESULTS = "results/tiny"
CONFIG = "study.yaml"


def _snakemake(repository: Repository, seed: int) -> str:
    """Draw the packets, from samples that are there; returns what the command says."""
    values = yaml.safe_load((repository.folder / TINY).read_text())
    values["study"] = {"experiment": "fine-tuning", "methods": ["hps"], "prompts": 2, "raters": 3}
    values["study"]["seed"] = seed
    (repository.folder / CONFIG).write_text(yaml.safe_dump(values))
    rules = ("--allowed-rules", "study", "settings")
    result = repository.snakemake("study", "--cores", "1", "--configfile", CONFIG, *rules)
    return result.stdout + result.stderr


def test_a_study_that_has_begun_is_kept(tmp_path: Path) -> None:
    """Snakemake removes what a job writes before the job; this job sees it, and refuses."""
    repository = Repository(tmp_path)
    folder = repository.folder / RESULTS
    write_prompts(folder, "toy-dialogue", 3)
    for place, policy in enumerate(("sft", "toy-dialogue/dpo-hps/n4-b0.1-s0")):
        write_evaluation(folder / "evaluations" / "toy-dialogue" / policy, place, 3)
    said = _snakemake(repository, seed=0)
    assignment = Path(folder / "study" / "assignment.json")
    before = assignment.read_bytes()
    (folder / "study" / "links.csv").touch()
    refusal = _snakemake(repository, seed=1)
    assert "raters have begun on it (links.csv is there)" in refusal, said
    assert assignment.read_bytes() == before
    assert (folder / "study" / "key.json").is_file()
