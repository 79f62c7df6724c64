"""Uploads are kept before they are analysed, and nothing of them is lost."""

from __future__ import annotations

import hashlib
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.errors import DamagedMediaError
from core.settings import get_settings
from pages.workbench import intake
from pages.workbench.common import store, uploads
from pages.workbench.jobs import Jobs, JobState
from pages.workbench.waiting import Upload, Waiting
from tests.analyses import picture


@dataclass
class Uploaded:
    name: str
    content: bytes

    def getbuffer(self) -> memoryview:
        return memoryview(self.content)


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def analyse_by_hash(path: Path, settings, on_progress=None, *, name=None):
    """Stands in for the pipeline: every file is the same picture, but for those that begin with "bad"."""
    content = path.read_bytes()
    if content.startswith(b"bad"):
        raise DamagedMediaError("The picture cannot be decoded.", hint="Copy it again.")
    base = picture()
    return replace(
        base, id=sha(content + b"id"), preset=settings.preset, media=replace(base.media, name=name, sha256=sha(content))
    )


@pytest.fixture(autouse=True)
def _own_data(tmp_path, monkeypatch):
    monkeypatch.setenv("UNMASK_DATA_DIR", str(tmp_path))
    get_settings.cache_clear()
    intake.jobs.clear()
    monkeypatch.setitem(sys.modules, "core.pipeline", SimpleNamespace(analyse=analyse_by_hash))
    yield
    store().close()
    intake.jobs.clear()
    get_settings.cache_clear()


def wait_until_done(jobs: Jobs) -> list:
    end = time.monotonic() + 30
    while any(job.active for job in jobs.all()):
        assert time.monotonic() < end, jobs.all()
        time.sleep(0.01)
    return list(jobs.all())


def test_an_upload_ends_in_the_history_with_its_file_kept() -> None:
    intake.take_in([Uploaded("a.png", b"AAA")], "default")
    (job,) = wait_until_done(intake.jobs())
    assert job.state is JobState.DONE
    assert [e.name for e in store().entries()] == ["a.png"]
    kept = uploads().path_of(sha(b"AAA"))
    assert kept is not None
    assert kept.read_bytes() == b"AAA"
    assert intake.waiting().all() == ()


def test_a_bad_file_among_good_ones_fails_alone() -> None:
    intake.take_in([Uploaded("a.png", b"A"), Uploaded("b.png", b"bad"), Uploaded("c.png", b"C")], "default")
    states = [job.state for job in wait_until_done(intake.jobs())]
    assert states == [JobState.DONE, JobState.FAILED, JobState.DONE]
    assert store().count() == 2


def test_a_file_that_failed_is_kept_until_it_is_removed() -> None:
    intake.take_in([Uploaded("b.png", b"bad")], "default")
    (job,) = wait_until_done(intake.jobs())
    assert uploads().path_of(sha(b"bad")) is not None
    intake.remove(job.upload)
    assert uploads().path_of(sha(b"bad")) is None
    assert intake.waiting().all() == ()


def test_removing_an_upload_keeps_the_file_of_an_analysis() -> None:
    intake.take_in([Uploaded("a.png", b"AAA")], "default")
    wait_until_done(intake.jobs())
    intake.remove(Upload(sha(b"AAA"), "again.png", "default"))
    assert uploads().path_of(sha(b"AAA")) is not None


def test_a_server_that_died_shows_what_it_had_not_analysed() -> None:
    intake.waiting().add(Upload(sha(b"AAA"), "überlänge.mp4", "default"))
    intake.jobs.clear()
    (job,) = intake.jobs().all()
    assert (job.state, job.upload.name) == (JobState.STOPPED, "überlänge.mp4")


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\u202egnp.exe", "x" * 400 + ".png", "\x00.png", "名前 ünï.png"])
def test_hostile_names_are_shown_safely_and_never_become_paths(name: str, tmp_path) -> None:
    intake.take_in([Uploaded(name, b"AAA")], "default")
    (job,) = wait_until_done(intake.jobs())
    assert job.state is JobState.DONE
    assert "/" not in job.upload.name
    assert "\u202e" not in job.upload.name
    assert len(job.upload.name) <= 120
    assert {p.parent.name for p in tmp_path.rglob("*") if p.is_file()} <= {tmp_path.name, "uploads", "cache"}


def test_a_damaged_note_of_an_upload_is_left_out(tmp_path) -> None:
    waiting = Waiting(get_settings())
    waiting.add(Upload(sha(b"A"), "a.png", "default"))
    (waiting.folder / "broken.json").write_text("{", encoding="utf-8")
    (waiting.folder / "other.json").write_text('{"name": "x"}', encoding="utf-8")
    assert [upload.name for upload in waiting.all()] == ["a.png"]
