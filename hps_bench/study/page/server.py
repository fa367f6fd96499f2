"""The rating page's web server."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp

from hps_bench.errors import UserError
from hps_bench.study.assignment import Assignment
from hps_bench.study.page.app import create_app
from hps_bench.study.page.store import Store

_MOST_CONNECTIONS = 800
_IDLE_SECONDS = 30
"""Time that an unused connection stays open: one that closes while a form is sent loses it."""

_START_SECONDS = 30.0


def listening(host: str, port: int) -> socket.socket:
    """A socket that takes connections; port 0 is any that is free.

    Raises:
        UserError: the port is taken, or the host is not one of this machine's.
    """
    try:
        return socket.create_server((host, port), backlog=_MOST_CONNECTIONS)
    except OSError as error:
        raise UserError(
            f"--host {host} --port {port}: cannot listen there ({_reason(error)}); "
            "end what does, or give another port"
        ) from None


def _reason(error: OSError) -> str:
    """What is the matter, without what the library adds."""
    if error.errno is None or isinstance(error, socket.gaierror):
        return str(error.strerror)
    return os.strerror(error.errno)


def is_loopback(host: str) -> bool:
    """Whether a host is reached from this machine alone."""
    return host == "localhost" or host.startswith("127.") or host == "::1"


def serve(assignment: Assignment, store: Store, taken: socket.socket, address: str) -> None:
    """Serve the page until the process is told to end.

    Args:
        assignment: what is rated.
        store: where it is saved.
        taken: socket to answer on.
        address: of the page as browsers reach it.
    """
    _server(create_app(assignment, store, address), address).run(sockets=[taken])


@contextmanager
def running(assignment: Assignment, store_file: Path, source: str = "page") -> Iterator[str]:
    """Serve the page beside the caller's own work, on a free port of this machine.

    Args:
        assignment: what is rated.
        store_file: where it is saved.
        source: where the ratings come from, ``page`` or ``simulated``.

    Yields:
        Address of the page.

    Raises:
        UserError: the store is of another assignment or source.
    """
    store = Store.open(store_file, assignment, source)
    taken = listening("127.0.0.1", 0)
    address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    server = _server(create_app(assignment, store, address), address)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, daemon=True)
    thread.start()
    try:
        _wait(server, thread)
        yield address
    finally:
        server.should_exit = True
        thread.join()
        taken.close()
        store.close()


def _server(app: ASGIApp, address: str) -> uvicorn.Server:
    """A server that writes no addresses: those of personal links are secret.

    Behind HTTPS a proxy on this machine says who asks.
    """
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=urlsplit(address).scheme == "https",
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)


def _wait(server: uvicorn.Server, thread: threading.Thread) -> None:
    end = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > end:
            raise UserError("the rating page's server did not start; run the same command")
        time.sleep(0.01)
