"""Fuse the members' scores for each person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.registry import Ensemble
from core.types import Contribution, FaceTrack, MediaKind, PersonResult, Score, Status, Timeline

BOOTSTRAP_ROUNDS = 500


@dataclass(frozen=True, slots=True)
class EvidenceRule:
    """How many scored frames a person needs to drive a verdict: ``min_frames``, or all of a shorter clip."""

    min_frames: int
    sampled: int

    @property
    def needed(self) -> int:
        return min(self.min_frames, self.sampled)


def weighted_mean(scores: Sequence[Score], weights: dict[str, float]) -> float:
    """Mean P(fake) of ok scores under the preset's weights."""
    return float(np.average([s.p_fake for s in scores], weights=[weights[s.detector] for s in scores]))


def fuse_person(
    track_id: int | None,
    scores: Sequence[Score],
    timelines: Sequence[Timeline],
    preset: Ensemble,
    rule: EvidenceRule,
) -> PersonResult:
    """Fuse what the members say about one person (scores of that track and of the whole medium).

    Only scores with status ok vote; fewer than ``preset.min_members`` of them leave the person without a figure.
    """
    weights = {m.detector: m.weight for m in preset.members}
    votes = [s for s in scores if s.status is Status.OK and s.track_id in (track_id, None)]
    if len(votes) < preset.min_members:
        reason = next((s.reason for s in scores if s.reason), "no detector could answer")
        if votes:
            reason = f"only {len(votes)} of the {preset.min_members} detectors needed could answer: {reason}"
        return PersonResult(track_id, None, False, reason)
    frames = max((s.n for s in votes if s.track_id is not None), default=rule.needed)
    enough = frames >= rule.needed
    return PersonResult(
        track_id,
        p_fake=weighted_mean(votes, weights),
        enough=enough,
        reason="" if enough else f"only {frames} usable of {rule.needed} frames needed",
        contributions=_contributions(votes, weights, preset.min_members),
        interval=_interval(votes, timelines, weights),
    )


def fuse(
    scores: Sequence[Score],
    tracks: Sequence[FaceTrack],
    timelines: Sequence[Timeline],
    preset: Ensemble,
    rule: EvidenceRule,
) -> tuple[PersonResult, ...]:
    """One result a person, and one for the medium as a whole where no person was found but something else voted."""
    ids: list[int | None] = [t.id for t in tracks] or [None]
    return tuple(
        fuse_person(
            i,
            [s for s in scores if s.track_id in (i, None)],
            [t for t in timelines if t.track_id in (i, None)],
            preset,
            rule,
        )
        for i in ids
    )


def evidence_rule(kind: MediaKind, min_frames: int, sampled: int) -> EvidenceRule:
    """A picture needs one usable face, a clip ``min_frames`` frames of one person."""
    return EvidenceRule(1 if kind is MediaKind.IMAGE else min_frames, max(1, sampled))


def _contributions(votes: Sequence[Score], weights: dict[str, float], least: int) -> tuple[Contribution, ...]:
    total = sum(weights[s.detector] for s in votes)
    fused = weighted_mean(votes, weights)

    def delta(score: Score) -> float | None:
        rest = [s for s in votes if s is not score]
        return fused - weighted_mean(rest, weights) if rest and len(rest) >= least else None

    return tuple(Contribution(s.detector, weights[s.detector] / total, s.p_fake or 0.0, delta(s)) for s in votes)


def _interval(
    votes: Sequence[Score], timelines: Sequence[Timeline], weights: dict[str, float]
) -> tuple[float, float] | None:
    """95 % bootstrap interval of the fused mean over frames; None with fewer than five frames.

    It tells how much the answer depends on which frames were looked at, not how often the detectors are wrong.
    """
    voting = {s.detector for s in votes}
    rows = {t.detector: np.asarray(t.p_fake) for t in timelines if t.detector in voting and len(t.p_fake) >= 5}
    if len(rows) < len(votes):
        return None
    rng = np.random.default_rng(0)
    means = [np.mean(row[rng.integers(0, len(row), (BOOTSTRAP_ROUNDS, len(row)))], axis=1) for row in rows.values()]
    fused = np.average(means, axis=0, weights=[weights[name] for name in rows])
    low, high = np.percentile(fused, [2.5, 97.5])
    return float(low), float(high)
