"""Networks that compare lips with the sound: P(fake) of every person who speaks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.registry import Card
from core.stages.asking.answers import Answer, silent, spoken
from core.stages.context import Context
from core.stages.listening import leased, view_of
from core.stages.reading import Material
from core.stages.watching import Embedder, Watched, fitted, pieces_of, unheard, watched
from core.sync.coherence import VOTES, Coherence
from core.sync.votes import window_logits
from core.sync.words import RELATED
from core.types import AudioClip, FaceTrack, Status

_NOT_CALIBRATED = "it shows its curve, but was not calibrated, so it does not vote"
_OTHER_SPEAKS = "the sound fits the lips of another person"
_NOTHING_SAID = "this person is not followed long enough while somebody speaks"


def ask(card: Card, weights: Path, material: Material, tracks: Sequence[FaceTrack], context: Context) -> list[Answer]:
    """One answer a person. Sound that leads or lags all the time counts for nothing."""
    reason = unheard(material, tracks)
    if reason is not None or material.audio is None:
        return [silent(card, Status.NOT_APPLICABLE, (reason or "").rstrip(".").lower())]
    if card.calibration is None:
        return [silent(card, Status.UNAVAILABLE, _NOT_CALIBRATED)]
    people = watched(material, tracks, context, view_of(card))
    with leased(card, weights, context) as embedder:
        found = {seen.track_id: _found(seen, material.audio, card, embedder, context) for seen in people}
    speakers = {who for who, one in found.items() if one is not None and one.confidence >= RELATED}
    return [_answer(card, seen, found[seen.track_id], speakers) for seen in people]


def _found(seen: Watched, audio: AudioClip, card: Card, embedder: Embedder, context: Context) -> Coherence | None:
    if seen.status is not Status.OK:
        return None
    return fitted(seen, pieces_of(seen, audio, card, embedder, context), audio, embedder, VOTES)


def _answer(card: Card, seen: Watched, found: Coherence | None, speakers: set[int]) -> Answer:
    if seen.status is not Status.OK:
        return silent(card, seen.status, seen.reason, seen.track_id)
    if not any(m.moves for m in seen.mouths):
        return silent(card, Status.NOT_APPLICABLE, "the mouth does not move as if it spoke", seen.track_id)
    if speakers and seen.track_id not in speakers:
        return silent(card, Status.NOT_APPLICABLE, _OTHER_SPEAKS, seen.track_id)
    t_s, logits = window_logits(found)
    if not len(logits):
        return silent(card, Status.NOT_APPLICABLE, _NOTHING_SAID, seen.track_id)
    return spoken(card, logits, [float(t) for t in t_s], seen.track_id)
