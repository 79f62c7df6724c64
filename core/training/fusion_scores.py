"""What the members of a preset say about media, asked the way users ask them."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import WorkbenchError
from core.fusion.fits import Asked
from core.fusion.votes import Vote, votes_of
from core.pipeline import analyse
from core.registry import Ensemble
from core.settings import build_settings
from core.training.fusion_media import Medium
from core.types import Analysis, Modality, Status

log = logging.getLogger(__name__)

WITH_SOUND = "with sound"


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


def with_sound(rows: Sequence[Answered], rng: np.random.Generator) -> list[Answered]:
    """What was said about pictures and clips, and about voices, as about files with both: real with real; fake with
    real, fake with fake and real with fake in turn. A file is fake where a part of it is, and shows who is seen."""
    seen = {fake: [r for r in rows if r.medium.kind != "voice" and r.medium.fake is fake] for fake in (False, True)}
    heard = {fake: [r for r in rows if r.medium.kind == "voice" and r.medium.fake is fake] for fake in (False, True)}
    if not all((*seen.values(), *heard.values())):
        return []

    def join(picture: Answered, fake_sound: bool) -> Answered:
        sound = heard[fake_sound][int(rng.integers(len(heard[fake_sound])))]
        one, two = picture.medium, sound.medium
        method = " + ".join((one.method, two.method))
        both = Medium(f"{one.file} + {two.file}", WITH_SOUND, one.fake or two.fake, method, one.person)
        looked = [v for v in picture.votes if v.modality is not Modality.AUDIO]
        return Answered(both, (*looked, *sound.votes))

    joined = [join(picture, False) for picture in seen[False]]
    for number, picture in enumerate(seen[True]):
        real = seen[False][int(rng.integers(len(seen[False])))]
        joined.append(join(real, True) if number % 3 == 2 else join(picture, number % 3 == 1))
    return joined


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
