"""What the members of a preset say about media, asked the way users ask them."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import WorkbenchError
from core.fusion.fits import Asked
from core.fusion.votes import Vote, votes_of
from core.pipeline import analyse
from core.registry import Ensemble
from core.settings import build_settings
from core.training.fusion_media import Medium
from core.types import Analysis, Status

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    """The votes about one medium; about a clip or picture those on the person who is seen most."""

    medium: Medium
    votes: tuple[Vote, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """Media with at least one vote, what the members were, and how many media nobody could judge."""

    rows: tuple[Answered, ...]
    asked: dict[str, Asked]
    unanswered: int

    @property
    def sha256(self) -> str:
        def said(vote: Vote) -> list[object]:
            return [vote.detector, round(vote.p, 5), [round(p, 4) for p in vote.frames]]

        facts = [[r.medium.file, r.medium.fake, [said(v) for v in r.votes]] for r in self.rows]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def ask_all(preset: Ensemble, media: Sequence[Medium], folder: Path, work: Path) -> Answers:
    """Ask every member about every medium. Answers are kept in ``work``, so that a run that was stopped goes on.

    The gate is not allowed to stop early, nothing is looked at in the mirror, and networks are run by torch, so that
    the answers are the same on every machine.
    """
    settings = build_settings(
        preset=preset.id,
        data_dir=work,
        uncertainty={"mirrored": 0, "scales": 0, "dropout": 0, "early_exit": False},
        cache={"enabled": True},
        runtime={"backend": "torch"},
    )
    rows: list[Answered] = []
    asked: dict[str, Asked] = {}
    for number, medium in enumerate(media, 1):
        try:
            analysis = analyse(folder / medium.file, settings)
        except WorkbenchError as error:
            log.warning("%s: %s", medium.file, error)
            continue
        if votes := main_votes(analysis):
            rows.append(Answered(medium, votes))
        for score in analysis.scores:
            if score.status is Status.OK:
                asked[score.detector] = Asked(weights_sha256=score.weights_sha256, calibration=score.calibration)
        if number % 100 == 0:
            log.info("%s: %d of %d media", preset.id, number, len(media))
    return Answers(tuple(rows), asked, len(media) - len(rows))


def main_votes(analysis: Analysis) -> tuple[Vote, ...]:
    """The votes about the person seen most, and about the file as a whole."""
    person = max(analysis.tracks, key=lambda t: len(t.t_s), default=None)
    ids = (person.id if person else None, None)
    scores = [s for s in analysis.scores if s.track_id in ids]
    return tuple(votes_of(scores, [t for t in analysis.timelines if t.track_id in ids]))
