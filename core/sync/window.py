"""Which stretch of a clip is best for comparing lips and sound."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from core.sync.speech import voiced
from core.types import AudioClip, FaceTrack

Series: TypeAlias = npt.NDArray[np.float64]

MIN_S = 2.5  # shorter stretches have too few syllables
_MIN_VOICED = 0.2  # share of the stretch with sound as loud as speech
_ALONE_S = 4.0  # how long a face seen in a single frame is taken to be there, before and after
_STEP_S = 0.5


def pick_windows(
    track: FaceTrack, audio: AudioClip, most: int = 1, max_s: float = 8.0
) -> tuple[tuple[float, float], ...]:
    """At most ``most`` stretches (start, end) in seconds, each at most ``max_s`` long, in which this person is best
    seen and most is heard; the best first. They do not overlap.

    Between sampled frames a face is taken to stay where both neighbours show it. Empty where no stretch of at least
    two and a half seconds has the face and, for a fifth of its time, sound.
    """
    times, heard = voiced(audio)
    if not heard.any():
        return ()
    spans = []
    for start_s, end_s in _stays(track):
        start_s, end_s = max(start_s, audio.start_s, 0.0), min(end_s, audio.start_s + audio.duration_s)
        for first in np.arange(start_s, max(end_s - MIN_S, start_s) + _STEP_S / 2, _STEP_S):
            span = (float(first), float(min(first + max_s, end_s)))
            spans.append((_worth(span, track, times, heard), span))
    picked: list[tuple[float, float]] = []
    for worth, span in sorted(spans, key=lambda item: (-round(item[0], 6), item[1])):
        if worth > 0 and len(picked) < most and all(span[1] <= p[0] or span[0] >= p[1] for p in picked):
            picked.append(span)
    return tuple(picked)


def _worth(span: tuple[float, float], track: FaceTrack, times: Series, heard: npt.NDArray[np.bool_]) -> float:
    """How good a stretch is: its voiced seconds times how well the face is seen; 0 where it will not do."""
    length = span[1] - span[0]
    inside = (times >= span[0]) & (times < span[1])
    share = float(heard[inside].mean()) if inside.any() else 0.0
    seen = [
        face.confidence * min(quality.size_px / 80.0, 1.0) * (1.0 - 0.7 * abs(quality.yaw))
        for t_s, face, quality in zip(track.t_s, track.faces, track.quality, strict=True)
        if span[0] <= t_s <= span[1]
    ]
    if length < MIN_S - 1e-6 or share < _MIN_VOICED or not seen:
        return 0.0
    return share * length * float(np.mean(seen))


def _stays(track: FaceTrack) -> list[tuple[float, float]]:
    """Stretches in which the person is taken to be there: runs of sampled frames that all show the face, and half the
    way to the next frame that does not."""
    places, times = np.asarray(track.frame), np.asarray(track.t_s, dtype=np.float64)
    breaks = np.flatnonzero(np.diff(places) > 1) + 1
    spacing = np.diff(times) / np.maximum(np.diff(places), 1)
    usual = float(np.median(spacing)) if len(spacing) else 2 * _ALONE_S
    reach = min(usual / 2.0, _ALONE_S)
    runs = np.split(times, breaks)
    return [(float(run[0]) - reach, float(run[-1]) + reach) for run in runs if len(run)]
