"""The user's own settings file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from core import user_config
from core.errors import ConfigError, StorageError
from tests.unit.store_samples import settings_in


def test_nothing_set_is_nothing_read(tmp_path: Path) -> None:
    assert user_config.read(settings_in(tmp_path)) == {}


def test_what_is_saved_holds_and_none_goes_back_to_the_default(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "new")
    after = user_config.save(settings, {"faces.max_faces": 3, "retention_days": 7})
    assert (after.faces.max_faces, after.retention_days) == (3, 7)
    assert user_config.read(settings) == {"faces": {"max_faces": 3}, "retention_days": 7}
    back = user_config.save(settings, {"faces.max_faces": None})
    assert back.faces.max_faces == 16
    assert user_config.read(settings) == {"retention_days": 7}


def test_a_value_that_does_not_fit_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    user_config.save(settings, {"retention_days": 7})
    with pytest.raises(ConfigError, match="max_faces"):
        user_config.save(settings, {"faces.max_faces": 0, "retention_days": 9})
    assert user_config.read(settings) == {"retention_days": 7}


def test_what_the_user_wrote_by_hand_stays(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("preset: forensics4\nsampling:\n  frames: 9\n", encoding="utf-8")
    user_config.save(settings_in(tmp_path), {"sampling.strategy": "all"})
    assert yaml.safe_load((tmp_path / "config.yaml").read_text(encoding="utf-8")) == {
        "preset": "forensics4",
        "sampling": {"frames": 9, "strategy": "all"},
    }


@pytest.mark.parametrize("text", ["a: [", "- 1\n- 2\n", "\x80"])
def test_a_damaged_file_is_told(tmp_path: Path, text: str) -> None:
    settings = settings_in(tmp_path)
    (tmp_path / "config.yaml").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError) as found:
        user_config.read(settings)
    assert "Correct" in found.value.hint


def test_a_group_that_is_no_group_is_told(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    (tmp_path / "config.yaml").write_text("sampling: 3\n", encoding="utf-8")
    with pytest.raises(ConfigError):
        user_config.save(settings, {"sampling.frames": 3})


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    with pytest.raises((StorageError, ConfigError)):
        user_config.save(settings_in(blocked / "in"), {"retention_days": 1})
