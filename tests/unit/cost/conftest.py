from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _without_results(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prompts that an earlier run has left in the current folder are counted by no test."""
    folder: Path = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(folder)
