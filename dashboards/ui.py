"""The command that opens a home's sweeps in MLflow's own pages."""

from __future__ import annotations

import shutil
import sys
from urllib.parse import quote

from lanewise.dashboards.shared_view import order_of, trials_of
from lanewise.dashboards.state import artifacts, local_uri, mask
from lanewise.search.errors import SearchError
from lanewise.search.store.home import Home

# MLflow's pages open as those for prompts and traces; this shows the ones for model training.
TRAINING = "workflowType=machine_learning"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def command(
    home: Home, tracking_uri: str | None = None, host: str = "127.0.0.1", port: int = 5000
) -> list[str]:
    """An argument vector that serves the pages until it is ended.

    Args:
        tracking_uri: a database; None for the home's own.

    Raises:
        SearchError: a host that other machines could reach (the pages have no password), or a
            tracking URI that is a server already.
    """
    if host not in LOOPBACK:
        raise SearchError(
            f"--host {host}: MLflow's pages have no password, so only this machine may open them "
            f"({', '.join(LOOPBACK)}); from elsewhere, use ssh -L {port}:127.0.0.1:{port}"
        )
    uri = tracking_uri or local_uri(home)
    if uri.startswith(("http:", "https:")):
        raise SearchError(f"{mask(uri)} is a server already: open it in a browser")
    return [
        shutil.which("env") or "/usr/bin/env",
        "MLFLOW_DISABLE_TELEMETRY=true",
        sys.executable,
        *("-m", "mlflow", "server"),
        *("--backend-store-uri", uri),
        *("--artifacts-destination", artifacts(home).as_uri()),
        *("--host", host, "--port", str(port)),
        *("--workers", "1"),
    ]


def page(
    experiment_id: str | None = None,
    sweep: str | None = None,
    metric: str | None = None,
    mode: str = "max",
    ties: str = "loss",
    has_view: bool = False,
    host: str = "127.0.0.1",
    port: int = 5000,
) -> str:
    """The address of a page: the list of experiments, an experiment's runs, or a sweep's trials.

    Args:
        sweep: only the trials of this sweep (by id).
        metric, mode, ties: of the objective; trials stand in the sweep's order, best first.
        has_view: the sweep's own view is there, which has its filter, order and columns.
    """
    base = f"http://{host}:{port}/#/experiments"
    if experiment_id is None:
        return f"{base}?{TRAINING}"
    words = [TRAINING]
    if sweep is not None and has_view:
        # Beside a filter or an order in the address, MLflow would not look at the view.
        words.append(f"viewStateShareKey={quote(sweep)}")
        return f"{base}/{experiment_id}/runs?{'&'.join(words)}"
    if sweep is not None:
        words.append(f"searchFilter={quote(trials_of(sweep))}")
    if metric is not None:
        order, rises = order_of(metric, mode, ties)
        words += [f"orderByKey={quote(order)}", f"orderByAsc={str(rises).lower()}"]
    return f"{base}/{experiment_id}/runs?{'&'.join(words)}"
