"""Copies of the repository: one to look at, one with the tiny config run, one with the demo run."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.workflow.repository import TINY, WITH_HINGE, Repository


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A copy without results, for dry runs."""
    return Repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A copy in which the tiny config and a loss of one's own have run to their end."""
    made = Repository(tmp_path_factory.mktemp("finished"))
    values = yaml.safe_load((made.folder / TINY).read_text())
    values["losses"] = {"hinge": {"file": "docs/examples/hinge.py"}}
    values["experiments"]["fine-tuning"]["rewards"].append("hinge")
    (made.folder / WITH_HINGE).write_text(yaml.safe_dump(values))
    command = ("snakemake", "--cores", "2", "--configfile", WITH_HINGE)
    result = made.run("hps_bench", "preload", "--", *command)
    assert result.returncode == 0, result.stdout + result.stderr
    return made


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a copy in which the demo has run to its end."""
    made = Repository(tmp_path_factory.mktemp("demo"))
    command = ("hps_bench", "preload", "--", "snakemake", "--cores", "2")
    result = made.run(*command, timeout=1800)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return made.folder
