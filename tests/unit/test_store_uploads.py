"""Uploads: content-addressed, private, complete or absent."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import StorageError
from core.store.uploads import Uploads
from tests.unit.store_samples import settings_in, sha


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(settings_in(tmp_path / "data"))


def _upload(folder: Path, name: str = "a.MP4", text: str = "content") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_file_is_kept_under_its_hash(tmp_path: Path, uploads: Uploads) -> None:
    source = _upload(tmp_path)
    kept = uploads.keep(source, sha("content"))
    source.unlink()
    assert kept == uploads.path_of(sha("content"))
    assert kept.name == f"{sha('content')}.mp4"
    assert kept.read_text() == "content"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def test_keeping_twice_is_keeping_once(tmp_path: Path, uploads: Uploads) -> None:
    first = uploads.keep(_upload(tmp_path), sha("content"))
    second = uploads.keep(_upload(tmp_path, "b.png"), sha("content"))
    assert first == second
    assert len(list(uploads.folder.iterdir())) == 1


@pytest.mark.parametrize(
    "name", ["..", "x.../../y", "a.ph p", "a.\n", "a.verylongsuffix", "noext", "🙂.🙂", "a.mp4;rm"]
)
def test_a_hostile_name_is_never_part_of_the_path(tmp_path: Path, uploads: Uploads, name: str) -> None:
    source = _upload(tmp_path)

    class Odd(type(source)):  # type: ignore[misc]
        suffix = Path(name).suffix

    kept = uploads.keep(Odd(source), sha("content"))
    assert kept == uploads.folder / sha("content")


@pytest.mark.parametrize("bad", ["", "x", "../../etc/passwd", "A" * 64, sha("a") + "\n", "*" * 64])
def test_what_is_no_hash_is_refused(tmp_path: Path, uploads: Uploads, bad: str) -> None:
    for action in (uploads.path_of, uploads.remove, lambda s: uploads.keep(_upload(tmp_path), s)):
        with pytest.raises(ValueError, match="SHA-256"):
            action(bad)


def test_a_file_that_is_not_the_hashed_one_is_refused_and_leaves_nothing(tmp_path: Path, uploads: Uploads) -> None:
    with pytest.raises(StorageError, match="changed"):
        uploads.keep(_upload(tmp_path), sha("other"))
    assert list(uploads.folder.iterdir()) == []


def test_a_missing_source_or_folder_is_reported(tmp_path: Path, uploads: Uploads) -> None:
    with pytest.raises(StorageError) as caught:
        uploads.keep(tmp_path / "gone.png", sha("gone"))
    assert "upload the file again" in caught.value.hint
    uploads.folder.rmdir()
    uploads.folder.write_text("in the way")
    with pytest.raises(StorageError):
        uploads.keep(_upload(tmp_path), sha("content"))


def test_removing(tmp_path: Path, uploads: Uploads) -> None:
    uploads.keep(_upload(tmp_path), sha("content"))
    assert uploads.remove(sha("content"))
    assert uploads.path_of(sha("content")) is None
    assert not uploads.remove(sha("content"))


def test_many_at_once_leave_one_complete_file(tmp_path: Path, uploads: Uploads) -> None:
    text = "x" * 3_000_000
    source = _upload(tmp_path, text=text)
    with ThreadPoolExecutor(8) as pool:
        kept = set(pool.map(lambda _: uploads.keep(source, sha(text)), range(16)))
    assert len(kept) == 1
    assert [p.stat().st_size for p in uploads.folder.iterdir()] == [len(text)]
