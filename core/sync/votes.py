"""What pieces of one person say for and against true lips, window by window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.sync.coherence import FPS, VOTE_S, VOTE_STEP_S, Piece, coherence, margins, over_time

_GAIN = 20.0


def window_logits(pieces: Sequence[Piece]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Middles float64[M] of windows of 3.2 s in which somebody speaks, and raw logits float64[M], the higher the less
    lips and sound fit there at the shift at which they fit best on the whole: a constant shift counts for nothing.
    """
    found = coherence(pieces)
    if found is None:
        return np.zeros(0), np.zeros(0)
    rows = [over_time(p.fits(), p.middles_s, p.heard, FPS, VOTE_S, VOTE_STEP_S) for p in pieces]
    t_s = np.concatenate([t for t, _ in rows])
    order = np.argsort(t_s, kind="stable")
    return t_s[order], -_GAIN * margins(np.concatenate([m for _, m in rows]), found.lag)[order]
