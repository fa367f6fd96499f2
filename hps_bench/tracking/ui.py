"""The command that shows the store in a browser."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from hps_bench.errors import UserError
from hps_bench.tracking.store import database_path, shown, tracking_uri
from hps_bench.tracking.views import read_addresses


def ui_command(results_root: Path, port: int) -> list[str]:
    """Command of MLflow's own server on the store, for this machine's browsers only.

    MLflow's usage reports and its job queue (seven further processes) are switched off.

    Args:
        results_root: folder of all results folders, for example ``results``.
        port: TCP port on 127.0.0.1.

    Raises:
        UserError: nothing has been uploaded yet, or the store is a server, which has its own page.
    """
    uri = tracking_uri(results_root)
    if not uri.startswith("sqlite"):
        raise UserError(f"MLFLOW_TRACKING_URI: {shown(uri)} has its own server; open that instead")
    database = database_path(uri)
    if not database.exists():
        raise UserError(f"{database}: no such file; upload first, with 'hps-bench track RESULTS'")
    artifacts = database.parent / "mlartifacts"
    settings = ["MLFLOW_DISABLE_TELEMETRY=true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false"]
    server = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    store = ["--backend-store-uri", uri, "--artifacts-destination", str(artifacts)]
    return ["env", *settings, *server, *store, "--workers", "1"]


def ready_views(results_root: Path, port: int) -> Iterator[str]:
    """Lines with the addresses of the views that stand ready, to be opened in a browser.

    Args:
        results_root: folder of all results folders.
        port: of `ui_command`.
    """
    for name, views in read_addresses(results_root, shown(tracking_uri(results_root))):
        yield f"{name}:"
        width = max(map(len, views), default=0)
        for view, path in views.items():
            yield f"  {view:{width}}  http://127.0.0.1:{port}{path}"
