"""What the members say about one person or medium, as fusion reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.registry import Feature
from core.types import Modality, Score, Status, Timeline

# What of a file a member judges: its picture, its sound, or how these go together.
Part = Literal["seen", "heard", "together"]
_PARTS: dict[Modality, Part] = {
    Modality.IMAGE: "seen",
    Modality.CLIP: "seen",
    Modality.AUDIO: "heard",
    Modality.AUDIO_VISUAL: "together",
}

_EDGE = 1e-4  # P(fake) is kept this far from 0 and 1, so that no single member is beyond all doubt


@dataclass(frozen=True, slots=True)
class Vote:
    """The answer of one member.

    ``p`` is P(fake) in [0, 1]; ``frames`` are those behind it where the member has a curve, else empty; ``n`` counts
    them. ``spread`` is by how much P(fake) differs between looks at the same pictures, None where there was one.
    """

    detector: str
    p: float
    modality: Modality = Modality.IMAGE
    n: int = 1
    frames: tuple[float, ...] = ()
    whole: bool = False
    spread: float | None = None

    @property
    def part(self) -> Part:
        return _PARTS[self.modality]

    @property
    def log_odds(self) -> float:
        """logit(P(fake)), within about ±9.2."""
        p = min(max(self.p, _EDGE), 1.0 - _EDGE)
        return float(np.log(p / (1.0 - p)))

    def value(self, feature: Feature) -> float:
        """What ``feature`` asks of this member."""
        frames = self.frames or (self.p,)
        match feature.take:
            case "log_odds":
                return self.log_odds
            case "max":
                return max(frames)
            case "p90":
                return float(np.quantile(frames, 0.9))
            case "mean":
                return float(np.mean(frames))
            case "count":
                return float(self.n * feature.times)
        return self.p

    def moved(self, by: float) -> Vote:
        """The same vote with every P(fake) moved, within [0, 1]."""
        frames = tuple(min(1.0, max(0.0, f + by)) for f in self.frames)
        return Vote(self.detector, min(1.0, max(0.0, self.p + by)), self.modality, self.n, frames, self.whole)


def votes_of(scores: Sequence[Score], timelines: Sequence[Timeline]) -> list[Vote]:
    """One vote for every score with status ok, in the order of ``scores``; nothing else votes.

    Args:
        scores: about one person, and about the whole medium.
        timelines: the curves of the same.
    """
    lines = {(line.detector, line.track_id): line.p_fake for line in timelines}

    def vote(score: Score, p: float) -> Vote:
        frames = lines.get((score.detector, score.track_id), ())
        return Vote(score.detector, p, score.modality, score.n, frames, score.track_id is None, score.spread)

    return [vote(s, s.p_fake) for s in scores if s.status is Status.OK and s.p_fake is not None]
