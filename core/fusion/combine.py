"""Fuse the members' scores for each person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import ConfigError
from core.fusion.doubts import doubts, thin_voice
from core.fusion.fits import FOLDER, FusionFit, changed_members, read_fit
from core.fusion.rules import Rule, fitted_rule, plain_rule
from core.fusion.spread import interval
from core.fusion.votes import Vote, votes_of
from core.registry import Ensemble
from core.types import Contribution, FaceTrack, MediaKind, PersonResult, Score, Status, Timeline

NOT_FITTED = "the fusion of this preset is not fitted yet: the figure is the weighted mean of those who answered"
CHANGED = (
    "the fusion of this preset was fitted before {members} changed: the figure is the weighted mean of those who "
    "answered"
)


@dataclass(frozen=True, slots=True)
class EvidenceRule:
    """How many scored frames a person needs to drive a verdict: ``min_frames``, or all of a shorter clip. ``speech_s``
    are the seconds of speech, None where there is no sound: of few, nobody is called fake by the voice alone."""

    min_frames: int
    sampled: int
    speech_s: float | None = None

    @property
    def needed(self) -> int:
        return min(self.min_frames, self.sampled)


def fuse_person(
    track_id: int | None,
    scores: Sequence[Score],
    timelines: Sequence[Timeline],
    preset: Ensemble,
    rule: EvidenceRule,
    *,
    track: FaceTrack | None = None,
    fit: FusionFit | None = None,
    unfitted: str = NOT_FITTED,
) -> PersonResult:
    """Fuse what the members say about one person (scores of that track and of the whole medium).

    Only scores with status ok vote; fewer than ``preset.min_members`` of them leave the person without a figure. A
    preset that needs a fit and has none (``fit`` None) is fused by its weighted mean, and says so with ``unfitted``;
    members that ``fit`` leaves out do not vote.
    """
    mine = [s for s in scores if s.track_id in (track_id, None)]
    votes = _voters(votes_of(mine, [t for t in timelines if t.track_id in (track_id, None)]), fit)
    if len(votes) < preset.min_members:
        return PersonResult(track_id, None, False, _too_few(votes, scores, preset, fit))
    how = plain_rule(preset) if fit is None else fitted_rule(preset, fit)
    frames = max((v.n for v in votes if not v.whole), default=rule.needed)
    enough = frames >= rule.needed
    return PersonResult(
        track_id,
        p_fake=how.p(votes),
        enough=enough,
        reason="" if enough else f"only {frames} usable of {rule.needed} frames needed",
        contributions=_contributions(votes, how, preset.min_members),
        interval=interval(votes, how.p),
        doubts=(*doubts(votes, track), *thin_voice(votes, rule.speech_s)),
        calibration=None if fit is None else fit.name,
        fusion=_how(preset, fit, mine, unfitted),
    )


def fuse(
    scores: Sequence[Score],
    tracks: Sequence[FaceTrack],
    timelines: Sequence[Timeline],
    preset: Ensemble,
    rule: EvidenceRule,
) -> tuple[PersonResult, ...]:
    """One result a person, and one for the medium as a whole where no person was found but something else voted.

    Where the preset's fit is damaged, nobody gets a figure and everybody the reason. Where a member has changed since,
    say by fine-tuning, the fit is not used and the result says so.
    """
    people: list[FaceTrack | None] = list(tracks) or [None]
    try:
        fit = read_fit(preset, FOLDER)
    except ConfigError as error:
        return tuple(PersonResult(t.id if t else None, None, False, str(error)) for t in people)
    unfitted = NOT_FITTED
    if fit is not None and (changed := changed_members(fit, scores)):
        fit, unfitted = None, CHANGED.format(members=", ".join(changed))
    return tuple(
        fuse_person(t.id if t else None, scores, timelines, preset, rule, track=t, fit=fit, unfitted=unfitted)
        for t in people
    )


def evidence_rule(kind: MediaKind, min_frames: int, sampled: int, *, speech_s: float | None = None) -> EvidenceRule:
    """A picture needs one usable face, a clip ``min_frames`` frames of one person."""
    return EvidenceRule(1 if kind is MediaKind.IMAGE else min_frames, max(1, sampled), speech_s)


def _how(preset: Ensemble, fit: FusionFit | None, scores: Sequence[Score], unfitted: str) -> str:
    """What needs saying about how the figure came about."""
    if fit is None:
        return unfitted if preset.fusion != "weighted_mean" else ""
    idle = [s for s in scores if s.status is Status.OK and s.detector in fit.left_out]
    return "; ".join(f"{s.title} has no part in the fusion: {fit.left_out[s.detector]}" for s in idle)


def _voters(votes: Sequence[Vote], fit: FusionFit | None) -> list[Vote]:
    first: dict[str, Vote] = {}
    for vote in votes:
        if fit is None or vote.detector in fit.detectors:
            first.setdefault(vote.detector, vote)
    return list(first.values())


def _too_few(votes: Sequence[Vote], scores: Sequence[Score], preset: Ensemble, fit: FusionFit | None) -> str:
    left_out = dict(fit.left_out) if fit else {}
    named = (f"{s.title} has no part in the fusion: {left_out[s.detector]}" for s in scores if s.detector in left_out)
    reason = next((s.reason for s in scores if s.reason), next(named, "no detector could answer"))
    if not votes:
        return reason
    return f"only {len(votes)} of the {preset.min_members} detectors needed could answer: {reason}"


def _contributions(votes: Sequence[Vote], how: Rule, least: int) -> tuple[Contribution, ...]:
    fused = how.p(votes)

    def delta(vote: Vote) -> float | None:
        rest = [v for v in votes if v is not vote]
        return fused - how.p(rest) if rest and len(rest) >= least else None

    shares = zip(votes, how.shares(votes), strict=True)
    return tuple(Contribution(v.detector, share, v.p, delta(v)) for v, share in shares)
