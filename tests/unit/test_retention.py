"""Old analyses go, with their files; nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.store.history import Store
from core.store.retention import sweep
from core.store.uploads import Uploads
from tests.unit.store_samples import make_analysis, settings_in, sha


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(settings_in(tmp_path))) as opened:
        yield opened


def later(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def test_zero_keeps_everything(tmp_path: Path, store: Store) -> None:
    store.record(make_analysis(), origin="workbench")
    assert sweep(settings_in(tmp_path), store, later(10_000)) == 0
    assert store.count() == 1


def test_what_is_older_goes_with_labels_and_file(tmp_path: Path, store: Store) -> None:
    settings = settings_in(tmp_path, retention_days=30)
    file = tmp_path / "a.png"
    file.write_bytes(b"medium a")
    analysis = make_analysis("a")
    analysis = replace(analysis, media=replace(analysis.media, sha256=sha("medium a")))
    Uploads(settings).keep(file, analysis.media.sha256)
    store.record(analysis, origin="workbench")
    store.add_label(analysis, "fake", reviewer="ann")
    assert sweep(settings, store, later(29)) == 0
    assert store.count() == 1
    assert sweep(settings, store, later(31)) == 1
    assert (store.count(), store.labels(), Uploads(settings).path_of(analysis.media.sha256)) == (0, [], None)


def test_an_analysis_that_someone_saw_again_lately_stays(tmp_path: Path, store: Store, monkeypatch) -> None:
    settings = settings_in(tmp_path, retention_days=30)
    old = (datetime.now(UTC) - timedelta(days=60)).isoformat()
    analysis = make_analysis()
    with monkeypatch.context() as patch:
        patch.setattr("core.store.history.now", lambda: old)
        store.record(analysis, origin="demo", visitor="early")
    store.record(analysis, origin="demo", visitor="late")
    assert sweep(settings, store) == 0
    assert store.count() == 2
