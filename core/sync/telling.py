"""A found coherence as the row that front ends, reports and interfaces show."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.sync.coherence import REACH, Coherence, worst
from core.sync.words import RELATED, summary
from core.types import Status, SyncCurve

_DIGITS = 3


def told(found: Coherence, method: str, track_id: int, fps: float, caveat: str) -> SyncCurve:
    """The row of one person by one measure.

    Args:
        found: what the measure found, in frames of ``fps`` Hz.
        method: what the measure is called.
        caveat: what the measure cannot say.
    """
    step_ms = 1000.0 / fps
    offsets = (np.arange(2 * REACH + 1) - REACH) * step_ms
    related = found.confidence >= RELATED
    weakest = worst(found) if related else ()
    best_ms = float(found.lag * step_ms)
    said = summary(best_ms, step_ms, float(offsets[-1]), found.confidence, weakest)
    return SyncCurve(
        method=method,
        status=Status.OK,
        summary=f"{said} {caveat}",
        track_id=track_id,
        offset_ms=tuple(float(v) for v in offsets),
        agreement=tuple(float(v) for v in found.curve),
        best_offset_ms=best_ms,
        confidence=found.confidence,
        t_s=_rounded(found.t_s),
        coherence=tuple(_rounded(row) for row in found.moments),
        offset_at_ms=tuple(float(v * step_ms) for v in found.lags),
        agreement_at=_rounded(found.agreement),
        worst=weakest,
    )


def _rounded(values: npt.NDArray[np.floating]) -> tuple[float, ...]:
    return tuple(round(float(v), _DIGITS) for v in values)
