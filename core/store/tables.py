"""Tables of the history database and the numbered steps that lead to them.

A step is never changed once it was released; a change of the tables is a new step at the end. ``PRAGMA user_version``
holds the number of steps that a file has seen.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Integer, MetaData, Table, Text

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE entries (
            entry INTEGER PRIMARY KEY AUTOINCREMENT,
            analysis_id TEXT NOT NULL,
            created_at TEXT NOT NULL,
            media_sha256 TEXT NOT NULL,
            name TEXT NOT NULL,
            search TEXT NOT NULL,
            kind TEXT NOT NULL,
            preset TEXT NOT NULL,
            label TEXT NOT NULL,
            p_fake REAL,
            origin TEXT NOT NULL,
            visitor TEXT NOT NULL,
            analysis TEXT NOT NULL,
            UNIQUE (analysis_id, visitor)
        )""",
        "CREATE INDEX entries_media ON entries (media_sha256)",
        "CREATE INDEX entries_visitor ON entries (visitor)",
        """CREATE TABLE labels (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            analysis_id TEXT,
            media_sha256 TEXT,
            reviewer TEXT NOT NULL,
            truth TEXT,
            agrees BOOLEAN,
            comment TEXT NOT NULL,
            tags TEXT NOT NULL,
            consent BOOLEAN NOT NULL,
            p_fake REAL,
            label TEXT NOT NULL,
            created_at TEXT NOT NULL,
            retracts INTEGER UNIQUE REFERENCES labels (id)
        )""",
        "CREATE INDEX labels_analysis ON labels (analysis_id)",
        """CREATE TABLE reviews (
            reviewer TEXT NOT NULL,
            analysis_id TEXT NOT NULL,
            state TEXT NOT NULL,
            judgement TEXT,
            blind TEXT,
            note TEXT NOT NULL,
            seen BOOLEAN NOT NULL,
            label_id INTEGER REFERENCES labels (id),
            updated_at TEXT NOT NULL,
            PRIMARY KEY (reviewer, analysis_id)
        )""",
    ),
    (
        """CREATE TABLE fingerprints (
            media_sha256 TEXT NOT NULL,
            hash TEXT NOT NULL,
            PRIMARY KEY (media_sha256, hash)
        )""",
    ),
    (
        "ALTER TABLE reviews ADD COLUMN tags TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE reviews ADD COLUMN consent BOOLEAN NOT NULL DEFAULT 0",
    ),
)

metadata = MetaData()

entries = Table(
    "entries",
    metadata,
    Column("entry", Integer, primary_key=True),
    Column("analysis_id", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("media_sha256", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("search", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("preset", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("p_fake", Float),
    Column("origin", Text, nullable=False),
    Column("visitor", Text, nullable=False),
    Column("analysis", Text, nullable=False),
)

labels = Table(
    "labels",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("analysis_id", Text),
    Column("media_sha256", Text),
    Column("reviewer", Text, nullable=False),
    Column("truth", Text),
    Column("agrees", Boolean),
    Column("comment", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("consent", Boolean, nullable=False),
    Column("p_fake", Float),
    Column("label", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("retracts", Integer),
)

reviews = Table(
    "reviews",
    metadata,
    Column("reviewer", Text, primary_key=True),
    Column("analysis_id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("judgement", Text),
    Column("blind", Text),
    Column("note", Text, nullable=False),
    Column("seen", Boolean, nullable=False),
    Column("label_id", Integer),
    Column("updated_at", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("consent", Boolean, nullable=False),
)

fingerprints = Table(
    "fingerprints",
    metadata,
    Column("media_sha256", Text, primary_key=True),
    Column("hash", Text, primary_key=True),
)
