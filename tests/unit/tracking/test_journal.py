import hashlib
import math
import os
import signal
from pathlib import Path

import pytest

from hps_bench.tracking.files import FOLDER, RunState, metrics_file, read_entries, read_state
from hps_bench.tracking.journal import RunJournal
from tests.processes import wait_for
from tests.unit.tracking.conftest import KEY, PARAMS, RunScript

LOG_FOREVER = """
import itertools, signal, sys
from pathlib import Path
from hps_bench.tracking.journal import RunJournal

signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have background jobs ignore it
with RunJournal(Path(sys.argv[1]), sys.argv[2], {}) as run:
    for step in itertools.count():
        run.log(step, {"loss": 1 / (step + 1), "rewards/margins": step})
"""


def _state(results: Path) -> RunState:
    state = read_state(results / FOLDER / KEY)
    assert state is not None
    return state


def _steps(results: Path) -> list[int]:
    return [entry.step for entry in read_entries(results / FOLDER / KEY)]


def test_a_run_that_ends_is_finished(tmp_path: Path) -> None:
    with RunJournal(tmp_path, KEY, PARAMS, {"data.prompts": "sha256:ab"}) as run:
        assert _state(tmp_path).status == "RUNNING"
        assert _state(tmp_path).process.pid == os.getpid()
        run.log(0, {"train/loss": 0.5})
        run.log(1, {"train/loss": 0.25, "rewards/margins": 2})
    state = _state(tmp_path)
    assert (state.status, state.error, state.attempt) == ("FINISHED", "", 1)
    assert (state.params["beta"], state.tags) == ("0.1", {"data.prompts": "sha256:ab"})
    assert state.end_time is not None
    entries = read_entries(tmp_path / FOLDER / KEY)
    assert [entry.metrics for entry in entries] == [
        {"train/loss": 0.5},
        {"train/loss": 0.25, "rewards/margins": 2},
    ]
    assert state.start_time <= entries[0].time <= entries[1].time <= state.end_time


def test_a_run_that_raises_is_failed_with_one_printable_line(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="out of"),
        RunJournal(tmp_path, KEY, PARAMS),
    ):
        raise ValueError("out of\n\x1b[31mmemory" + "!" * 1000)
    state = _state(tmp_path)
    assert state.status == "FAILED"
    assert state.error == ("ValueError: out of [31mmemory" + "!" * 1000)[:300]


@pytest.mark.parametrize(("code", "status"), [(0, "FINISHED"), (None, "FINISHED"), (2, "FAILED")])
def test_an_exit_ends_a_run_by_its_code(tmp_path: Path, code: int | None, status: str) -> None:
    with pytest.raises(SystemExit), RunJournal(tmp_path, KEY, PARAMS):
        raise SystemExit(code)
    assert _state(tmp_path).status == status


@pytest.mark.parametrize(
    ("number", "returncode"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)]
)
def test_a_signal_ends_a_run_as_killed(
    tmp_path: Path, start_script: RunScript, number: signal.Signals, returncode: int
) -> None:
    process = start_script(LOG_FOREVER, tmp_path, KEY)
    wait_for(lambda: len(_steps(tmp_path)) > 5, 30)
    process.send_signal(number)
    assert process.wait(timeout=20) == returncode
    assert _state(tmp_path).status == "KILLED"
    assert _state(tmp_path).end_time is not None


def test_sigkill_leaves_every_step_up_to_the_last(tmp_path: Path, start_script: RunScript) -> None:
    process = start_script(LOG_FOREVER, tmp_path, KEY)
    wait_for(lambda: len(_steps(tmp_path)) > 50, 30)
    process.kill()
    process.wait()
    assert _state(tmp_path).status == "RUNNING"
    assert _steps(tmp_path) == list(range(len(_steps(tmp_path))))


def test_a_programs_own_way_with_sigterm_is_kept(tmp_path: Path) -> None:
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    try:
        with RunJournal(tmp_path, KEY, PARAMS):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert received == [signal.SIGTERM]
    assert _state(tmp_path).status == "FINISHED"


def test_the_default_for_sigterm_comes_back(tmp_path: Path) -> None:
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with RunJournal(tmp_path, KEY, PARAMS):
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_forked_child_does_not_end_the_run(tmp_path: Path, start_script: RunScript) -> None:
    code = """
import os, sys
from pathlib import Path
from hps_bench.tracking.files import read_state
from hps_bench.tracking.journal import RunJournal

results, key = Path(sys.argv[1]), sys.argv[2]
with RunJournal(results, key, {}):
    child = os.fork()
    if not child:
        raise RuntimeError("in the child")
    os.waitpid(child, 0)
    print(read_state(results / "tracking" / key).status)
"""
    process = start_script(code, tmp_path, KEY)
    output, errors = process.communicate(timeout=20)
    assert output.split() == ["RUNNING"]
    assert "in the child" in errors
    assert _state(tmp_path).status == "FINISHED"


def test_a_resumed_run_repeats_no_step(tmp_path: Path) -> None:
    with RunJournal(tmp_path, KEY, PARAMS) as run:
        for step in range(10):
            run.log(step, {"loss": 1.0})
    start = _state(tmp_path).start_time
    with metrics_file(tmp_path / FOLDER / KEY).open("a") as file:
        file.write('{"step":10,"ti')
    with RunJournal(tmp_path, KEY, PARAMS, first_step=6) as run:
        for step in range(6, 12):
            run.log(step, {"loss": 2.0})
    assert _steps(tmp_path) == list(range(12))
    losses = [entry.metrics["loss"] for entry in read_entries(tmp_path / FOLDER / KEY)]
    assert losses == [1.0] * 6 + [2.0] * 6
    state = _state(tmp_path)
    assert (state.status, state.error) == ("FINISHED", "")
    assert (state.attempt, state.start_time) == (2, start)


def test_a_run_from_the_beginning_replaces_the_earlier_one(tmp_path: Path) -> None:
    with RunJournal(tmp_path, KEY, PARAMS) as run:
        run.log(0, {"loss": 1.0})
        run.figures({"bleu": 0.1})
    end = _state(tmp_path).end_time
    with RunJournal(tmp_path, KEY, {"beta": 1}) as run:
        run.log(7, {"loss": 2.0})
    state = _state(tmp_path)
    assert _steps(tmp_path) == [7]
    assert (state.attempt, state.params, state.figures) == (2, {"beta": "1"}, {})
    assert end is not None
    assert state.start_time >= end


def test_what_is_no_finite_number_is_skipped_and_counted(tmp_path: Path) -> None:
    with RunJournal(tmp_path, KEY, PARAMS) as run:
        run.log(0, {"loss": math.nan, "margin": 1.0})
        run.log(1, {"loss": math.inf})
        run.log(2, {"loss": None})  # type: ignore[dict-item]
        run.figures({"bleu": 0.5, "kl": -math.inf})
    state = _state(tmp_path)
    assert [entry.metrics for entry in read_entries(tmp_path / FOLDER / KEY)] == [{"margin": 1.0}]
    assert (state.skipped_metrics, state.figures) == (4, {"bleu": 0.5})


def test_figures_and_artifacts_add_up(tmp_path: Path) -> None:
    with RunJournal(tmp_path, KEY, PARAMS) as run:
        run.figures({"bleu": 0.5})
        run.figures({"kl": 3})
        run.artifact(tmp_path / "policies" / "training.json")
        run.artifact(tmp_path / "policies" / "training.json")
        run.artifact(Path("/etc/hostname"))
    state = _state(tmp_path)
    assert state.figures == {"bleu": 0.5, "kl": 3}
    assert state.artifacts == ("policies/training.json", "/etc/hostname")


def test_weights_are_known_by_path_and_digest(tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "b.safetensors").write_bytes(b"two")
    (folder / "a.safetensors").write_bytes(b"one")
    (folder / "adapter_config.json").write_text("{}")
    with RunJournal(tmp_path, KEY, PARAMS, {"git_commit": "abc"}) as run:
        run.adapter(folder)
    assert _state(tmp_path).tags == {
        "git_commit": "abc",
        "adapter.path": str(folder),
        "adapter.sha256": hashlib.sha256(b"onetwo").hexdigest(),
    }


def _use_everything(results: Path) -> int:
    with RunJournal(results, KEY, PARAMS) as run:
        for step in range(3):
            run.log(step, {"loss": 1.0})
        run.figures({"bleu": 0.5})
        run.artifact(results / "a.csv")
        run.adapter(results / "no-such-adapter")
    return step


def test_a_folder_that_cannot_be_made_costs_one_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results").write_text("a file where the folder should be")
    assert _use_everything(tmp_path / "results") == 2
    assert capsys.readouterr().err.count("warning:") == 1


def test_a_read_only_folder_costs_one_warning(tmp_path: Path, start_script: RunScript) -> None:
    """As a user without rights, since root may write anywhere."""
    tmp_path.chmod(0o555)
    code = """
import os, sys
from pathlib import Path
from hps_bench.tracking.journal import RunJournal

if os.geteuid() == 0:
    os.seteuid(65534)
with RunJournal(Path(sys.argv[1]), sys.argv[2], {}) as run:
    run.log(0, {"loss": 1.0})
    run.figures({"bleu": 0.5})
print("trained")
"""
    process = start_script(code, tmp_path, KEY)
    output, errors = process.communicate(timeout=20)
    assert (output, process.returncode) == ("trained\n", 0)
    assert errors.count("warning:") == 1
    assert "Permission denied" in errors


def test_a_full_disk_loses_only_what_does_not_fit(tmp_path: Path, start_script: RunScript) -> None:
    """A limit on the size of files tears a line as a full disk does; then there is room again."""
    code = """
import resource, sys
from pathlib import Path
from hps_bench.tracking.files import metrics_file
from hps_bench.tracking.journal import RunJournal

results, key = Path(sys.argv[1]), sys.argv[2]
with RunJournal(results, key, {}) as run:
    run.log(0, {"loss": 1.0})
    size = metrics_file(results / "tracking" / key).stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, resource.RLIM_INFINITY))
    run.log(1, {"loss": 1.0})
    run.log(2, {"loss": 1.0})
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    run.log(3, {"loss": 1.0})
"""
    process = start_script(code, tmp_path, KEY)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert errors.count("warning:") == 1
    assert _steps(tmp_path) == [0, 3]
    assert _state(tmp_path).status == "FINISHED"


def test_a_folder_that_vanishes_is_survived(tmp_path: Path) -> None:
    with RunJournal(tmp_path, KEY, PARAMS) as run:
        (tmp_path / FOLDER).rename(tmp_path / "elsewhere")
        run.log(0, {"loss": 1.0})
    assert _state(tmp_path).status == "FINISHED"
