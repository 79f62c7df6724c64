"""What a comparison of sound and lips means, in words that need no training."""

from __future__ import annotations

from collections.abc import Sequence

from core import wording
from core.types import Analysis, SyncStretch

RELATED = 0.975
"""Confidence from which a relation is spoken of."""

CORRELATION_CAVEAT = "This compares movement with loudness; it is not a trained model."
DRIVEN_CAVEAT = "Fakes that are driven by the sound fit it well, so a good fit alone does not make a face real."

READING = (
    "Each line shows how well lips and sound fit when the sound is moved against the picture. A true recording has its "
    "peak near 0 ms. A peak that stands elsewhere all the time is a fault of recording, editing or copying, and not a "
    "sign of a fake by itself. No clear peak while this person is seen to speak is a reason to look closer: it happens "
    "with a foreign voice, with new lips, but also with dubbing or a voice from off screen."
)


def summary(offset_ms: float, step_ms: float, edge_ms: float, confidence: float, worst: Sequence[SyncStretch]) -> str:
    """One to three sentences about one person.

    Args:
        offset_ms: best shift; positive: the sound is late.
        step_ms: the smallest shift that was tried.
        edge_ms: the largest.
        confidence: in [0, 1].
        worst: stretches that fit least.
    """
    if confidence < RELATED:
        return (
            "Lips and sound fit at no shift better than chance would have it; that alone is no proof of a fake. If "
            "this person is seen to speak these words, it is a reason to doubt; if somebody else speaks, or the sound "
            "was laid over the picture, it is not."
        )
    return " ".join(part for part in (_shift(offset_ms, step_ms, edge_ms), _stretches(worst)) if part)


def _shift(offset_ms: float, step_ms: float, edge_ms: float) -> str:
    if abs(offset_ms) < step_ms / 2:
        return "Sound and lips move together, without a shift."
    which = f"Sound follows picture by {offset_ms:.0f} ms" if offset_ms > 0 else _leads(offset_ms)
    if abs(offset_ms) >= edge_ms - step_ms / 2:
        which += " or more: this is the largest shift that is tried"
    if abs(offset_ms) < 1.5 * step_ms:
        return f"{which}, which nobody notices."
    return f"{which}. A constant shift is a fault of recording or copying, not a sign of a fake by itself."


def _leads(offset_ms: float) -> str:
    return f"Sound leads picture by {-offset_ms:.0f} ms"


def _stretches(worst: Sequence[SyncStretch]) -> str:
    if not worst:
        return ""
    spans = " and ".join(f"{s.start_s:.1f}–{s.end_s:.1f} s" for s in sorted(worst, key=lambda s: s.start_s))
    return f"They fit least at {spans}."


OVER_TIME = (
    "Below, time runs from left to right: the map shows at which shift they fit at each moment, the strip how well "
    "they fit at the best shift of the whole. Marked stretches fit least; click a moment to see it."
)


def told(analysis: Analysis) -> list[str]:
    """What each measure says of each person, a few sentences each; people are named where there are several."""
    several = len({curve.track_id for curve in analysis.sync}) > 1
    lines = []
    for curve in analysis.sync:
        who = f"{wording.person(curve.track_id)}: " if several and curve.track_id is not None else ""
        lines.append(f"{who}{curve.summary}")
    return list(dict.fromkeys(lines))


def over_time(analysis: Analysis) -> str:
    """The figure of agreement over time for those who cannot see it."""
    spans = [
        f"{wording.person(curve.track_id)} fits least from {part.start_s:.1f} to {part.end_s:.1f} s"
        for curve in analysis.sync
        for part in curve.worst
    ]
    return "Fit of lips and sound over time. " + ("; ".join(spans) + "." if spans else "No stretch stands out.")
