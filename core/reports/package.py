"""The evidence package: a zip of a report in every form, with the hash of each file, and the check of such a zip.

The hashes show that nothing was changed since the package was made, as long as the hash of the package itself (or of
its ``manifest.json``) was kept elsewhere: whoever changes a file can change its hash too.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from core import __version__
from core.errors import EvidenceError, StorageError
from core.reports.content import Item
from core.reports.files import to_json
from core.reports.page import to_html_page
from core.reports.tables import to_csv

MANIFEST = "manifest.json"
FORMAT = "unmask-evidence"
VERSION = 1

_EPOCH = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HINT = "Give the zip that this program wrote as an evidence package."

# What a package may hold: more is refused before anything is unpacked.
_MOST_FILES = 10_000
_MOST_BYTES = 8_000_000_000
_MOST_MANIFEST = 20_000_000


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a check: how many files are as the manifest says, what is wrong, and the manifest's own hash."""

    good: int
    problems: tuple[str, ...]
    manifest_sha256: str

    @property
    def ok(self) -> bool:
        return not self.problems


def evidence_package(items: Item | Sequence[Item], media: Mapping[str, Path] | None = None) -> bytes:
    """The package as bytes; equal input gives equal bytes.

    Args:
        items: what is reported.
        media: the media themselves by their sha256, where they shall go with it.

    Raises:
        StorageError: a medium cannot be read, or is not the one that was analysed.
    """
    every = [items] if isinstance(items, Item) else list(items)
    files = _reports(every)
    for sha256, path in sorted((media or {}).items()):
        suffix = path.suffix.lower()
        files[f"media/{sha256}{suffix if _SUFFIX.fullmatch(suffix) else ''}"] = _medium(path, sha256)
    listed = {name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in files.items()}
    manifest = {"format": FORMAT, "version": VERSION, "made_by": f"Unmask {__version__}", "files": listed}
    text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in [*sorted(files.items()), (MANIFEST, text.encode())]:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type, info.external_attr, info.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            archive.writestr(info, data)
    return out.getvalue()


def _reports(items: list[Item]) -> dict[str, bytes]:
    from core.reports.pdf import to_pdf  # its libraries take a while to load

    analyses = [item.analysis for item in items]
    files = {
        "report.pdf": to_pdf(items),
        "report.html": to_html_page(items).encode(),
        "files.csv": to_csv(analyses, "files").encode(),
        "scores.csv": to_csv(analyses, "scores").encode(),
        "frames.csv": to_csv(analyses, "frames").encode(),
    }
    return files | {f"analyses/{analysis.id}.json": to_json(analysis).encode() for analysis in analyses}


def _medium(path: Path, sha256: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise StorageError(
            f"The medium could not be added to the package: {exc.strerror}.", hint="Make the package without the media."
        ) from exc
    if hashlib.sha256(data).hexdigest() != sha256:
        raise StorageError(
            "The medium is not the one that was analysed, so it was not added.", hint="Analyse the file again."
        )
    return data


def verify_package(path: Path) -> Checked:
    """Check a package without unpacking it to disk.

    Raises:
        EvidenceError: it is no package, or one that asks for more than any package needs.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _verify(archive)
    except OSError as exc:
        raise EvidenceError(f"The package cannot be read: {exc.strerror or exc}.", hint="Check the path.") from exc
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as exc:
        raise EvidenceError("The package is damaged, or is no zip file.", hint=_HINT) from exc


def _verify(archive: zipfile.ZipFile) -> Checked:
    entries = archive.infolist()
    _refuse_bombs(entries)
    problems = [problem for entry in entries if (problem := _unsafe(entry))]
    names = [entry.filename for entry in entries]
    problems += [
        f"'{_safe(name)}' is there more than once." for name in sorted({n for n in names if names.count(n) > 1})
    ]
    if MANIFEST not in names:
        raise EvidenceError("There is no manifest.json in the package.", hint=_HINT)
    if archive.getinfo(MANIFEST).file_size > _MOST_MANIFEST:
        raise EvidenceError("The manifest of the package is too large.", hint=_HINT)
    raw = archive.read(MANIFEST)
    listed = _listed(raw)
    problems += [f"'{_safe(name)}' is missing." for name in sorted(listed.keys() - set(names))]
    problems += [f"'{_safe(name)}' is not in the manifest." for name in sorted(set(names) - listed.keys() - {MANIFEST})]
    good = 0
    for name in sorted(listed.keys() & set(names)):
        problem = _compare(archive, name, listed[name])
        problems += [problem] if problem else []
        good += not problem
    return Checked(good, tuple(dict.fromkeys(problems)), hashlib.sha256(raw).hexdigest())


def _refuse_bombs(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > _MOST_FILES:
        raise EvidenceError(f"The package holds {len(entries):,} files; {_MOST_FILES:,} are allowed.", hint=_HINT)
    if (total := sum(entry.file_size for entry in entries)) > _MOST_BYTES:
        raise EvidenceError(f"The package would unpack to {total:,} bytes; {_MOST_BYTES:,} are allowed.", hint=_HINT)


def _unsafe(entry: zipfile.ZipInfo) -> str:
    name = entry.orig_filename
    path = PurePosixPath(name)
    if entry.flag_bits & 0x1:
        return f"'{_safe(name)}' is encrypted."
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name:
        return f"'{_safe(name)}' has a name that leads out of the package."
    if (entry.external_attr >> 16) & 0o170000 == 0o120000:
        return f"'{_safe(name)}' is a link."
    return ""


def _listed(raw: bytes) -> dict[str, tuple[str, int]]:
    """Hash and size by name.

    Raises:
        EvidenceError: it is no manifest of this program.
    """
    try:
        data: Any = json.loads(raw)
        if data["format"] != FORMAT or data["version"] != VERSION:
            raise ValueError("another format")
        found = {str(name): (item["sha256"], item["bytes"]) for name, item in data["files"].items()}
        if not all(_SHA256.fullmatch(str(sha)) and isinstance(size, int) for sha, size in found.values()):
            raise ValueError("no hashes")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise EvidenceError("The manifest of the package is not one of this program.", hint=_HINT) from exc
    return found


def _compare(archive: zipfile.ZipFile, name: str, listed: tuple[str, int]) -> str:
    sha256, size = listed
    digest, seen = hashlib.sha256(), 0
    try:
        with archive.open(name) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                seen += len(chunk)
                if seen > size:
                    return f"'{_safe(name)}' was changed: it is larger than the manifest says."
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError):
        return f"'{_safe(name)}' is damaged."
    return "" if digest.hexdigest() == sha256 else f"'{_safe(name)}' was changed: its SHA-256 is another."


def _safe(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name)[:120]
