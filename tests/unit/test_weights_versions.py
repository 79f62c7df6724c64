"""Versions made of labels: found first, checked, and gone back from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from core.errors import NotFoundError, WeightsError
from core.registry import Card, card
from core.settings import Settings, build_settings
from core.training.cards import write_card
from core.weights import versions
from core.weights.files import as_found, identity

ID = "face-lite"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return build_settings(data_dir=tmp_path)


def make(settings: Settings, content: bytes = b"weights") -> str:
    place = versions.new_folder(ID, settings)
    (place / "own.safetensors").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    weights = card(ID).weights.model_copy(update={"file": "own.safetensors", "sha256": sha256})
    own: Card = card(ID).model_copy(update={"weights": weights, "title": f"version {place.name}"})
    write_card(own, place / "card.yaml")
    report = {"made_from": versions.current(ID, settings), "reason": "better"}
    (place / "report.json").write_text(json.dumps(report), encoding="utf-8")
    return place.name


def test_the_version_in_use_comes_before_the_shipped_weights(settings: Settings) -> None:
    shipped = as_found(card(ID), settings)
    before = identity(card(ID), settings)
    number = make(settings)
    assert as_found(card(ID), settings) == shipped
    versions.use(ID, number, settings)
    own, path = as_found(card(ID), settings)
    assert own.title == "version 0001"
    assert path.read_bytes() == b"weights"
    assert identity(card(ID), settings) != before
    versions.use(ID, versions.SHIPPED, settings)
    assert as_found(card(ID), settings) == shipped
    assert identity(card(ID), settings) == before


def test_rollback_goes_to_what_a_version_was_made_from(settings: Settings) -> None:
    first = make(settings)
    versions.use(ID, first, settings)
    second = make(settings, b"newer")
    versions.use(ID, second, settings)
    assert [v.current for v in versions.versions(ID, settings)] == [False, True]
    assert versions.rollback(ID, settings) == first
    assert versions.rollback(ID, settings) == versions.SHIPPED
    with pytest.raises(NotFoundError):
        versions.rollback(ID, settings)


@pytest.mark.parametrize("number", ["0009", "../../x", "", "1"])
def test_unknown_versions_are_refused(settings: Settings, number: str) -> None:
    make(settings)
    with pytest.raises(NotFoundError):
        versions.use(ID, number, settings)


def test_a_damaged_version_is_an_error_that_says_how_to_go_back(settings: Settings) -> None:
    number = make(settings)
    versions.use(ID, number, settings)
    place = versions.folder(ID, settings) / number
    (place / "own.safetensors").write_bytes(b"other")
    with pytest.raises(WeightsError) as error:
        as_found(card(ID), settings)
    assert "rollback" in error.value.hint
    (place / "card.yaml").write_text("id: [", encoding="utf-8")
    with pytest.raises(WeightsError):
        as_found(card(ID), settings)
