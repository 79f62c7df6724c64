"""When a high figure is not enough to call somebody fake: one lone detector, or a face too poor to judge by."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from core.fusion.votes import Vote
from core.types import FaceQuality, FaceTrack, Modality

# Medians over a person's faces beyond which measures of detail, grain, light, turn and cover make scores unreliable.
# Filmed and photographed faces of the training split hardly ever reach the limits of detail and grain.
_BLUR, _NOISE, _LUMA, _YAW, _COVER = 12.0, 4.5, (25.0, 240.0), 0.9, 0.75
_CROWD = 3
FULL_SPEECH_S = 3.0


def doubts(votes: Sequence[Vote], track: FaceTrack | None) -> tuple[str, ...]:
    """Why this person may not be called fake, in words; empty where nothing speaks against it.

    Args:
        votes: about the person and the medium.
        track: the person's faces; None for a medium without any.
    """
    found = [_lone(votes)]
    if track is not None and not any(v.whole and v.p >= 0.5 for v in votes):
        found.append(poor_face(track.quality))
    return tuple(reason for reason in found if reason)


def _lone(votes: Sequence[Vote]) -> str:
    """From three voters on, one alone convinces nobody."""
    if len(votes) < _CROWD or sum(v.p >= 0.5 for v in votes) != 1:
        return ""
    return f"only one of {len(votes)} detectors leans to fake, which is not enough to call it fake"


def thin_voice(votes: Sequence[Vote], speech_s: float | None) -> tuple[str, ...]:
    """Where only voices were judged, and of less than three seconds of speech: that it is too little."""
    if speech_s is None or speech_s >= FULL_SPEECH_S or any(v.modality is not Modality.AUDIO for v in votes):
        return ()
    return (f"only {speech_s:.1f} s of speech were heard, and {FULL_SPEECH_S:.0f} s are needed for that",)


def poor_face(quality: Sequence[FaceQuality]) -> str:
    """What is wrong with a person's faces, "" where they will do."""
    if not quality:
        return ""
    blur, luma = median(q.blur for q in quality), median(q.luma for q in quality)
    faults = {
        "blurred": blur < _BLUR,
        "noisy": median(q.noise for q in quality) > _NOISE,
        "dark": luma < _LUMA[0],
        "bright": luma > _LUMA[1],
        "turned away": median(abs(q.yaw) for q in quality) > _YAW,
        "covered": median(q.occlusion for q in quality) > _COVER,
    }
    named = " and ".join(name for name, there in faults.items() if there)
    return f"the face is too {named} to call it fake by" if named else ""
