"""Files shared among processes of this machine."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from core.batch.rows import Row, failed, row_of
from core.errors import InternalError
from core.settings import Settings

log = logging.getLogger(__name__)

Work: TypeAlias = Callable[[Path, Settings], Row]

_AHEAD = 2  # files a process that are handed out before they are due


def in_processes(
    paths: Iterable[Path], settings: Settings, workers: int, retries: int, work: Work = row_of
) -> Iterator[Row]:
    """Rows by ``workers`` processes, as they get ready. When a process dies, the files that were under way are looked
    at again one by one, so that only the one that did it is given up after ``retries``.

    Args:
        work: what is done with a file; it must be importable by the processes.
    """
    todo = iter(paths)
    while True:
        with _pool(workers) as pool:
            suspects = yield from _shared(pool, todo, settings, workers, work)
        if not suspects:
            return
        log.warning("a process died: %d files are looked at again", len(suspects))
        yield from _singly(suspects, settings, retries, work)


def _shared(
    pool: ProcessPoolExecutor, todo: Iterator[Path], settings: Settings, workers: int, work: Work
) -> Generator[Row, None, list[Path]]:  # returns the files that were under way when a process died
    under_way: dict[Future[Row], Path] = {}
    spare = deque[Path]()
    try:
        while True:
            while len(under_way) < _AHEAD * workers and (path := next(todo, None)) is not None:
                spare.append(path)
                under_way[pool.submit(work, path, settings)] = path
                spare.pop()
            if not under_way:
                return []
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                row = future.result()
                del under_way[future]
                yield row
    except BrokenProcessPool:
        ready = [f for f in under_way if f.done() and f.exception() is None]
        for future in ready:
            del under_way[future]
            yield future.result()
        return [*under_way.values(), *spare]


def _singly(suspects: Sequence[Path], settings: Settings, retries: int, work: Work) -> Iterator[Row]:
    left = deque((path, 0) for path in suspects)
    while left:
        with _pool(1) as pool:
            try:
                while left:
                    yield pool.submit(work, left[0][0], settings).result()
                    left.popleft()
            except BrokenProcessPool:
                path, tried = left.popleft()
                log.warning("the process died again", extra={"file": path.name})
                if tried < retries:
                    left.appendleft((path, tried + 1))
                else:
                    yield failed(path, given_up(2 + retries))


def given_up(times: int) -> InternalError:
    """Why a file has no result that brings down whoever looks at it."""
    return InternalError(
        f"The process that analysed this file died {times} times.",
        hint="The file may need more memory than there is: try it alone, with fewer workers or lower limits.",
    )


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that begin from nothing: a fork would take over locks of threads that do not live on."""
    threads = max(1, (os.cpu_count() or 1) // workers)
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=prepare, initargs=(threads,))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def prepare(threads: int) -> None:
    """Make this process, which has loaded no library that computes yet, one of several that share the cores."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
        os.environ[name] = str(threads)
