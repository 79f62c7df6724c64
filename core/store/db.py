"""One SQLite file, shared by threads and processes.

Write-ahead logging lets readers go on while one writes; writers take the lock when they begin (``BEGIN IMMEDIATE``)
and wait for each other, so that none fails half-way for a lock.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from core.errors import StorageError
from core.store.files import private_file, private_folder
from core.store.tables import MIGRATIONS

WAIT_S = 15.0


def now() -> str:
    """The time in UTC, ISO 8601 to the microsecond, so that text sorts by time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


class Database:
    """Transactions on one file.

    Args:
        path: the file; made with its folder, readable by this user only.
        wait_s: how long a writer waits for another one.

    Raises:
        StorageError: the file cannot be made, opened or brought to the present tables.
    """

    def __init__(self, path: Path, *, wait_s: float = WAIT_S) -> None:
        self.path = path
        self._engine = _engine(path, wait_s)
        with _explained(path):
            private_folder(path.parent)
            private_file(path)
            self._migrate()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view of the data."""
        with _explained(self.path), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: all of it is kept, or nothing."""
        with _explained(self.path), self._engine.connect() as raw:
            connection = raw.execution_options(begin="BEGIN IMMEDIATE")
            with connection.begin():
                yield connection

    def scrub(self) -> None:
        """Fold the write-ahead log into the file and empty it, so that what was deleted is in neither.

        While someone else reads, this does nothing; the next scrub or the last close catches up.
        """
        with _explained(self.path):
            raw = self._engine.raw_connection()
            try:
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                raw.close()

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def _migrate(self) -> None:
        with self.read() as connection:
            if _version(connection) == len(MIGRATIONS):
                return
        with self.write() as connection:
            done = _version(connection)
            if done > len(MIGRATIONS):
                raise StorageError(
                    f"The history {self.path.name} was written by a newer version of this program.",
                    hint="Update the program, or choose another folder with UNMASK_DATA_DIR.",
                )
            for step in MIGRATIONS[done:]:
                for statement in step:
                    connection.exec_driver_sql(statement)
            connection.exec_driver_sql(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _version(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def _engine(path: Path, wait_s: float) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)), connect_args={"timeout": wait_s, "check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        # The driver's own transactions begin late and unlocked; they are begun below instead.
        connection.isolation_level = None
        _use_wal(connection, wait_s)
        for pragma in ("foreign_keys = ON", "synchronous = NORMAL", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def _use_wal(connection: sqlite3.Connection, wait_s: float) -> None:
    """Switch to write-ahead logging. SQLite does not wait for the lock which that takes, so this does."""
    end = time.monotonic() + wait_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as exc:
            if "locked" not in str(exc) or time.monotonic() > end:
                raise
            time.sleep(0.02)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn faults of the database into a :class:`StorageError` with a hint that fits."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as exc:
        raise StorageError(f"The history {path.name} could not be used: {_cause(exc)}.", hint=_hint(exc, path)) from exc


def _cause(exc: Exception) -> str:
    cause = getattr(exc, "orig", None) or exc
    return str(cause).splitlines()[0].rstrip(".") if str(cause) else type(cause).__name__


def _hint(exc: Exception, path: Path) -> str:
    text = str(exc).lower()
    if "locked" in text:
        return "Nothing was saved. Another program holds the file; try again in a moment."
    if "full" in text or "no space" in text:
        return "Nothing was saved. Free some disk space, then try again."
    if "malformed" in text or "not a database" in text:
        return f"The file is damaged. Restore {path} from a copy, or move it away to start an empty history."
    return f"Nothing was saved. Check that {path.parent} exists, is writable and has space; UNMASK_DATA_DIR moves it."
