"""The gate of a preset: where one cheap member finds every picture genuine, the others need not look at it.

What is heard is still asked, because the gate cannot hear.
"""

from __future__ import annotations

from collections.abc import Sequence

from core import wording
from core.registry import Card, Ensemble, member_cards
from core.settings import Settings
from core.stages.asking.answers import Answer
from core.types import FaceTrack, Modality, Status

_HEARS = (Modality.AUDIO, Modality.AUDIO_VISUAL)


def early_exit(
    preset: Ensemble, settings: Settings, answers: Sequence[Answer], tracks: Sequence[FaceTrack]
) -> str | None:
    """Why the remaining members that look at pictures need not be asked; None where they must.

    Args:
        answers: of the preset's first member, about everybody.
        tracks: everybody.
    """
    rule = preset.early_exit
    if rule is None or not settings.uncertainty.early_exit or not tracks:
        return None
    scores = [a.score for a in answers]
    if {s.track_id for s in scores} != {t.id for t in tracks}:
        return None
    if any(s.status is not Status.OK or s.calibration is None for s in scores):
        return None
    curves = [a.line.p_fake if a.line else (a.score.p_fake or 0.0,) for a in answers]
    clip = any(len(t.t_s) > 1 for t in tracks)
    if clip and any(len(curve) < rule.pictures for curve in curves):
        return None
    highest = max(p for curve in curves for p in curve)
    if highest > rule.max_p_fake:
        return None
    seen = sum(len(curve) for curve in curves)
    pictures = "the picture looks" if seen == 1 else f"all {seen} pictures look"
    return (
        f"early exit: {pictures} genuine to {scores[0].title} (P(fake) at most {wording.percent(highest)}), so "
        f"{_spared(preset)} did not have to look"
    )


def spares(card: Card) -> bool:
    """Whether a member may be spared: it looks at pictures alone."""
    return card.modality not in _HEARS


def _spared(preset: Ensemble) -> str:
    count = sum(spares(card) for card in list(member_cards(preset))[1:])
    return f"{count} more detector{'s' if count != 1 else ''}"
