"""Long commands of the program in processes of their own: started from a page, followed, stopped, and remembered.

Each task is a folder ``<data_dir>/tasks/<id>`` with ``task.json`` and ``output.log``; it outlives the page and the
server that started it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.errors import LimitError, NotFoundError, StorageError
from core.settings import ROOT, Settings
from core.store.files import closed_folder

_TAIL = 8192


class TaskState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Task:
    """One command on its way or past. ``lines`` are the last things it said."""

    id: str
    title: str
    arguments: tuple[str, ...]
    state: TaskState
    started_at: str
    lines: tuple[str, ...]

    @property
    def last(self) -> str:
        return self.lines[-1] if self.lines else ""


class Tasks:
    """Commands of :mod:`core.cli`, one at a time: two trainings at once would both crawl."""

    def __init__(self, settings: Settings) -> None:
        self.folder: Path = settings.data_dir / "tasks"
        self._settings = settings
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, title: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
        """Run ``python -m core.cli ARGUMENTS``; returns the task's id.

        Raises:
            LimitError: another task is running.
            StorageError: the task cannot be written down.
        """
        if any(task.state is TaskState.RUNNING for task in self.all()):
            raise LimitError("Another task is running.", hint="Wait for it, or stop it first.")
        ident = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"
        place = self.folder / ident
        own = {"UNMASK_DATA_DIR": str(self._settings.data_dir.resolve())}
        try:
            closed_folder(place)
            with (place / "output.log").open("wb") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "core.cli", *arguments],
                    cwd=ROOT,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                    env={**os.environ, **own, **(environment or {})},
                )
            facts = {
                "title": title,
                "arguments": list(arguments),
                "pid": process.pid,
                "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            _write(place, facts)
        except OSError as exc:
            raise StorageError(f"The task cannot be started: {exc.strerror}.", hint="Check the data folder.") from exc
        self._processes[ident] = process
        return ident

    def all(self) -> list[Task]:
        """Every task, newest first."""
        places = sorted(self.folder.glob("*/task.json"), reverse=True)
        return [task for path in places if (task := self._read(path.parent)) is not None]

    def get(self, ident: str) -> Task:
        """One task.

        Raises:
            NotFoundError: there is none.
        """
        found = next((task for task in self.all() if task.id == ident), None)
        if found is None:
            raise NotFoundError("There is no such task.", hint="Reload the page.")
        return found

    def stop(self, ident: str) -> None:
        """End a running task with all its processes; a finished one stays as it is."""
        place = self.folder / self.get(ident).id
        facts = _facts(place)
        if facts is None or self.get(ident).state is not TaskState.RUNNING:
            return
        _write(place, facts | {"stopped": True})
        try:
            os.killpg(int(facts["pid"]), signal.SIGTERM)
        except ProcessLookupError:
            return

    def _read(self, place: Path) -> Task | None:
        facts = _facts(place)
        if facts is None:
            return None
        state = self._state(place, facts)
        lines = _tail(place / "output.log")
        return Task(place.name, facts["title"], tuple(facts["arguments"]), state, facts["started_at"], lines)

    def _state(self, place: Path, facts: dict[str, Any]) -> TaskState:
        code = facts.get("code")
        if code is None:
            code = self._code(place.name, int(facts["pid"]))
            if code is None:
                return TaskState.RUNNING
            _write(place, facts | {"code": code})
        if facts.get("stopped"):
            return TaskState.STOPPED
        return TaskState.DONE if code == 0 else TaskState.FAILED

    def _code(self, ident: str, pid: int) -> int | None:
        """The exit code; None while it runs, -1 where an earlier server would have known it."""
        process = self._processes.get(ident)
        if process is not None:
            return process.poll()
        return None if _alive(pid) else -1


def _alive(pid: int) -> bool:
    """Whether the process that an earlier server started still runs. A zombie does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[:1] != ["Z"]


def _facts(place: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((place / "task.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _write(place: Path, facts: Mapping[str, Any]) -> None:
    part = place / "task.json.part"
    part.write_text(json.dumps(facts, indent=1), encoding="utf-8")
    part.replace(place / "task.json")


def _tail(path: Path, count: int = 40) -> tuple[str, ...]:
    """The last lines of a log; of JSON lines their messages."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ()
    return tuple(_message(line) for line in text.splitlines()[-count:] if line.strip())


def _message(line: str) -> str:
    try:
        found = json.loads(line)
    except ValueError:
        return line
    return str(found["message"]) if isinstance(found, dict) and "message" in found else line
