"""Plain words about weights, shared by both front ends."""

from __future__ import annotations

from collections.abc import Sequence

from core import wording
from core.registry import Card, Metric
from core.settings import Settings
from core.types import Modality
from core.weights.files import Found, Presence
from core.weights.manage import Entry, addresses, place

STATE_SUMMARIES: dict[Presence, str] = {
    Presence.PRESENT: "The weights are here and are the ones on the card.",
    Presence.VOUCHED: "The weights are here. They are not known to the card: you vouched for them.",
    Presence.MISSING: "The weights are not on this machine. Until they are, this detector does not vote.",
    Presence.DAMAGED: "The file that is here is not the one on the card. It is not opened.",
    Presence.UNKNOWN: "A file is here, but the card knows no hash and nobody vouched for it. It is not opened.",
}

AUC_SUMMARY = (
    "AUC: how often a fake gets a higher score than a real file; 0.5 is a coin. In brackets its 95 % interval. "
    "Held-out people: fakes made here, of kinds that the detector was trained on. True generators: other people's "
    "tools, which it never saw."
)
_KINDS = {"image": "pictures ", "video": "clips "}


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


def facts(card: Card) -> list[tuple[str, str]]:
    """What a detector looks at, what it is made of and what it learned from, as names and values."""
    faces = card.modality is not Modality.AUDIO and card.input.crop != "whole"
    return [
        ("Looks at", wording.MODALITY_WORDS[card.modality]),
        *([("Smallest face", f"{card.limits.min_face_px:.0f} px")] if faces else []),
        ("Scores are", f"calibrated ({card.calibration.name})" if card.calibration else "raw, not calibrated"),
        ("Network", card.architecture),
        ("Trained on", card.weights.trained_on),
        ("Licence", licence(card)),
        *((f"Reported {name}", value) for name, value in card.reported.items()),
    ]


def main_figures(card: Card) -> list[Metric]:
    """How well a detector tells all fakes of a data set from its reals: one figure a data set, in the card's order."""
    return [metric for metric in card.measured if metric.name == "AUC"]


def auc(card: Card, dataset: str) -> str:
    """The main figures on data whose name begins with ``dataset``, each with its interval and n; a dash where it was
    not measured on them."""
    told = []
    for metric in main_figures(card):
        name, _, kind = metric.dataset.partition(", ")
        if name == dataset:
            figure = f"{metric.value:.3f} [{metric.low:.3f}, {metric.high:.3f}], n {metric.n:,}"
            told.append(_KINDS.get(kind, "") + figure)
    return "; ".join(told) or "–"


def measured_by_data(card: Card) -> dict[str, list[Metric]]:
    """All measured figures under the name of what they were measured on, in the card's order."""
    groups: dict[str, list[Metric]] = {}
    for metric in card.measured:
        groups.setdefault(metric.dataset, []).append(metric)
    return groups


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
