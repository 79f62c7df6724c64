"""Evidence packages: complete, repeatable, and checked without trust in what they hold."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from core import cli, schema
from core.commands.reporting import check_target
from core.errors import ConfigError, EvidenceError, StorageError
from core.reports import package
from core.reports.content import Item
from core.reports.package import MANIFEST, evidence_package, verify_package
from tests import analyses

MEDIUM = b"not really a picture"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("media") / "../evil name.PNG"
    path.resolve().write_bytes(MEDIUM)
    sha256 = hashlib.sha256(MEDIUM).hexdigest()
    base = analyses.picture()
    item = Item(replace(base, media=replace(base.media, sha256=sha256, name="../../evil.png")))
    first = evidence_package(item, {sha256: path.resolve()})
    assert first == evidence_package(item, {sha256: path.resolve()})
    return first


def written(folder: Path, data: bytes) -> Path:
    path = folder / "package.zip"
    path.write_bytes(data)
    return path


def edited(data: bytes, *, drop: str = "", add: dict[str, bytes] | None = None) -> bytes:
    """A copy of a package without one file, with others added or in its place."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name != drop and name not in (add or {}):
                new.writestr(name, old.read(name))
        for name, content in (add or {}).items():
            new.writestr(name, content)
    return out.getvalue()


def manifest_of(data: bytes) -> dict[str, object]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        found: dict[str, object] = json.loads(archive.read(MANIFEST))
        return found


def test_a_package_holds_everything_and_agrees(made: bytes, tmp_path: Path) -> None:
    found = verify_package(written(tmp_path, made))
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        names = archive.namelist()
        assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        (text,) = (archive.read(name) for name in names if name.startswith("analyses/"))
        (medium,) = (name for name in names if name.startswith("media/"))
        assert archive.read(medium) == MEDIUM and medium.endswith(".png") and "evil" not in medium
    assert schema.load(text.decode()).media.name == "../../evil.png"
    assert {"report.pdf", "report.html", "files.csv", "scores.csv", "frames.csv", MANIFEST} < set(names)
    assert found.ok and found.good == len(names) - 1 and len(found.manifest_sha256) == 64


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"add": {"files.csv": b"file\r\nother"}}, "'files.csv' was changed: its SHA-256 is another."),
        ({"add": {"files.csv": b"x" * 100_000}}, "'files.csv' was changed: it is larger than the manifest says."),
        ({"drop": "scores.csv"}, "'scores.csv' is missing."),
        ({"add": {"more.txt": b"hello"}}, "'more.txt' is not in the manifest."),
        ({"add": {"../up.txt": b"hello"}}, "'../up.txt' has a name that leads out of the package."),
        ({"add": {"/etc/up.txt": b"hello"}}, "'/etc/up.txt' has a name that leads out of the package."),
        ({"add": {"C:\\up.txt": b"hello"}}, "'C:\\up.txt' has a name that leads out of the package."),
        ({"add": {"a\x1b[31m\u202e.txt": b"hello"}}, "'a?[31m?.txt' is not in the manifest."),
    ],
)
def test_every_change_is_named(made: bytes, tmp_path: Path, change: dict[str, object], problem: str) -> None:
    found = verify_package(written(tmp_path, edited(made, **change)))  # type: ignore[arg-type]
    assert not found.ok and problem in found.problems


def test_a_name_that_comes_twice_is_told(made: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, made)
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("files.csv", b"another")
    assert "'files.csv' is there more than once." in verify_package(path).problems


def test_a_damaged_file_is_told(made: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        start = archive.getinfo("report.html").header_offset + 2000
    path = written(tmp_path, made[:start] + b"\xff" * 50 + made[start + 50 :])
    assert "'report.html' is damaged." in verify_package(path).problems


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[]", "not one of this program"),
        (b"{", "not one of this program"),
        (b'{"format": "unmask-evidence", "version": 2, "files": {}}', "not one of this program"),
        (b'{"format": "unmask-evidence", "version": 1, "files": {"a": {"sha256": 5, "bytes": 1}}}', "not one of"),
        (b"[" * 100_000, "not one of this program"),
    ],
)
def test_foreign_manifests_are_refused(made: bytes, tmp_path: Path, text: bytes, message: str) -> None:
    with pytest.raises(EvidenceError, match=message):
        verify_package(written(tmp_path, edited(made, add={MANIFEST: text})))


def test_what_is_no_package_is_refused(made: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = ((b"", "no zip"), (b"hello", "no zip"), (made[: len(made) // 2], "no zip"))
    for data, message in cases:
        with pytest.raises(EvidenceError, match=message):
            verify_package(written(tmp_path, data))
    with pytest.raises(EvidenceError, match="no manifest"):
        verify_package(written(tmp_path, edited(made, drop=MANIFEST)))
    with pytest.raises(EvidenceError, match="cannot be read"):
        verify_package(tmp_path / "nowhere.zip")
    monkeypatch.setattr(package, "_MOST_FILES", 3)
    with pytest.raises(EvidenceError, match="3 are allowed"):
        verify_package(written(tmp_path, made))


def test_a_bomb_is_refused_before_it_is_unpacked(made: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "_MOST_BYTES", 50_000_000)
    path = written(tmp_path, edited(made, add={"bomb.bin": bytes(60_000_000)}))
    assert path.stat().st_size < 10_000_000
    with pytest.raises(EvidenceError, match="would unpack to"):
        verify_package(path)


def test_a_medium_that_is_another_is_not_added(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"something else")
    with pytest.raises(StorageError, match="not the one"):
        evidence_package(Item(analyses.picture()), {"d" * 64: path})
    with pytest.raises(StorageError, match="could not be added"):
        evidence_package(Item(analyses.picture()), {"d" * 64: tmp_path / "b.png"})


def test_the_command_tells_and_exits(made: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verify", str(written(tmp_path, made))]) == 0
    assert capsys.readouterr().out.startswith("Unchanged: 7 files agree with the manifest, 0 problems.")
    assert cli.main(["verify", str(written(tmp_path, edited(made, drop="files.csv")))]) == 1
    assert "'files.csv' is missing.\nNOT as it was made: 6 files" in capsys.readouterr().out
    assert cli.main(["verify", str(tmp_path / "none.zip")]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_reports_are_written_only_where_they_can_be(tmp_path: Path) -> None:
    medium = tmp_path / "a.pdf"
    medium.write_bytes(b"x")
    assert check_target(str(tmp_path / "b.PDF"), [medium]).name == "b.PDF"
    with pytest.raises(ConfigError, match="cannot be written as"):
        check_target("report.docx", [])
    with pytest.raises(ConfigError, match="one of the files"):
        check_target(str(medium), [medium])
