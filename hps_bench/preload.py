"""Stages that start at once: forked from a process that has imported torch already.

Importing torch, transformers and peft takes seconds, which is most of a toy-scale job. Under
``hps-bench preload COMMAND`` the stages that COMMAND starts ask a server on a Unix socket to
fork them; standard streams, environment, working directory and signals are theirs.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from hps_bench.errors import UserError

VARIABLE = "HPS_BENCH_PRELOADED"
STAGES = (
    "tokenizer",
    "model",
    "responses",
    "rewards",
    "reference",
    "train",
    "samples",
    "evaluate",
    "baseline",
    "trajectory",
    "figure",
)
MODULES = (
    "hps_bench.models.stage",
    "hps_bench.responses.stage",
    "hps_bench.training.stage",
    "hps_bench.evaluation.stage",
    "hps_bench.trajectory.stage",
    "hps_bench.figures.stage",
    "accelerate",
    "peft",
    "sacrebleu.metrics",
    "transformers.models.llama.modeling_llama",
)


def run_preloaded(command: Sequence[str], stage: Callable[[], None]) -> int:
    """Run a command with a server of preloaded stages beside it.

    Args:
        command: program and arguments.
        stage: runs the stage that ``sys.argv`` names.

    Returns:
        Exit code of the command.

    Raises:
        UserError: there is no such program.
    """
    # Programs of this environment come first, activated or not.
    programs = Path(sys.executable).parent
    search = f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    if shutil.which(command[0], path=search) is None:
        raise UserError(f"{command[0]}: no such program; give a command such as snakemake")
    with TemporaryDirectory(prefix="hps-bench-") as folder:
        path = Path(folder) / "socket"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(os.fspath(path))
        listener.listen(64)
        alive, held = os.pipe()
        server = os.fork()
        if server == 0:
            os.close(held)
            _serve(listener, alive, stage)
        listener.close()
        os.close(alive)
        try:
            environment = {**os.environ, "PATH": search, VARIABLE: os.fspath(path)}
            return subprocess.run(command, env=environment).returncode
        finally:
            os.kill(server, signal.SIGTERM)
            os.waitpid(server, 0)


def forked_exit_code(arguments: Sequence[str]) -> int | None:
    """Have a server run the stage that these arguments name, and wait for it.

    Returns:
        The stage's exit code; None where no server can run it, so that the caller must.
    """
    path = os.environ.get(VARIABLE)
    if path is None or not set(STAGES).intersection(arguments):
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
    except OSError:
        return None
    replies = connection.makefile()
    try:
        _send_request(connection, arguments)
        worker = int(replies.readline() or 0)
    except OSError:
        return None
    if worker == 0:
        return None
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, lambda received, _: os.kill(worker, received))
    code = replies.readline()
    if not code:
        print("hps-bench: the stage's process was killed", file=sys.stderr)
    return int(code or 1)


def _send_request(connection: socket.socket, arguments: Sequence[str]) -> None:
    """Standard streams with one byte, then a line of JSON.

    A message with file descriptors may arrive cut, and environments can be long.
    """
    request = {
        "argv": list(arguments),
        "cwd": os.fspath(Path.cwd()),
        "environment": dict(os.environ),
    }
    socket.send_fds(connection, [b"\n"], [0, 1, 2])
    connection.sendall(json.dumps(request).encode() + b"\n")


def _serve(listener: socket.socket, alive: int, stage: Callable[[], None]) -> NoReturn:
    """Import what stages import, then fork one process a request.

    It ends by SIGTERM, or at the end of the pipe ``alive``: once the process that holds the
    other end is gone.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for module in MODULES:
            importlib.import_module(module)
        while alive not in select.select([listener.fileno(), alive], [], [])[0]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _work(connection, stage)
            connection.close()
    finally:  # the stack below belongs to the process that was forked
        os._exit(1)


def _work(connection: socket.socket, stage: Callable[[], None]) -> NoReturn:
    """In the forked process: become the stage, report its exit code, and end."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _, streams, _, _ = socket.recv_fds(connection, 1, 3)
        with connection.makefile() as requests:
            _take_over(json.loads(requests.readline()), streams)
        connection.sendall(f"{os.getpid()}\n".encode())
        threading.Thread(target=_end_with_client, args=(connection,), daemon=True).start()
        code = _exit_code(stage)
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(f"{code}\n".encode())
    finally:
        os._exit(code)


def _take_over(request: dict[str, Any], streams: Sequence[int]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["hps-bench", *request["argv"]]


def _end_with_client(connection: socket.socket) -> None:
    """End this process at once when its client is gone, as if the client had been the stage."""
    with suppress(OSError):
        connection.recv(1)
    os.kill(os.getpid(), signal.SIGKILL)


def _exit_code(stage: Callable[[], None]) -> int:
    try:
        stage()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0
