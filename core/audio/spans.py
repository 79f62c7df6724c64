"""Stretches of speech in time."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

STEP_S = 0.032
Span: TypeAlias = tuple[float, float]

_ON, _OFF = 0.5, 0.35
_SHORTEST_S, _PAUSE_S, _EDGE_S = 0.2, 0.25, 0.03


def segments(p: npt.NDArray[np.float32], start_s: float = 0.0) -> tuple[Span, ...]:
    """Stretches of speech in s: from where P(speech) reaches one half to where it stays below 0.35. Pauses shorter than
    a quarter of a second do not end one; stretches shorter than a fifth are left out.

    Args:
        p: of :class:`core.audio.activity.VoiceActivity`.
        start_s: time of the first sample.
    """
    speaking, begin, found = False, 0, []
    for i, value in enumerate([*p.tolist(), 0.0]):
        if not speaking and value >= _ON:
            speaking, begin = True, i
        elif speaking and value < _OFF:
            speaking = False
            found.append((begin * STEP_S, i * STEP_S))
    end_s = len(p) * STEP_S
    kept = [span for span in _joined(found) if span[1] - span[0] >= _SHORTEST_S]
    return tuple((start_s + max(0.0, a - _EDGE_S), start_s + min(end_s, b + _EDGE_S)) for a, b in kept)


def _joined(spans: Sequence[Span]) -> list[Span]:
    out: list[Span] = []
    for begin, end in spans:
        if out and begin - out[-1][1] < _PAUSE_S:
            out[-1] = (out[-1][0], end)
        else:
            out.append((begin, end))
    return out


def spoken_s(spans: Sequence[Span], begin_s: float = -np.inf, end_s: float = np.inf) -> float:
    """Seconds of speech between two times."""
    return sum(max(0.0, min(b, end_s) - max(a, begin_s)) for a, b in spans)


def method() -> str:
    """What finds the speech, with its version."""
    try:
        return f"Silero VAD {version('silero-vad')}"
    except PackageNotFoundError:
        return "Silero VAD"
