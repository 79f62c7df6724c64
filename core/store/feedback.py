"""What people say about a result.

Labels are append-only: a change of mind is a new row that retracts the one before, an undo a row without a truth.
The one exception is :meth:`core.store.history.Store.delete`, for privacy.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, insert, select

from core.errors import LimitError, NotFoundError
from core.store.db import Database, now
from core.store.files import encodable
from core.store.tables import labels
from core.types import Analysis
from core.types import Label as ModelLabel

MAX_COMMENT = 4000
MAX_TAGS = 20


class Truth(StrEnum):
    """What a person says that a medium is."""

    FAKE = "fake"
    REAL = "real"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Label:
    """One person's word on one result, with what the program said at that time.

    ``agrees`` tells whether the person agrees with the program; None where one of them left it open.
    ``analysis_id`` and ``media_sha256`` are None once the analysis was deleted; ``reviewer`` is "" if unnamed.
    """

    id: int
    analysis_id: str | None
    media_sha256: str | None
    reviewer: str
    truth: Truth
    agrees: bool | None
    comment: str
    tags: tuple[str, ...]
    consent: bool
    p_fake: float | None
    label: ModelLabel
    created_at: str
    retracted: bool = False


@dataclass(frozen=True, slots=True)
class LabelStats:
    """Counts over the labels that stand. ``table`` counts pairs of (what the program said, what a person said)."""

    total: int
    by_truth: Mapping[Truth, int]
    agree: int
    disagree: int
    open: int
    media: int
    reviewers: int
    table: Mapping[tuple[ModelLabel, Truth], int]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a label is about: the result as it stood."""

    analysis_id: str
    media_sha256: str
    p_fake: float | None
    label: ModelLabel

    @classmethod
    def of(cls, analysis: Analysis) -> Judged:
        verdict = analysis.verdict
        return cls(analysis.id, analysis.media.sha256, verdict.p_fake, verdict.label)


class LabelBook:
    """Labels in the history database."""

    _db: Database

    def add_label(
        self,
        analysis: Analysis,
        truth: Truth | str,
        *,
        reviewer: str = "",
        agrees: bool | None = None,
        comment: str = "",
        tags: Iterable[str] = (),
        consent: bool = False,
    ) -> Label:
        """Keep a label. A named reviewer's earlier label of the same analysis is retracted by it.

        Args:
            analysis: the result as the person saw it; its verdict is kept with the label.
            truth: what the person says it is.
            reviewer: who; "" if unnamed.
            agrees: whether the person agrees with the program; derived from the verdict where it is None.
            comment: free text of up to 4,000 characters.
            tags: up to 20 short words.
            consent: the person allows the medium to be used for training.

        Raises:
            LimitError: comment or tags too long.
            StorageError: it was not saved.
        """
        with self._db.write() as connection:
            return append_label(
                connection,
                Judged.of(analysis),
                Truth(truth),
                reviewer=encodable(reviewer),
                agrees=agrees,
                comment=encodable(comment),
                tags=tuple(encodable(tag) for tag in tags),
                consent=consent,
            )

    def undo_label(self, label_id: int, *, reviewer: str = "") -> Label | None:
        """Take a label back; the one that it had replaced stands again.

        Returns:
            The label which now stands in its place, if any.

        Raises:
            NotFoundError: this reviewer has no such standing label.
        """
        with self._db.write() as connection:
            row = _standing(connection, label_id, encodable(reviewer))
            retract(connection, row)
            if row["retracts"] is None:
                return None
            before = connection.execute(select(labels).where(labels.c.id == row["retracts"])).mappings().one()
            again = {k: v for k, v in before.items() if k not in ("id", "created_at", "retracts")}
            return _insert(connection, again)

    def labels(
        self,
        *,
        analysis_id: str | None = None,
        media_sha256: str | None = None,
        reviewer: str | None = None,
        consent: bool | None = None,
        retracted: bool = False,
    ) -> list[Label]:
        """Labels in the order in which they were given; those taken back only with ``retracted``."""
        wanted = {"analysis_id": analysis_id, "media_sha256": media_sha256, "reviewer": reviewer, "consent": consent}
        query = select(labels, _taken_back().label("retracted")).where(labels.c.truth.is_not(None))
        for name, value in wanted.items():
            if value is not None:
                query = query.where(labels.c[name] == value)
        if not retracted:
            query = query.where(~_taken_back())
        with self._db.read() as connection:
            return [_label(row) for row in connection.execute(query.order_by(labels.c.id)).mappings()]

    def label_stats(self) -> LabelStats:
        """Counts over the labels that stand."""
        standing = self.labels()
        truths = [row.truth for row in standing]
        pairs = [(row.label, row.truth) for row in standing]
        return LabelStats(
            total=len(standing),
            by_truth={truth: truths.count(truth) for truth in Truth},
            agree=sum(row.agrees is True for row in standing),
            disagree=sum(row.agrees is False for row in standing),
            open=sum(row.agrees is None for row in standing),
            media=len({row.media_sha256 for row in standing if row.media_sha256}),
            reviewers=len({row.reviewer for row in standing if row.reviewer}),
            table={pair: pairs.count(pair) for pair in sorted(set(pairs))},
        )


def append_label(
    connection: Connection,
    judged: Judged,
    truth: Truth,
    *,
    reviewer: str = "",
    agrees: bool | None = None,
    comment: str = "",
    tags: tuple[str, ...] = (),
    consent: bool = False,
) -> Label:
    """Insert a label that retracts the same named reviewer's standing one; see :meth:`LabelBook.add_label`."""
    _check(comment, tags)
    before = standing_label(connection, judged.analysis_id, reviewer) if reviewer else None
    return _insert(
        connection,
        {
            "analysis_id": judged.analysis_id,
            "media_sha256": judged.media_sha256,
            "reviewer": reviewer,
            "truth": truth.value,
            "agrees": _agrees(judged.label, truth) if agrees is None else agrees,
            "comment": comment,
            "tags": json.dumps(tags),
            "consent": consent,
            "p_fake": judged.p_fake,
            "label": judged.label.value,
            "retracts": before["id"] if before else None,
        },
    )


def standing_label(connection: Connection, analysis_id: str, reviewer: str) -> RowMapping | None:
    """The row of a reviewer's label that stands."""
    query = select(labels).where(labels.c.analysis_id == analysis_id, labels.c.reviewer == reviewer)
    query = query.where(labels.c.truth.is_not(None), ~_taken_back()).order_by(labels.c.id.desc())
    return connection.execute(query).mappings().first()


def standing_labels(connection: Connection, media_sha256: str) -> list[tuple[str, Truth]]:
    """Who said what of a medium, of all labels that stand."""
    query = select(labels.c.reviewer, labels.c.truth).where(labels.c.media_sha256 == media_sha256)
    rows = connection.execute(query.where(labels.c.truth.is_not(None), ~_taken_back()))
    return [(reviewer, Truth(truth)) for reviewer, truth in rows]


def retract(connection: Connection, row: RowMapping) -> None:
    """Append the row that takes a label back."""
    kept = ("analysis_id", "media_sha256", "reviewer", "label")
    empty = {"truth": None, "comment": "", "tags": "[]", "consent": False, "created_at": now()}
    connection.execute(insert(labels).values(**{k: row[k] for k in kept}, **empty, retracts=row["id"]))


def standing_count(analysis_id: ColumnElement[str], reviewer: str | None = None) -> ColumnElement[int]:
    """SQL: how many labels of an analysis stand (only ``reviewer``'s where one is named)."""
    query = _said(select(func.count()).select_from(labels), analysis_id, reviewer)
    return query.correlate_except(labels).scalar_subquery()


def last_truth(analysis_id: ColumnElement[str], reviewer: str | None = None) -> ColumnElement[str]:
    """SQL: the latest truth that was said of an analysis and stands (only ``reviewer``'s where one is named)."""
    query = _said(select(labels.c.truth), analysis_id, reviewer).order_by(labels.c.id.desc()).limit(1)
    return query.correlate_except(labels).scalar_subquery()


def _said(query: Select[Any], analysis_id: ColumnElement[str], reviewer: str | None) -> Select[Any]:
    query = query.where(labels.c.analysis_id == analysis_id, labels.c.truth.is_not(None), ~_taken_back())
    return query if reviewer is None else query.where(labels.c.reviewer == encodable(reviewer))


def _taken_back() -> ColumnElement[bool]:
    later = labels.alias()
    return select(later.c.id).where(later.c.retracts == labels.c.id).correlate(labels).exists()


def _standing(connection: Connection, label_id: int, reviewer: str) -> RowMapping:
    query = select(labels).where(labels.c.id == label_id, labels.c.reviewer == reviewer)
    row = connection.execute(query.where(labels.c.truth.is_not(None), ~_taken_back())).mappings().first()
    if row is None:
        raise NotFoundError("There is no such label to take back.", hint="Reload the page; it may be gone already.")
    return row


def _insert(connection: Connection, values: Mapping[str, Any]) -> Label:
    query = insert(labels).values(**values, created_at=now()).returning(*labels.c)
    return _label({**connection.execute(query).mappings().one(), "retracted": False})


def _label(row: Mapping[Any, Any]) -> Label:
    values = {k: v for k, v in row.items() if k != "retracts"}
    values["truth"] = Truth(values["truth"])
    values["label"] = ModelLabel(values["label"])
    values["tags"] = tuple(json.loads(values["tags"]))
    values["retracted"] = bool(values["retracted"])
    return Label(**values)


def _agrees(said: ModelLabel, truth: Truth) -> bool | None:
    if truth is Truth.UNSURE or said not in (ModelLabel.FAKE, ModelLabel.REAL):
        return None
    return said.value == truth.value


def _check(comment: str, tags: tuple[str, ...]) -> None:
    if len(comment) > MAX_COMMENT:
        raise LimitError(
            f"The comment has {len(comment):,} characters; {MAX_COMMENT:,} fit.", hint="Nothing was saved. Shorten it."
        )
    if len(tags) > MAX_TAGS or any(len(tag) > 100 for tag in tags):
        raise LimitError("There are too many tags, or one is too long.", hint="Use up to 20 short words.")
