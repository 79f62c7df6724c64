"""From vectors of mouths and voices to what is told: at which shift they fit, how surely, and where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from core.types import SyncStretch

Floats: TypeAlias = npt.NDArray[np.floating]

FPS = 25.0
REACH = 15
"""Shifts of up to this many frames are compared: 600 ms."""

MOMENT_S = 1.6
STEP_S = 0.2
_NEAR_S = 0.2
_ENOUGH = 0.4  # share of a moment in which somebody has to speak
_WRONG = 24  # wrong sounds that the agreement is held against
_APART = 2 * REACH + 5  # frames by which sound is moved to be wrong
_WEAK = 0.35  # part of the usual margin below which a moment counts as one that does not fit
_MOST_WORST = 3


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A stretch of one person without a gap. ``mouths`` float[N, W] at 25 Hz from ``start_s`` on, ``voices``
    float[N + 30, W] from 15 frames earlier on, ``heard`` bool[N] where somebody speaks. ``by_distance`` says that near
    vectors fit; else large products do."""

    start_s: float
    mouths: Floats
    voices: Floats
    heard: npt.NDArray[np.bool_]
    by_distance: bool = False

    @property
    def middles_s(self) -> npt.NDArray[np.float64]:
        """When each frame is half-way over, float64[N]."""
        return np.asarray(self.start_s + (np.arange(len(self.mouths)) + 0.5) / FPS, np.float64)

    def fits(self) -> npt.NDArray[np.float64]:
        """How well each mouth fits the sound at shifts of -15 … +15 frames, float64[N, 31]; higher is better, and a
        positive shift means that the sound comes late."""
        rows = np.arange(len(self.mouths))[:, None]
        return np.asarray(self._each_with_each()[rows, rows + np.arange(2 * REACH + 1)])

    def wrong(self) -> npt.NDArray[np.float64]:
        """As the mean of :meth:`fits` where somebody speaks, of sound that certainly does not belong there: the own
        sound moved by more than a second, and run backwards. float64[24, 31]."""
        every, length = self._each_with_each(), len(self.voices)
        rows = np.flatnonzero(self.heard)[:, None]
        columns = rows + np.arange(2 * REACH + 1)
        out = []
        for number in range(_WRONG):
            backwards = number % 2 == 1 or length < 4 * _APART
            room = length if backwards else length - 2 * _APART
            moved = (columns - number * room // _WRONG - (0 if backwards else _APART)) % length
            out.append(every[rows, length - 1 - moved if backwards else moved].mean(axis=0))
        return np.stack(out)

    def _each_with_each(self) -> npt.NDArray[np.float64]:
        """How well each mouth fits each voice, float64[N, N + 30]."""
        mouths, voices = self.mouths.astype(np.float64), self.voices.astype(np.float64)
        product = mouths @ voices.T
        if not self.by_distance:
            return np.asarray(product)
        squares = (mouths**2).sum(axis=1)[:, None] + (voices**2).sum(axis=1)
        return np.asarray(-np.sqrt(np.maximum(squares - 2 * product, 0.0)))


@dataclass(frozen=True, slots=True, eq=False)
class Coherence:
    """What pieces of one person say together.

    ``curve`` float64[31] is the mean agreement while somebody speaks, ``lag`` the best shift in frames (> 0: the sound
    comes late), ``confidence`` in [0, 1] how surely lips and sound fit better there than wrong sound of the same person
    fits at its best shift. Row j of ``moments`` float64[M, 31] is the agreement over a stretch (1.6 s unless another
    length was asked for) round ``t_s[j]``. ``chance`` float64[K, 31] are curves of wrong sound.
    """

    curve: npt.NDArray[np.float64]
    lag: int
    confidence: float
    t_s: npt.NDArray[np.float64]
    moments: npt.NDArray[np.float64]
    chance: npt.NDArray[np.float64]

    @property
    def agreement(self) -> npt.NDArray[np.float64]:
        """How far each moment stands out at the best shift of the whole, one frame either way: above 0 the better."""
        return margins(self.moments, self.lag)

    @property
    def lags(self) -> npt.NDArray[np.int64]:
        """The best shift of each moment in frames."""
        return np.asarray(self.moments.argmax(axis=1) - REACH, dtype=np.int64)


def margins(moments: Floats, lag: int) -> npt.NDArray[np.float64]:
    """Agreement at a shift, one frame either way, above the median over all shifts; float64[M] of float[M, 31]."""
    low, high = max(0, REACH + lag - 1), REACH + lag + 2
    return np.asarray(moments[:, low:high].max(axis=1) - np.median(moments, axis=1), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Steps:
    """Stretches that moments are taken over: ``length_s`` long, one every ``step_s`` seconds."""

    length_s: float = MOMENT_S
    step_s: float = STEP_S


SHOWN = Steps()
VOTES = Steps(3.2, 1.6)


def coherence(pieces: Sequence[Piece], steps: Steps = SHOWN) -> Coherence | None:
    """Put pieces together; None where nobody is heard for long enough in any of them."""
    spoken = [p for p in pieces if p.heard.sum() >= _ENOUGH * MOMENT_S * FPS]
    if not spoken:
        return None
    weight = np.array([p.heard.sum() for p in spoken], np.float64)
    weight /= weight.sum()
    every = [p.fits() for p in spoken]
    curve = sum(w * f[p.heard].mean(axis=0) for w, f, p in zip(weight, every, spoken, strict=True))
    chance = sum(w * p.wrong() for w, p in zip(weight, spoken, strict=True))
    rows = [over_time(f, p.middles_s, p.heard, FPS, steps) for f, p in zip(every, spoken, strict=True)]
    t_s, moments = in_order(rows)
    return Coherence(
        np.asarray(curve), best_lag(curve), surely(curve, np.asarray(chance)), t_s, moments, np.asarray(chance)
    )


def best_lag(curve: Floats) -> int:
    """The shift, in frames, at which a curve float64[31] is highest."""
    return int(np.argmax(curve)) - REACH


def surely(curve: Floats, chance: Floats) -> float:
    """How surely the best of a curve float64[31] is better than those of wrong sound float64[K, 31]."""
    best = np.asarray(chance, np.float64).max(axis=1)
    return float(ndtr((float(np.max(curve)) - best.mean()) / max(float(best.std(ddof=1)), 1e-9)))


def in_order(
    rows: Sequence[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Times and moments of several pieces as one, by time."""
    t_s, moments = np.concatenate([t for t, _ in rows]), np.concatenate([m for _, m in rows])
    order = np.argsort(t_s, kind="stable")
    return t_s[order], moments[order]


def over_time(
    fits: npt.NDArray[np.float64],
    middles_s: npt.NDArray[np.float64],
    heard: npt.NDArray[np.bool_],
    fps: float = FPS,
    steps: Steps = SHOWN,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Middles float64[M] of windows in which somebody speaks enough, and their mean agreement float64[M, 31].

    Args:
        fits: float64[N, 31], frame by frame.
        middles_s: when the frames are half-way over, float64[N].
        heard: bool[N], where somebody speaks.
    """
    width, step = round(steps.length_s * fps), max(1, round(steps.step_s * fps))
    middles, rows = [], []
    for first in range(0, max(1, len(fits) - width + 1), step):
        part = slice(first, first + width)
        if heard[part].sum() >= _ENOUGH * width:
            middles.append(float(middles_s[part].mean()))
            rows.append(fits[part][heard[part]].mean(axis=0))
    return np.asarray(middles, np.float64), np.asarray(rows, np.float64).reshape(-1, 2 * REACH + 1)


def spoken_at(
    middles_s: npt.NDArray[np.float64], times_s: npt.NDArray[np.float64], heard: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Whether speech is heard within a fifth of a second of each moment, bool[N].

    Args:
        middles_s: float64[N].
        times_s: evenly spaced, float64[T], with ``heard`` bool[T].
    """
    total = np.append(0, np.cumsum(heard))
    first, last = (np.searchsorted(times_s, middles_s + d) for d in (-_NEAR_S, _NEAR_S))
    return np.asarray(total[last] > total[first], dtype=np.bool_)


def worst(found: Coherence) -> tuple[SyncStretch, ...]:
    """At most three stretches in which lips and sound fit least, the worst first; none where all moments fit alike."""
    margin = found.agreement
    weak = margin < _WEAK * float(np.median(margin)) if len(margin) else np.zeros(0, bool)
    runs: list[list[int]] = []
    for place in np.flatnonzero(weak).tolist():
        if runs and place == runs[-1][-1] + 1 and found.t_s[place] - found.t_s[runs[-1][-1]] < 3 * STEP_S:
            runs[-1].append(place)
        else:
            runs.append([place])
    half = MOMENT_S / 2
    stretches = [
        SyncStretch(
            round(max(0.0, float(found.t_s[run[0]]) - half), 2),
            round(float(found.t_s[run[-1]]) + half, 2),
            round(float(margin[run].mean()), 3),
        )
        for run in runs
    ]
    return tuple(sorted(stretches, key=lambda s: s.agreement)[:_MOST_WORST])
