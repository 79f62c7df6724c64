"""Who is in a preset, who of them is here, and how their answers are put together: plain words for both front ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core import wording
from core.errors import ConfigError, WorkbenchError
from core.fusion.fits import read_fit
from core.registry import Ensemble
from core.settings import Settings
from core.weights import words
from core.weights.manage import entry

_RULES = {
    "weighted_mean": "The figure is the weighted mean of those who answer.",
    "gate": "A learned gate decides for each file how much each detector counts.",
    "logistic": "A logistic regression adds up what the detectors say; who cannot judge a file is left out of the sum.",
    "parts": "Detectors of the picture are added up, and those of the sound; a file is fake where one part of it is. "
    "Who cannot judge a file is left out of the sum.",
}


@dataclass(frozen=True, slots=True)
class Seat:
    """One member: what it looks at, whether its weights are here, and else what to type (``command``)."""

    detector: str
    title: str
    looks_at: str
    here: bool
    state: str
    command: str = ""


def roster(preset: Ensemble, settings: Settings) -> tuple[Seat, ...]:
    """The members of a preset in their order; one whose card cannot be read says why."""
    return tuple(_seat(member.detector, settings) for member in preset.members)


def _seat(name: str, settings: Settings) -> Seat:
    try:
        found = entry(name, settings)
    except WorkbenchError as error:
        return Seat(name, name, "", False, error.message)
    if found.card is None:
        return Seat(name, name, "", False, "has no card")
    looks_at = wording.MODALITY_WORDS[found.card.modality]
    here = words.usable(found)
    state = "here" if here else f"{found.presence.value}; does not vote"
    return Seat(name, found.card.title, looks_at, here, state, words.command(found))


def headline(seats: Sequence[Seat]) -> str:
    """How many members can answer here."""
    able = sum(seat.here for seat in seats)
    return f"{able} of {len(seats)} detector{'s' if len(seats) != 1 else ''} of this preset can run here."


def fusion_words(preset: Ensemble) -> str:
    """How the answers are put together, whether that was fitted, and when the preset says what."""
    parts = [_RULES[preset.fusion], _fit_words(preset)]
    if preset.features:
        parts.insert(1, f"It is fed with {len(preset.features)} features.")
    if preset.early_exit is not None:
        parts.append("It stops early where its first detector finds every face genuine.")
    parts.append(f"Thresholds: {wording.thresholds(preset.limits)}.")
    return " ".join(part for part in parts if part)


def _fit_words(preset: Ensemble) -> str:
    if preset.fusion == "weighted_mean":
        return ""
    try:
        fit = read_fit(preset)
    except ConfigError as error:
        return str(error)
    return "It is not fitted yet: until then the weighted mean is used." if fit is None else f"Fitted: {fit.name}."
