"""All that is known of where a file comes from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.facts import Provenance
from core.provenance.credentials import read_credentials
from core.provenance.fingerprint import fingerprints
from core.provenance.metadata import read_metadata
from core.settings import Limits
from core.types import Frame, MediaFacts, MediaRef


def look_up(ref: MediaRef, frames: Sequence[Frame], limits: Limits) -> Provenance:
    """The provenance of a file of which ``frames`` were read. Private facts are left out: :func:`private_facts`."""
    told = read_metadata(ref, limits)
    return Provenance(
        credentials=read_credentials(ref),
        facts=tuple(told.facts.items()),
        notes=tuple(dict.fromkeys(told.notes)),
        fingerprints=fingerprints(frames),
    )


def private_facts(path: Path, media: MediaFacts, limits: Limits) -> tuple[tuple[str, str], ...]:
    """Position, serial numbers and names as (name, value), read from the file when someone asks who holds it."""
    ref = MediaRef(path, media.sha256, media.info.kind, media.format, media.size_bytes, media.name)
    return tuple(read_metadata(ref, limits).private.items())
