"""Copying of feedback: only what may leave, only where it was asked for."""

from __future__ import annotations

import hashlib
import sys
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest

from core.errors import StorageError
from core.settings import build_settings
from core.store.history import Store
from core.store.sync import FeedbackSync, wanted
from core.store.uploads import Uploads
from tests import analyses

SYNC = {"dataset": "owner/words", "token": "hf_very_secret"}


class Scheduler:
    """Stands in for the Hub's."""

    def __init__(self, **options) -> None:
        self.options = options
        self.lock = threading.Lock()
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(CommitScheduler=Scheduler))


@pytest.fixture
def config(tmp_path):
    return build_settings(data_dir=tmp_path, sync=SYNC)


@pytest.fixture
def store(config):
    opened = Store(config)
    yield opened
    opened.close()


def judged(tmp_path, config, name: str):
    path = tmp_path / name
    path.write_bytes(name.encode())
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    Uploads(config).keep(path, sha256)
    base = analyses.picture()
    return replace(base, id=sha256, media=replace(base.media, name=name, sha256=sha256))


@pytest.mark.parametrize(
    ("options", "on"),
    [
        ({"sync": SYNC}, True),
        ({}, False),
        ({"sync": {"dataset": "a/b"}}, False),
        ({"sync": {"token": "x"}}, False),
        ({"sync": {"dataset": "a/b", "token": ""}}, False),
        ({"sync": SYNC, "offline": True}, False),
    ],
)
def test_it_is_off_unless_data_set_and_token_are_set(tmp_path, options, on):
    assert wanted(build_settings(data_dir=tmp_path, **options)) is on


def test_media_leave_with_consent_only_and_nobody_is_named(hub, config, store, tmp_path):
    open_, closed = judged(tmp_path, config, "open.png"), judged(tmp_path, config, "closed.png")
    store.add_label(open_, "fake", reviewer="anna", comment="seen it", consent=True)
    store.add_label(closed, "real", reviewer="bert", comment="my cousin", consent=False)
    sync = FeedbackSync(config, store)
    assert sync.collect() == 2
    assert [path.stem for path in (sync.folder / "media").iterdir()] == [open_.media.sha256]
    told = (sync.folder / "labels.jsonl").read_text()
    assert "anna" not in told and "bert" not in told and "cousin" not in told
    assert closed.media.sha256 not in told and open_.media.sha256 in told


def test_consent_that_is_taken_back_takes_the_file_away(hub, config, store, tmp_path):
    analysis = judged(tmp_path, config, "open.png")
    label = store.add_label(analysis, "fake", reviewer="anna", consent=True)
    sync = FeedbackSync(config, store)
    sync.collect()
    store.undo_label(label.id, reviewer="anna")
    assert sync.collect() == 0
    assert list((sync.folder / "media").iterdir()) == []


def test_the_data_set_is_private_and_the_token_is_handed_over_only(hub, config, store, caplog):
    sync = FeedbackSync(config, store)
    options = sync._scheduler.options
    assert (options["repo_id"], options["repo_type"], options["private"]) == ("owner/words", "dataset", True)
    assert options["token"] == "hf_very_secret"
    assert "hf_very_secret" not in repr(config) + caplog.text + config.model_dump_json()
    sync.stop()
    assert sync._scheduler.stopped


def test_a_hub_that_refuses_is_told(monkeypatch, config, store):
    def refuse(**_: object) -> None:
        raise RuntimeError("401 for hf_very_secret")

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(CommitScheduler=refuse))
    with pytest.raises(StorageError) as caught:
        FeedbackSync(config, store)
    assert "hf_very_secret" not in str(caught.value)
