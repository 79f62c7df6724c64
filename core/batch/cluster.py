"""Files shared among the actors of a Ray cluster, each of which loads the models once."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from core.batch.local import given_up, prepare
from core.batch.rows import Row, failed, row_of
from core.errors import ConfigError
from core.settings import Settings

log = logging.getLogger(__name__)

_AHEAD = 2  # files an actor that are handed out before they are due


def on_cluster(
    paths: Iterable[Path], settings: Settings, workers: int, address: str, retries: int, work: Any = row_of
) -> Iterator[Row]:
    """Rows by ``workers`` actors, as they get ready. The files must lie where every node sees them under these paths.

    An actor that dies is started again and its files are tried again, each ``retries`` times; then it is a row that
    says so. Each takes a share of a GPU where ``settings.runtime.device`` asks for one, else a core.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster at ``address``.
    """
    ray = _connected(address, workers)
    try:
        yield from _spread(ray, iter(paths), settings, workers, retries, work)
    finally:
        ray.shutdown()


def _spread(ray: Any, todo: Iterator[Path], settings: Settings, workers: int, retries: int, work: Any) -> Iterator[Row]:
    gpu = settings.runtime.device.startswith("cuda")
    options = {"num_cpus": 1, "num_gpus": 1 if gpu else 0, "max_restarts": -1, "max_task_retries": retries}
    kind = ray.remote(**options)(_Worker)
    actors = [kind.remote(settings, work) for _ in range(workers)]
    under_way: dict[Any, tuple[Path, Any]] = {}
    free = actors * _AHEAD
    while True:
        while free and (path := next(todo, None)) is not None:
            actor = free.pop()
            under_way[actor.row.remote(str(path))] = (path, actor)
        if not under_way:
            return
        (ready,), _ = ray.wait(list(under_way), num_returns=1)
        path, actor = under_way.pop(ready)
        free.append(actor)
        yield _row(ray, ready, path, retries)


def _row(ray: Any, ready: Any, path: Path, retries: int) -> Row:
    try:
        row: Row = ray.get(ready)
    except ray.exceptions.RayActorError:
        log.warning("an actor died once too often", extra={"file": path.name})
        return failed(path, given_up(1 + retries))
    return row


class _Worker:
    """Holds the models of one process between files."""

    def __init__(self, settings: Settings, work: Any) -> None:
        prepare(1)
        self._settings, self._work = settings, work

    def row(self, path: str) -> Row:
        row: Row = self._work(Path(path), self._settings)
        return row


def _connected(address: str, workers: int) -> Any:
    try:
        import ray
    except ImportError as exc:
        raise ConfigError(
            "The engine 'ray' needs the package ray, which is not installed.",
            hint="Install it with: python -m pip install -r requirements-cluster.txt",
        ) from exc
    _knock(address)
    common: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        if address == "local":
            ray.init(address="local", num_cpus=max(workers, 1), include_dashboard=False, **common)
        else:
            ray.init(address=address, **common)
    except Exception as exc:  # Ray raises whatever comes, down to Exception itself
        raise _nobody(address) from exc
    return ray


def _knock(address: str) -> None:
    """Ray waits for minutes where nobody listens."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=5.0).close()
    except OSError as exc:
        raise _nobody(address) from exc


def _nobody(address: str) -> ConfigError:
    return ConfigError(
        f"There is no Ray cluster at '{address}', or it does not answer.",
        hint="Start one with 'ray start --head', and give its address (ray://host:10001, or auto on its head).",
    )
