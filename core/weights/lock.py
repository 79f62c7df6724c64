"""One process at a time. The operating system holds the lock, so it ends with the process, however that ends: a lock
file that is left behind by a dead process is free."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import StorageError, WeightsError

_PAUSE_S = 0.1


@contextmanager
def exclusive(path: Path, *, wait_s: float = 3600.0, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock at ``path`` (made in an existing folder, removed afterwards).

    Args:
        path: the lock file.
        wait_s: how long to wait for another process.
        on_wait: called once when there is something to wait for.

    Raises:
        WeightsError: another process still holds it after ``wait_s`` seconds.
        StorageError: the file cannot be made or locked.
    """
    deadline = time.monotonic() + wait_s
    while (held := _try(path)) is None:
        if on_wait is not None:
            on_wait()
            on_wait = None
        if time.monotonic() >= deadline:
            raise WeightsError(
                f"Another process has been working on {path.stem} for {wait_s:.0f} s.",
                hint="Wait until it has finished, or end it, and try again.",
            )
        time.sleep(_PAUSE_S)
    try:
        yield
    finally:
        # Removed while still held: whoever waits for it notices that the name now means another file.
        with suppress(OSError):
            path.unlink()
        os.close(held)


def _try(path: Path) -> int | None:
    """A locked descriptor of the file that the name means, or None."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as exc:
        raise _refused(path, exc) from exc
    try:
        if _acquire(handle) and _means(path, handle):
            return handle
    except OSError as exc:
        os.close(handle)
        raise _refused(path, exc) from exc
    os.close(handle)
    return None


def _refused(path: Path, exc: OSError) -> StorageError:
    return StorageError(
        f"The folder '{path.parent}' cannot be locked or written to: {exc.strerror}.",
        hint="Make it writable, or choose another one, on a disk of this machine, with UNMASK_DATA_DIR.",
    )


def _means(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _acquire(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _acquire(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
