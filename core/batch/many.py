"""Many files on this machine or on a cluster, rows as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, TypeAlias

from core.batch.rows import Row, row_of
from core.settings import Settings

Engine: TypeAlias = Literal["local", "ray"]


def analyse_many(
    paths: Iterable[Path],
    settings: Settings,
    *,
    workers: int = 1,
    engine: Engine = "local",
    address: str = "local",
    retries: int = 2,
) -> Iterator[Row]:
    """Rows of files, in the order in which they get ready; with one local worker in the order of ``paths``.

    Files are taken from ``paths`` no faster than they are analysed. Closing the iterator stops the work.

    Args:
        workers: processes, each with its own models; 1 on this machine works in this process. On a cluster, actors.
        engine: ``ray`` needs the package and takes the cluster at ``address`` ("auto" finds a running one, "local"
            starts one on this machine).
        retries: how often a file is tried again that brought its process down.

    Raises:
        ConfigError: the engine is not there, or not at that address.
    """
    if engine == "ray":
        from core.batch.cluster import on_cluster

        return on_cluster(paths, settings, workers, address, retries)
    if workers <= 1:
        return (row_of(path, settings) for path in paths)
    from core.batch.local import in_processes

    return in_processes(paths, settings, workers, retries)
