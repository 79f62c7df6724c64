"""Where settings come from, in which order, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from core.errors import ConfigError
from core.settings import CONFIGS, Settings, build_settings, get_settings


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("PROFILE", "PRESET", "WEIGHTS_DIR", "OFFLINE", "RUNTIME__DEVICE"):
        monkeypatch.delenv(f"UNMASK_{name}", raising=False)
    monkeypatch.setenv("UNMASK_DATA_DIR", str(tmp_path))
    return tmp_path


def test_arguments_come_before_environment_before_file_before_profile(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = build_settings(profile="cpu")
    assert profile.runtime.batch == 8
    (data_dir / "config.yaml").write_text("runtime: {batch: 7}\nsampling: {frames: 9}\nlimits: {max_seconds: 60}\n")
    monkeypatch.setenv("UNMASK_SAMPLING__FRAMES", "10")
    monkeypatch.setenv("UNMASK_LIMITS__MAX_SECONDS", "61")
    settings = build_settings(limits={"max_seconds": 62})
    assert (settings.runtime.batch, settings.sampling.frames, settings.limits.max_seconds) == (7, 10, 62)
    assert settings.runtime.pool_bytes == profile.runtime.pool_bytes


def test_the_data_folder_comes_from_the_environment(data_dir: Path) -> None:
    assert build_settings().data_dir == data_dir


@pytest.mark.parametrize("path", sorted((CONFIGS / "profiles").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_profile_validates_and_is_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    monkeypatch.setenv("UNMASK_PROFILE", path.stem)
    settings = build_settings()
    assert settings.profile == path.stem
    for part, values in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        for name, value in values.items():
            assert getattr(getattr(settings, part), name) == value


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("UNMASK_SAMPLING__FRAMES", "0", "sampling.frames"),
        ("UNMASK_SAMPLING__FRAMES", "many", "sampling.frames"),
        ("UNMASK_SAMPLING__STRATEGY", "psychic", "sampling.strategy"),
        ("UNMASK_FACES__MIN_CONFIDENCE", "1.5", "faces.min_confidence"),
        ("UNMASK_LIMITS__MAX_BYTES", "-1", "limits.max_bytes"),
        ("UNMASK_LIMITS__NO_SUCH", "1", "limits.no_such"),
        ("UNMASK_RUNTIME__DEVICE", "toaster", "runtime.device"),
        ("UNMASK_PROFILE", "huge", "profile"),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, named: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        build_settings()
    assert f"'{named}'" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "content", [b"a: [1\nb: }", b"just text", b"- a\n- b", b"\xff\xfe", b"a: !!python/name:os.system"]
)
def test_a_file_that_cannot_be_read_is_named(data_dir: Path, content: bytes) -> None:
    (data_dir / "config.yaml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        build_settings()
    assert "config.yaml" in caught.value.hint


def test_a_variable_that_cannot_be_read_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNMASK_LIMITS", "{not json")
    with pytest.raises(ConfigError, match="limits|variable"):
        build_settings()


def test_an_empty_file_changes_nothing(data_dir: Path) -> None:
    plain = build_settings()
    (data_dir / "config.yaml").write_text("")
    assert build_settings() == plain


def test_settings_cannot_be_changed() -> None:
    settings = build_settings()
    with pytest.raises(ValidationError):
        settings.preset = "other"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        settings.limits.max_bytes = 1  # type: ignore[misc]


def test_result_facts_hold_what_changes_a_result_and_nothing_else() -> None:
    facts = build_settings().result_facts()
    assert set(facts) == {"preset", "limits", "sampling", "faces", "enhance", "uncertainty"}
    assert build_settings(sampling={"frames": 5}).result_facts() != facts
    assert build_settings(runtime={"batch": 2}, cache={"enabled": False}).result_facts() == facts


def test_the_process_wide_settings_are_read_once() -> None:
    get_settings.cache_clear()
    try:
        assert get_settings() is get_settings()
        assert isinstance(get_settings(), Settings)
    finally:
        get_settings.cache_clear()
