"""Two measures of one person as one: each is told in its own spread of chance, and both count the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.sync.coherence import SHOWN, Coherence, Floats, Piece, Steps, best_lag, coherence, surely
from core.sync.correlation import coherence_of
from core.sync.mouth import MouthMotion
from core.types import AudioClip

_MAD = 1.4826  # median absolute deviation to standard deviation of a normal distribution


def by_both(
    pieces: Sequence[Piece], mouths: Sequence[MouthMotion], audio: AudioClip, steps: Steps = SHOWN
) -> Coherence | None:
    """What a network and the plain correlation say of one person together, in standard deviations of chance (Stouffer's
    method, 1949, with equal weights); the network alone where the mouth shows too little motion.

    Returns:
        None where nobody is heard for long enough.
    """
    network = coherence(pieces, steps)
    if network is None:
        return None
    moving = [mouth for mouth in mouths if mouth.moves]
    motion = coherence_of(moving, audio, steps) if moving else None
    first = _standard(network)
    return first if motion is None else _mean(first, _standard(motion), steps.step_s)


def _standard(found: Coherence) -> Coherence:
    """``found`` in standard deviations of wrong sound; its moments in those of what they say at all shifts."""
    middle, spread = float(found.chance.mean()), max(float(found.chance.std()), 1e-9)
    levelled = found.moments - np.median(found.moments, axis=1, keepdims=True)
    usual = max(_MAD * float(np.median(np.abs(levelled))), 1e-9) if levelled.size else 1.0
    curve, chance = (found.curve - middle) / spread, (found.chance - middle) / spread
    return Coherence(curve, found.lag, found.confidence, found.t_s, levelled / usual, chance)


def _mean(network: Coherence, motion: Coherence, near_s: float) -> Coherence:
    """Half of each; moments of which none of ``motion`` is ``near_s`` seconds near stay the network's own."""
    curve = (network.curve + motion.curve) / 2
    count = min(len(network.chance), len(motion.chance))
    chance = (network.chance[:count] + motion.chance[:count]) / 2
    moments = (network.moments + _at(network.t_s, motion, network.moments, near_s)) / 2
    return Coherence(curve, best_lag(curve), surely(curve, chance), network.t_s, moments, chance)


def _at(t_s: Floats, found: Coherence, otherwise: npt.NDArray[np.float64], near_s: float) -> npt.NDArray[np.float64]:
    """The moments of ``found`` nearest to times float64[M], or those of ``otherwise`` float64[M, 31] where none is
    near."""
    if not len(found.t_s) or not len(t_s):
        return otherwise
    nearest = np.abs(np.asarray(t_s)[:, None] - found.t_s).argmin(axis=1)
    near = np.abs(found.t_s[nearest] - t_s) <= near_s
    return np.where(near[:, None], found.moments[nearest], otherwise)
