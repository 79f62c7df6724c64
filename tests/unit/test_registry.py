"""Cards and presets: found by name, refused when wrong, and those of this project are sound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from core import registry
from core.errors import ConfigError, NotFoundError
from core.registry import Card, Ensemble


def card_data(**changes: Any) -> dict[str, Any]:
    return {
        "id": "net",
        "title": "Net",
        "family": "f",
        "modality": "image",
        "implementation": "collections:OrderedDict",
        "architecture": "net",
        "summary": "s",
        "input": {"size": 64},
        "weights": {
            "file": "net.safetensors",
            "sha256": "0" * 64,
            "size_bytes": 7,
            "licence": "MIT",
            "trained_on": "t",
            "how_to_get": "train it",
        },
    } | changes


def preset_data(**changes: Any) -> dict[str, Any]:
    members = [{"detector": "net", "weight": 2.0}]
    return {
        "id": "duo", "title": "T", "summary": "s", "members": members, "thresholds": {"fake": 0.8, "real": 0.3},
    } | changes  # fmt: skip


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for part in ("detectors", "ensembles"):
        (tmp_path / part).mkdir()
    monkeypatch.setattr(registry, "CONFIGS", tmp_path)
    registry.card.cache_clear()
    registry.ensemble.cache_clear()
    yield tmp_path
    registry.card.cache_clear()
    registry.ensemble.cache_clear()


def _write(path: Path, data: Any) -> None:
    path.write_text(yaml.safe_dump(data), encoding="utf-8")


def test_a_card_is_found_by_name(configs: Path) -> None:
    _write(configs / "detectors" / "net.yaml", card_data())
    assert registry.detector_ids() == ["net"]
    assert registry.card("net").weights.licence == "MIT"
    assert registry.card("net") is registry.card("net")


def test_a_preset_names_its_members(configs: Path) -> None:
    _write(configs / "detectors" / "net.yaml", card_data())
    _write(configs / "ensembles" / "duo.yaml", preset_data())
    preset = registry.ensemble("duo")
    assert registry.ensemble_ids() == ["duo"]
    assert [c.id for c in registry.member_cards(preset)] == ["net"]
    assert (preset.limits.fake, preset.limits.real) == (0.8, 0.3)


def test_a_close_name_is_suggested(configs: Path) -> None:
    _write(configs / "detectors" / "xception.yaml", card_data(id="xception"))
    with pytest.raises(NotFoundError, match="xcepton") as caught:
        registry.card("xcepton")
    assert caught.value.hint == "Did you mean 'xception'?"
    with pytest.raises(NotFoundError) as caught:
        registry.card("zzzzzz")
    assert caught.value.hint == "There are: xception."


@pytest.mark.parametrize("name", ["../detectors/net", "/etc/passwd", "", "net.yaml", "NET", "net\x00"])
def test_a_name_is_never_a_path(configs: Path, name: str) -> None:
    _write(configs / "detectors" / "net.yaml", card_data())
    with pytest.raises(NotFoundError):
        registry.card(name)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "Net!"},
        {"modality": "smell"},
        {"implementation": "os.system"},
        {"surprise": 1},
        {"input": {"size": 0}},
        {"weights": card_data()["weights"] | {"sha256": "short"}},
        {"calibration": {"a": 1, "b": 0, "n_real": 49, "n_fake": 100, "ece": 0.1, "fit_sha256": "0" * 64}},
        {"measured": [{"name": "AUC", "value": 0.9}]},
    ],
)
def test_a_wrong_card_is_refused(configs: Path, change: dict[str, Any]) -> None:
    _write(configs / "detectors" / "net.yaml", card_data(**change))
    with pytest.raises(ConfigError) as caught:
        registry.card("net")
    assert "net.yaml" in caught.value.hint


@pytest.mark.parametrize(
    "change",
    [
        {"members": []},
        {"members": [{"detector": "net", "weight": 0}]},
        {"thresholds": {"fake": 0.2, "real": 0.8}},
        {"thresholds": {"fake": 1.2, "real": 0.8}},
        {"thresholds": {"fake": 0.8}},
        {"fusion": "magic"},
        {"min_members": 0},
    ],
)
def test_a_wrong_preset_is_refused(configs: Path, change: dict[str, Any]) -> None:
    _write(configs / "ensembles" / "duo.yaml", preset_data(**change))
    with pytest.raises(ConfigError):
        registry.ensemble("duo")


@pytest.mark.parametrize("text", ["", "[1", "a: !!python/object/apply:os.getcwd []", "just text"])
def test_a_file_that_is_no_card_is_refused_and_runs_nothing(configs: Path, text: str) -> None:
    (configs / "detectors" / "net.yaml").write_text(text)
    with pytest.raises(ConfigError):
        registry.card("net")


def test_the_class_is_imported_only_on_demand(configs: Path) -> None:
    from collections import OrderedDict

    assert registry.implementation(Card.model_validate(card_data())) is OrderedDict


# ---- what this project ships ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", registry.detector_ids())
def test_a_shipped_card_is_sound(name: str) -> None:
    card = registry.card(name)
    assert card.id == name
    assert callable(registry.implementation(card))
    assert card.summary.strip()
    assert all(m.low <= m.value <= m.high for m in card.measured)


@pytest.mark.parametrize("name", registry.ensemble_ids())
def test_a_shipped_preset_is_sound(name: str) -> None:
    preset: Ensemble = registry.ensemble(name)
    cards = list(registry.member_cards(preset))
    assert preset.id == name
    assert len({c.id for c in cards}) == len(cards) >= preset.min_members


def test_the_default_preset_is_there() -> None:
    assert "default" in registry.ensemble_ids()
