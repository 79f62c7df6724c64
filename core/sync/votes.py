"""What is found of one person for and against true lips, window by window."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.sync.coherence import Coherence, margins


def window_logits(found: Coherence | None) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Middles float64[M] of the stretches of ``found`` (see :data:`core.sync.coherence.VOTES`) and raw logits
    float64[M], the higher the less lips and sound fit there at the shift at which they fit best on the whole: a
    constant shift counts for nothing.
    """
    if found is None:
        return np.zeros(0), np.zeros(0)
    return found.t_s, -margins(found.moments, found.lag)
