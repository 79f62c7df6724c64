"""Labels as files, and as a data set with the media that were given for it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ConfigError, StorageError
from core.store.history import Store
from core.store.label_export import FIELDS, export_labels
from core.store.uploads import Uploads
from core.types import Analysis
from tests.unit.store_samples import make_analysis, settings_in, sha


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(settings_in(tmp_path))) as opened:
        yield opened


def kept(tmp_path: Path, store: Store, seed: str) -> Analysis:
    """An analysis whose file is kept."""
    file = tmp_path / "upload.png"
    file.write_bytes(f"medium {seed}".encode())
    analysis = make_analysis(seed)
    analysis = replace(analysis, media=replace(analysis.media, sha256=sha(f"medium {seed}")))
    Uploads(settings_in(tmp_path)).keep(file, analysis.media.sha256)
    store.record(analysis, origin="workbench")
    return analysis


def test_lines_hold_every_label_that_stands(tmp_path: Path, store: Store) -> None:
    one = store.add_label(kept(tmp_path, store, "a"), "fake", reviewer="ann", tags=("face swap", "region: eyes"))
    gone = store.add_label(kept(tmp_path, store, "b"), "real", reviewer="ann")
    store.undo_label(gone.id, reviewer="ann")
    target = tmp_path / "labels.jsonl"
    assert export_labels(settings_in(tmp_path), target, store) == 1
    (row,) = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert tuple(row) == FIELDS
    assert (row["truth"], row["tags"], row["media_sha256"]) == ("fake", ["face swap", "region: eyes"], one.media_sha256)


def test_a_comment_that_a_spreadsheet_would_run_is_made_harmless(tmp_path: Path, store: Store) -> None:
    store.add_label(kept(tmp_path, store, "a"), "fake", reviewer="=cmd", comment="=1+1", tags=("a b", "c"))
    target = tmp_path / "labels.csv"
    export_labels(settings_in(tmp_path), target, store)
    (row,) = csv.DictReader(target.read_text(encoding="utf-8").splitlines())
    assert not row["comment"].startswith("=")
    assert not row["reviewer"].startswith("=")
    assert row["tags"] == "a b; c"


def test_a_data_set_holds_only_media_that_were_given(tmp_path: Path, store: Store) -> None:
    given, private = kept(tmp_path, store, "a"), kept(tmp_path, store, "b")
    store.add_label(given, "fake", reviewer="ann", consent=True)
    store.add_label(given, "fake", reviewer="bo", consent=True)
    store.add_label(private, "real", reviewer="ann")
    target = tmp_path / "set"
    assert export_labels(settings_in(tmp_path), target, store) == 2
    names = {path.name for path in (target / "media").iterdir()}
    assert names == {f"{given.media.sha256}.png"}
    rows = [json.loads(line) for line in (target / "metadata.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["file_name"] for row in rows} == {f"media/{given.media.sha256}.png"}
    assert {row["reviewer"] for row in rows} == {"ann", "bo"}


def test_another_ending_is_refused_and_nothing_is_written(tmp_path: Path, store: Store) -> None:
    with pytest.raises(ConfigError, match=r"\.xlsx"):
        export_labels(settings_in(tmp_path), tmp_path / "labels.xlsx", store)
    assert not (tmp_path / "labels.xlsx").exists()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, store: Store) -> None:
    with pytest.raises(StorageError):
        export_labels(settings_in(tmp_path), tmp_path / "no" / "labels.csv", store)
