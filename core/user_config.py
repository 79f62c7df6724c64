"""The user's own settings file ``<data_dir>/config.yaml``: read, checked as a whole, and written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from core.errors import ConfigError, StorageError
from core.settings import Settings, build_settings


def config_file(settings: Settings) -> Path:
    """Where the user's settings lie."""
    return settings.data_dir / "config.yaml"


def read(settings: Settings) -> dict[str, Any]:
    """What the user has set; empty where nothing was.

    Raises:
        ConfigError: the file is no YAML mapping.
    """
    path = config_file(settings)
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise ConfigError(f"{path.name} cannot be read.", hint=f"Correct or remove {path}.") from exc
    if found is not None and not isinstance(found, dict):
        raise ConfigError(f"{path.name} holds no settings.", hint=f"Correct or remove {path}.")
    return found or {}


def save(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Set values (dotted names such as ``faces.max_faces``; None goes back to the default) and write the file.

    Returns:
        The settings as they are from now on.

    Raises:
        ConfigError: a value does not fit; nothing is written.
        StorageError: the file cannot be written.
    """
    values = read(settings)
    for name, value in changes.items():
        _put(values, name.split("."), value)
    after = build_settings(data_dir=settings.data_dir, **values)
    path = config_file(settings)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(yaml.safe_dump(values, sort_keys=True, allow_unicode=True), encoding="utf-8")
        part.replace(path)
    except OSError as exc:
        raise StorageError(f"{path} cannot be written.", hint="Check that the data folder is writable.") from exc
    return after


def _put(values: dict[str, Any], names: list[str], value: Any) -> None:
    first, *rest = names
    if rest:
        inner = values.setdefault(first, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"The setting '{first}' is a group.", hint="Correct config.yaml.")
        _put(inner, rest, value)
        if not inner:
            values.pop(first)
    elif value is None:
        values.pop(first, None)
    else:
        values[first] = value
