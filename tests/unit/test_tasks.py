"""Tasks run on their own, can be stopped, and are remembered by the next server."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from core.errors import LimitError, NotFoundError
from core.settings import build_settings
from core.tasks import Task, Tasks, TaskState


def _wait(tasks: Tasks, ident: str) -> Task:
    for _ in range(600):
        task = tasks.get(ident)
        if task.state is not TaskState.RUNNING:
            return task
        time.sleep(0.1)
    raise AssertionError("it did not end")


def test_a_task_runs_says_what_it_did_and_is_remembered(tmp_path: Path) -> None:
    settings = build_settings(data_dir=tmp_path)
    tasks = Tasks(settings)
    ident = tasks.start("Version", ["--version"])
    with pytest.raises(LimitError):
        tasks.start("Another", ["--version"])
    assert _wait(tasks, ident).state is TaskState.DONE
    later = Tasks(settings).get(ident)
    assert later.state is TaskState.DONE
    assert later.last.startswith("Unmask ")


def test_a_failure_keeps_its_message(tmp_path: Path) -> None:
    tasks = Tasks(build_settings(data_dir=tmp_path))
    task = _wait(tasks, tasks.start("Unknown", ["finetune", "run", "no-such-detector"]))
    assert task.state is TaskState.FAILED
    assert any("no-such-detector" in line for line in task.lines)


def test_a_task_can_be_stopped(tmp_path: Path) -> None:
    tasks = Tasks(build_settings(data_dir=tmp_path))
    ident = tasks.start("Schema", ["analyse", "/dev/stdin", "--help"])
    tasks.stop(ident)
    assert _wait(tasks, ident).state in (TaskState.STOPPED, TaskState.DONE)
    with pytest.raises(NotFoundError):
        tasks.get("nothing")


def test_a_task_whose_server_died_is_not_called_running(tmp_path: Path) -> None:
    tasks = Tasks(build_settings(data_dir=tmp_path))
    ident = tasks.start("Version", ["--version"])
    tasks._processes[ident].wait()
    assert Tasks(build_settings(data_dir=tmp_path)).get(ident).state is TaskState.FAILED
