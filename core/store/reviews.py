"""Where each reviewer stands with each item, so that a closed page loses nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select

from core.errors import NotFoundError
from core.review import Judgement, Review, State
from core.store.db import Database, now
from core.store.feedback import Judged, Truth, append_label, retract, standing_label
from core.store.files import encodable
from core.store.tables import entries, reviews
from core.types import Label as ModelLabel

_TRUTHS = {Judgement.AUTHENTIC: Truth.REAL, Judgement.FAKE: Truth.FAKE, Judgement.UNSURE: Truth.UNSURE}


class ReviewBook:
    """Reviews in the history database. A submitted review is a label as well, and one that is reopened is not."""

    _db: Database

    def save_reviews(self, reviewer: str, changed: Iterable[Review]) -> None:
        """Keep what :func:`core.review.changed` returned: all of it or, on an error, nothing.

        Args:
            reviewer: a name that is not empty.
            changed: reviews of items whose ids are analyses in the history.

        Raises:
            NotFoundError: the analysis is not in the history any more.
            StorageError: it was not saved.
        """
        if not reviewer:
            raise ValueError("a review needs a reviewer's name")
        with self._db.write() as connection:
            for review in changed:
                _save(connection, encodable(reviewer), review)

    def reviews(self, reviewer: str) -> dict[str, Review]:
        """A reviewer's reviews by analysis id, as :class:`core.review.Queue` takes them."""
        query = select(reviews).where(reviews.c.reviewer == encodable(reviewer)).order_by(reviews.c.updated_at)
        with self._db.read() as connection:
            return {row["analysis_id"]: _review(row) for row in connection.execute(query).mappings()}

    def all_reviews(self) -> dict[str, dict[str, Review]]:
        """Everyone's reviews by name, then by analysis id."""
        with self._db.read() as connection:
            rows = connection.execute(select(reviews).order_by(reviews.c.updated_at)).mappings().all()
        found: dict[str, dict[str, Review]] = {}
        for row in rows:
            found.setdefault(row["reviewer"], {})[row["analysis_id"]] = _review(row)
        return found

    def reviewers(self) -> list[str]:
        """Everyone who reviewed something, by name."""
        with self._db.read() as connection:
            return list(
                connection.execute(select(reviews.c.reviewer).distinct().order_by(reviews.c.reviewer)).scalars()
            )


def _save(connection: Connection, reviewer: str, given: Review) -> None:
    review = replace(given, note=encodable(given.note), tags=tuple(encodable(tag) for tag in given.tags))
    key = (reviews.c.reviewer == reviewer) & (reviews.c.analysis_id == review.item)
    before = connection.execute(select(reviews).where(key)).mappings().first()
    label_id = _label_of(connection, reviewer, review, before)
    connection.execute(delete(reviews).where(key))
    connection.execute(
        insert(reviews).values(
            reviewer=reviewer,
            analysis_id=review.item,
            state=review.state.value,
            judgement=review.judgement.value if review.judgement else None,
            blind=review.blind.value if review.blind else None,
            note=review.note,
            seen=review.seen,
            label_id=label_id,
            updated_at=now(),
            tags=json.dumps(review.tags),
            consent=review.consent,
        )
    )


def _label_of(connection: Connection, reviewer: str, review: Review, before: RowMapping | None) -> int | None:
    """Make, keep or take back the label that stands for a review."""
    judged = _judged(connection, review.item)
    standing = standing_label(connection, review.item, reviewer)
    own = standing if before and standing and standing["id"] == before["label_id"] else None
    if review.state is not State.SUBMITTED or review.judgement is None:
        if own:
            retract(connection, own)
        return None
    truth = _TRUTHS[review.judgement]
    if own and _same(own, truth, review):
        return int(own["id"])
    return append_label(
        connection, judged, truth, reviewer=reviewer, comment=review.note, tags=review.tags, consent=review.consent
    ).id


def _same(label: Mapping[Any, Any], truth: Truth, review: Review) -> bool:
    said = (truth.value, review.note, list(review.tags), review.consent)
    return said == (label["truth"], label["comment"], json.loads(label["tags"]), bool(label["consent"]))


def _judged(connection: Connection, analysis_id: str) -> Judged:
    query = select(entries).where(entries.c.analysis_id == analysis_id).order_by(entries.c.entry.desc())
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFoundError("This item is no longer in the history.", hint="Reload the queue; the review was not kept.")
    return Judged(analysis_id, row["media_sha256"], row["p_fake"], ModelLabel(row["label"]))


def _review(row: RowMapping) -> Review:
    return Review(
        item=row["analysis_id"],
        state=State(row["state"]),
        judgement=Judgement(row["judgement"]) if row["judgement"] else None,
        blind=Judgement(row["blind"]) if row["blind"] else None,
        note=row["note"],
        seen=bool(row["seen"]),
        tags=tuple(json.loads(row["tags"])),
        consent=bool(row["consent"]),
        at=row["updated_at"],
    )
