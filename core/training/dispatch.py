"""Who carries out the commands on a training file that has a ``task``. Files without one train single faces."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol, cast

import yaml

from core.errors import ConfigError
from core.registry import Card
from core.training.config import config_values

# A module with the functions of TaskCommands for each task.
_MODULES = {
    "clip": "core.training.clip_commands",
    "embedding": "core.training.clip_commands",
    "audio": "core.training.audio_commands",
    "lip-sync": "core.training.lip_sync_commands",
}


class TaskCommands(Protocol):
    """What a module of a task offers; arguments and errors as in :mod:`core.training.cli_api`."""

    def run(self, config_path: Path, *, data: Path, out: Path, store: Path, resume: bool = True) -> Path: ...

    def export(self, config_path: Path, *, out: Path) -> Card: ...

    def calibrate(self, config_path: Path, *, data: Path, store: Path) -> Card: ...

    def evaluate(self, config_path: Path, *, data: Path, store: Path, html: Path) -> Card: ...


def commands_of(config_path: Path) -> TaskCommands | None:
    """The commands of a training file's task; None where it has no task or cannot be read.

    Raises:
        ConfigError: nobody carries out this task.
    """
    try:
        values = config_values(config_path)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    if not isinstance(values, dict) or "task" not in values:
        return None
    module = _MODULES.get(str(values["task"]))
    if module is None:
        raise ConfigError(
            f"{config_path.name}: there is no task '{values['task']}'.", hint=f"There are: {', '.join(_MODULES)}."
        )
    return cast(TaskCommands, importlib.import_module(module))
