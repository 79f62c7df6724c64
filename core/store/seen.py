"""Whether a medium, or one that looks the same, was seen before, and what people said of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from core.store.db import Database
from core.store.feedback import Truth, standing_labels
from core.store.tables import entries, fingerprints
from core.types import Analysis

_SAME_BITS = 8
_SHARE = 0.5
_MOST = 20


@dataclass(frozen=True, slots=True)
class Seen:
    """A medium of the history that is the same file (``exact``), or looks the same in its frames.

    ``analysis_id``, ``name`` and ``created_at`` are those of its latest entry. ``fake_by`` and ``real_by`` count the
    people whose label says so.
    """

    analysis_id: str
    media_sha256: str
    name: str
    created_at: str
    exact: bool
    fake_by: int
    real_by: int


class SeenBook:
    """Perceptual hashes in the history database."""

    _db: Database

    def seen_before(self, analysis: Analysis) -> tuple[Seen, ...]:
        """Other analyses of the same file and of media that look the same, those first that people labelled.

        Looks the same: for at least half of the frames that were hashed there is one in the other medium whose 64 bits
        differ in at most 8. Two recordings of the same scene can look the same without one being a copy.
        """
        own = analysis.provenance.fingerprints if analysis.provenance else ()
        sha256 = analysis.media.sha256
        with self._db.read() as connection:
            alike = _alike(connection, own) | {sha256}
            query = select(entries).where(entries.c.media_sha256.in_(alike), entries.c.analysis_id != analysis.id)
            rows = connection.execute(query.order_by(entries.c.entry.desc())).mappings().all()
            latest = {row["media_sha256"]: row for row in reversed(rows)}
            said = {medium: standing_labels(connection, medium) for medium in latest}
        found = [
            Seen(
                row["analysis_id"], medium, row["name"], row["created_at"], medium == sha256,
                _people(said[medium], Truth.FAKE), _people(said[medium], Truth.REAL),
            )
            for medium, row in latest.items()
        ]  # fmt: skip
        return tuple(sorted(found, key=lambda s: (-(s.fake_by + s.real_by), not s.exact, s.media_sha256))[:_MOST])


def keep_fingerprints(connection: Connection, analysis: Analysis) -> None:
    """Remember how a medium looks, together with its entry."""
    hashes = analysis.provenance.fingerprints if analysis.provenance else ()
    rows = [{"media_sha256": analysis.media.sha256, "hash": value} for value in hashes]
    if rows:
        connection.execute(insert(fingerprints).prefix_with("OR IGNORE"), rows)


def _people(labels: Iterable[tuple[str, Truth]], truth: Truth) -> int:
    """Named people count once, whatever number of analyses they labelled; unnamed labels count each."""
    names = [reviewer for reviewer, said in labels if said is truth]
    return len({name for name in names if name}) + names.count("")


def _alike(connection: Connection, own: tuple[str, ...]) -> set[str]:
    if not own:
        return set()
    wanted = [int(value, 16) for value in own]
    hits: dict[str, set[int]] = {}
    for medium, text in connection.execute(select(fingerprints.c.media_sha256, fingerprints.c.hash)):
        value = int(text, 16)
        near = {i for i, mine in enumerate(wanted) if (mine ^ value).bit_count() <= _SAME_BITS}
        if near:
            hits.setdefault(medium, set()).update(near)
    return {medium for medium, near in hits.items() if len(near) >= _SHARE * len(wanted)}
