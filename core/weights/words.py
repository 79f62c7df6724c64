"""Plain words about weights, shared by both front ends."""

from __future__ import annotations

from collections.abc import Sequence

from core import wording
from core.registry import Card
from core.settings import Settings
from core.weights.files import Found, Presence
from core.weights.manage import Entry, addresses, place

STATE_SUMMARIES: dict[Presence, str] = {
    Presence.PRESENT: "The weights are here and are the ones on the card.",
    Presence.VOUCHED: "The weights are here. They are not known to the card: you vouched for them.",
    Presence.MISSING: "The weights are not on this machine. Until they are, this detector does not vote.",
    Presence.DAMAGED: "The file that is here is not the one on the card. It is not opened.",
    Presence.UNKNOWN: "A file is here, but the card knows no hash and nobody vouched for it. It is not opened.",
}


def usable(entry: Entry) -> bool:
    """Whether a detector has all it needs."""
    return entry.error is None and entry.presence in (Presence.PRESENT, Presence.VOUCHED)


def headline(entries: Sequence[Entry]) -> str:
    """How many detectors can run."""
    able = sum(usable(entry) for entry in entries)
    return f"{able} of {len(entries)} detector{'s' if len(entries) != 1 else ''} can run on this machine."


def command(entry: Entry) -> str:
    """What to type to get weights that are not here; "" where nothing has to be done."""
    card = entry.card
    if card is None or usable(entry):
        return ""
    if entry.presence is Presence.UNKNOWN:
        return f"python -m core.cli weights add FILE --as {card.id} --trust"
    lacking = [found.file for found in entry.found if not found.usable]
    if not all(addresses(item) for item in lacking):
        return card.weights.how_to_get
    flags = (" --accept-licence" if card.weights.non_commercial else "") + (
        "" if all(item.sha256 for item in lacking) else " --trust"
    )
    return f"python -m core.cli weights pull {card.id}{flags}"


def licence(card: Card) -> str:
    return card.weights.licence + (" (not for commercial use)" if card.weights.non_commercial else "")


def file_rows(entry: Entry, settings: Settings) -> list[tuple[str, str]]:
    """What is known of a detector's files, as names and values."""
    return [row for found in entry.found for row in _file_rows(found, settings)]


def _file_rows(found: Found, settings: Settings) -> list[tuple[str, str]]:
    item = found.file
    about = "" if item.sha256 else "about "
    where = f", {place(found, settings)}" if found.path else ""
    rows = [
        ("File", f"{item.file}, {about}{wording.size(item.size_bytes)}: {found.presence.value}{where}"),
        ("sha256", item.sha256 or "not published"),
    ]
    if found.sha256 and found.sha256 != item.sha256:
        rows.append(("sha256 here", found.sha256))
    return rows
