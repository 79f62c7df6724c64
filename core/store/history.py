"""What was analysed, kept in ``<data_dir>/history.sqlite3`` together with labels and reviews."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, delete, func, insert, select, update

from core import schema
from core.errors import NotFoundError
from core.settings import Settings
from core.store.db import WAIT_S, Database, now
from core.store.feedback import LabelBook, Truth, last_truth, standing_count
from core.store.files import encodable
from core.store.reviews import ReviewBook
from core.store.seen import SeenBook, keep_fingerprints
from core.store.tables import entries, fingerprints, labels, reviews
from core.types import Analysis, Label, MediaKind

FILE = "history.sqlite3"
Origin: TypeAlias = Literal["demo", "workbench", "cli", "api"]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One line of the history: an analysis as one visitor saw it last.

    ``created_at`` is when it was recorded (UTC, ISO 8601); ``visitor`` is None where nobody was told apart;
    ``labels`` counts the labels that stand, ``truth`` is the latest of them. A visitor is told of no one else's: give
    labels the visitor's id as their reviewer.
    """

    id: str
    created_at: str
    media_sha256: str
    name: str
    kind: MediaKind
    preset: str
    label: Label
    p_fake: float | None
    origin: str
    visitor: str | None
    labels: int
    truth: Truth | None


class Store(LabelBook, ReviewBook, SeenBook):
    """History, labels and reviews in one file; safe to use from several threads and processes at once.

    Args:
        where: settings (the file lies in their ``data_dir``) or the path of the file itself.
        wait_s: how long a writer waits for another one.

    Raises:
        StorageError: the file cannot be made, opened or read. So do all methods.
    """

    def __init__(self, where: Settings | Path, *, wait_s: float = WAIT_S) -> None:
        self._db = Database(where if isinstance(where, Path) else where.data_dir / FILE, wait_s=wait_s)

    @property
    def path(self) -> Path:
        return self._db.path

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def record(self, analysis: Analysis, *, origin: Origin, visitor: str | None = None) -> HistoryEntry:
        """Keep an analysis. The same analysis for the same visitor is one entry, which moves to the top."""
        if origin not in get_args(Origin):
            raise ValueError(f"unknown origin {origin!r}")
        row = {
            "analysis_id": analysis.id,
            "created_at": now(),
            "media_sha256": analysis.media.sha256,
            "name": encodable(analysis.media.name),
            "search": _folded(f"{analysis.media.name}\n{analysis.id}\n{analysis.media.sha256}"),
            "kind": analysis.media.info.kind.value,
            "preset": analysis.preset,
            "label": analysis.verdict.label.value,
            "p_fake": analysis.verdict.p_fake,
            "origin": origin,
            "visitor": encodable(visitor or ""),
            "analysis": schema.dump(analysis),
        }
        with self._db.write() as connection:
            connection.execute(delete(entries).where(_is(analysis.id, visitor)))
            connection.execute(insert(entries).values(**row))
            keep_fingerprints(connection, analysis)
            return _entry(connection.execute(_rows(visitor).where(_is(analysis.id, visitor))).mappings().one())

    def entries(
        self,
        *,
        text: str | None = None,
        label: Label | str | None = None,
        kind: MediaKind | str | None = None,
        origin: Origin | None = None,
        visitor: str | None = None,
        labelled: bool | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> list[HistoryEntry]:
        """Entries that match every given filter, newest first.

        Args:
            text: part of the file's name, or of the hash of the medium or analysis; upper and lower case alike.
            label: the verdict as it was recorded.
            kind: image, video or audio.
            origin: which front end recorded it.
            visitor: only this visitor's; None for everyone's.
            labelled: only those with, or without, a standing label.
            limit: how many at most; offset: how many to pass over first.
        """
        wanted = _filters(text=text, label=label, kind=kind, origin=origin, visitor=visitor, labelled=labelled)
        query = (
            _rows(visitor).where(*wanted).order_by(entries.c.entry.desc()).limit(max(0, limit)).offset(max(0, offset))
        )
        with self._db.read() as connection:
            return [_entry(row) for row in connection.execute(query).mappings()]

    def count(
        self,
        *,
        text: str | None = None,
        label: Label | str | None = None,
        kind: MediaKind | str | None = None,
        origin: Origin | None = None,
        visitor: str | None = None,
        labelled: bool | None = None,
    ) -> int:
        """How many entries match; the filters are those of :meth:`entries`."""
        wanted = _filters(text=text, label=label, kind=kind, origin=origin, visitor=visitor, labelled=labelled)
        with self._db.read() as connection:
            return connection.execute(select(func.count()).select_from(entries).where(*wanted)).scalar_one()

    def get(self, analysis_id: str, *, visitor: str | None = None) -> Analysis:
        """The whole analysis as it was recorded last (by ``visitor``, or by anyone where it is None).

        Raises:
            NotFoundError: it is not in the history.
        """
        query = select(entries.c.analysis).where(_among(analysis_id, visitor)).order_by(entries.c.entry.desc())
        with self._db.read() as connection:
            text = connection.execute(query.limit(1)).scalar_one_or_none()
        if text is None:
            raise NotFoundError("This analysis is not in the history.", hint="It may have been deleted; analyse again.")
        return schema.load(text)

    def delete(self, analysis_id: str, *, visitor: str | None = None) -> tuple[str, ...]:
        """Remove an analysis for good: a visitor's own entry, or with ``visitor`` None everyone's.

        Reviews and labels of it go too. Labels whose giver consented to their use stay as bare counts: without
        name, comment, tags, and any link to the analysis or the medium.

        Returns:
            Hashes of media that no entry refers to any more; :func:`core.store.privacy.erase` removes those files.

        Raises:
            NotFoundError: it is not in the history.
        """
        with self._db.write() as connection:
            gone = connection.execute(
                delete(entries).where(_among(analysis_id, visitor)).returning(entries.c.media_sha256)
            ).scalars()
            media = set(gone)
            if not media:
                raise NotFoundError("This analysis is not in the history.", hint="It may have been deleted already.")
            left = connection.execute(select(entries.c.entry).where(_among(analysis_id, None))).first()
            _forget_people(connection, analysis_id, visitor if left else None)
            kept = connection.execute(select(entries.c.media_sha256).where(entries.c.media_sha256.in_(media))).scalars()
            orphans = tuple(sorted(media - set(kept)))
            connection.execute(delete(fingerprints).where(fingerprints.c.media_sha256.in_(orphans)))
        self._db.scrub()
        return orphans


@lru_cache(maxsize=8)
def _shared(path: Path) -> Store:
    return Store(path)


def shared_store(settings: Settings) -> Store:
    """The process-wide store of these settings, opened once.

    Raises:
        StorageError: it cannot be opened.
    """
    return _shared(settings.data_dir / FILE)


def _forget_people(connection: Connection, analysis_id: str, reviewer: str | None) -> None:
    """Remove reviews and labels of an analysis (only ``reviewer``'s where others still hold it)."""
    theirs = reviews.c.analysis_id == analysis_id
    rows = labels.c.analysis_id == analysis_id
    if reviewer is not None:
        theirs &= reviews.c.reviewer == encodable(reviewer)
        rows &= labels.c.reviewer == encodable(reviewer)
    connection.execute(delete(reviews).where(theirs))
    later = labels.alias()
    standing = ~select(later.c.id).where(later.c.retracts == labels.c.id).correlate(labels).exists()
    counted = connection.execute(select(labels.c.id).where(rows, labels.c.consent, standing)).scalars().all()
    bare = {"analysis_id": None, "media_sha256": None, "reviewer": "", "comment": "", "tags": "[]", "retracts": None}
    connection.execute(update(labels).where(labels.c.id.in_(counted)).values(**bare))
    connection.execute(delete(labels).where(rows))


def _folded(text: str) -> str:
    return encodable(unicodedata.normalize("NFKC", text).casefold())


def _is(analysis_id: str, visitor: str | None) -> ColumnElement[bool]:
    return (entries.c.analysis_id == analysis_id) & (entries.c.visitor == encodable(visitor or ""))


def _among(analysis_id: str, visitor: str | None) -> ColumnElement[bool]:
    """All entries of an analysis, or the one of a visitor."""
    return entries.c.analysis_id == analysis_id if visitor is None else _is(analysis_id, visitor)


def _rows(visitor: str | None) -> Select[Any]:
    """Entries with what was said of them; a visitor is told only what that visitor said."""
    columns = [c for c in entries.c if c.name not in ("analysis", "search")]
    count, truth = standing_count(entries.c.analysis_id, visitor), last_truth(entries.c.analysis_id, visitor)
    return select(*columns, count.label("labels"), truth.label("truth"))


def _filters(
    *, text: str | None, labelled: bool | None, visitor: str | None, **equal: str | None
) -> list[ColumnElement[bool]]:
    wanted = [entries.c[name] == str(value) for name, value in equal.items() if value]
    if text and text.strip():
        wanted.append(entries.c.search.contains(_folded(text.strip()), autoescape=True))
    if visitor is not None:
        wanted.append(entries.c.visitor == encodable(visitor))
    if labelled is not None:
        count = standing_count(entries.c.analysis_id, visitor)
        wanted.append(count > 0 if labelled else count == 0)
    return wanted


def _entry(row: RowMapping) -> HistoryEntry:
    values = {k: v for k, v in row.items() if k not in ("entry", "analysis_id")}
    values["kind"] = MediaKind(values["kind"])
    values["label"] = Label(values["label"])
    values["truth"] = Truth(values["truth"]) if values["truth"] else None
    values["visitor"] = values["visitor"] or None
    return HistoryEntry(id=row["analysis_id"], **values)
