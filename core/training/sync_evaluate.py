"""How well shifts are found, and foreign sound and new lips told from true ones: by the network and without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from core.detectors.lip_sync import LipSyncDetector
from core.registry import Metric
from core.stages.watching import sound_round
from core.sync.coherence import Coherence, Piece, coherence, spoken_at
from core.sync.correlation import coherence_of
from core.sync.lips import FPS
from core.sync.speech import voiced
from core.sync.votes import window_logits
from core.training import metrics
from core.training.data.talking import MARGIN, SR_HZ, Talk
from core.training.intervals import wilson
from core.types import AudioClip

SHIFTS_MS = (-400, -280, -160, -80, 0, 80, 160, 280, 400)
FOREIGN = 3
"""Other people's recordings that each clip is put to."""
_SPOKEN_S = 3.0
_NEAR_MS = 40.0

Hear: TypeAlias = Callable[[AudioClip], Coherence | None]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A stretch of one clip with at least three seconds of speech, and how a measure hears a sound to it. ``votes``
    float64[M] are the raw logits of a sound's windows; None for a measure that has none."""

    talk: Talk
    hear: Hear
    votes: Callable[[AudioClip], npt.NDArray[np.float64]] | None = None


def scenes_by_network(talk: Talk, detector: LipSyncDetector) -> list[Scene]:
    """The pieces of a clip as the network sees them."""
    out = []
    for piece in talk.pieces:
        mouths = detector.embed_mouths(piece.crops[:, MARGIN:-MARGIN, MARGIN:-MARGIN])

        def part(audio: AudioClip, start_s: float = piece.start_s, mouths: npt.NDArray[np.float32] = mouths) -> Piece:
            times, heard = voiced(audio)
            middles = np.asarray(start_s + (np.arange(len(mouths)) + 0.5) / FPS, np.float64)
            voices = detector.embed_voices(sound_round(audio, start_s, len(mouths)))
            return Piece(start_s, mouths, voices, spoken_at(middles, times, heard))

        if part(talk.audio).heard.sum() >= _SPOKEN_S * FPS:
            out.append(Scene(talk, partial(_heard, part), partial(_logits, part)))
    return out


def _heard(part: Callable[[AudioClip], Piece], audio: AudioClip) -> Coherence | None:
    return coherence([part(audio)])


def _logits(part: Callable[[AudioClip], Piece], audio: AudioClip) -> npt.NDArray[np.float64]:
    return window_logits([part(audio)])[1]


def scenes_by_motion(talk: Talk) -> list[Scene]:
    """The windows of a clip as the measure without a network sees them."""
    times, heard = voiced(talk.audio)
    out = []
    for mouth in talk.motions:
        spoken = spoken_at(mouth.t_s, times, heard) & np.isfinite(mouth.motion)
        if spoken.sum() >= _SPOKEN_S * FPS and mouth.moves:
            out.append(Scene(talk, partial(coherence_of, [mouth])))
    return out


def shifts_found(scenes: Sequence[Scene]) -> dict[str, list[bool]]:
    """For each clip, whether each constant shift was found within one frame."""
    out: dict[str, list[bool]] = {}
    for scene in scenes:
        for shift_ms in SHIFTS_MS:
            audio = scene.talk.audio
            found = scene.hear(replace(audio, start_s=audio.start_s + shift_ms / 1000))
            lag_ms = found.lag * 1000 / FPS if found is not None else np.inf
            near = abs(lag_ms - shift_ms) <= _NEAR_MS + 1e-6
            out.setdefault(scene.talk.item.sha256, []).append(bool(near))
    return out


def foreign_sounds(talks: Sequence[Talk], seed: int = 0) -> dict[str, list[AudioClip]]:
    """For each clip the sound of other people, on its own clock and as long as it."""
    rng = np.random.default_rng(seed)
    out: dict[str, list[AudioClip]] = {}
    for talk in talks:
        others = [t for t in talks if t.item.identity != talk.item.identity and len(t.audio.pcm) > 2 * SR_HZ]
        chosen = rng.choice(len(others), min(FOREIGN, len(others)), replace=False).tolist() if others else []
        length = len(talk.audio.pcm)
        out[talk.item.sha256] = [
            AudioClip(np.resize(others[i].audio.pcm, length), SR_HZ, talk.audio.start_s) for i in chosen
        ]
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Scores of stretches, the higher the less they fit, by clip: ``score`` float64[N], ``fake`` bool[N], ``clip`` and
    ``person`` str[N]."""

    score: npt.NDArray[np.float64]
    fake: npt.NDArray[np.bool_]
    clip: npt.NDArray[np.str_]
    person: npt.NDArray[np.str_]


def told(rows: Sequence[tuple[float, bool, Talk]]) -> Told:
    """Rows of (score, fake, clip) as arrays."""
    return Told(
        np.array([r[0] for r in rows], np.float64),
        np.array([r[1] for r in rows], bool),
        np.array([r[2].item.sha256 for r in rows]),
        np.array([r[2].item.identity for r in rows]),
    )


def against_foreign(scenes: Sequence[Scene], foreign: Mapping[str, Sequence[AudioClip]]) -> Told:
    """Each stretch with its own sound and with that of others."""
    rows = []
    for scene in scenes:
        for fake, audio in ((False, scene.talk.audio), *((True, a) for a in foreign[scene.talk.item.sha256])):
            score = stands_out(scene.hear(audio))
            if score is not None:
                rows.append((-score, fake, scene.talk))
    return told(rows)


def against_new_lips(real: Sequence[Scene], forged: Sequence[Scene]) -> Told:
    """True clips and forged ones, each with its own sound."""
    rows = []
    for fake, scenes in ((False, real), (True, forged)):
        for scene in scenes:
            score = stands_out(scene.hear(scene.talk.audio))
            if score is not None:
                rows.append((-score, fake, scene.talk))
    return told(rows)


def stands_out(found: Coherence | None) -> float | None:
    """How far the best shift stands out of all."""
    return None if found is None else float(found.curve.max() - np.median(found.curve))


def vote_rows(
    scenes: Sequence[Scene], foreign: Mapping[str, Sequence[AudioClip]]
) -> Iterator[tuple[float, bool, Talk]]:
    """Raw logits of windows of true sound and of foreign sound."""
    for scene in scenes:
        if scene.votes is None:
            continue
        for fake, audio in ((False, scene.talk.audio), *((True, a) for a in foreign[scene.talk.item.sha256])):
            for logit in scene.votes(audio).tolist():
                yield logit, fake, scene.talk


def share_found(found: Mapping[str, Sequence[bool]], dataset: str, command: str) -> Metric:
    """Share of shifts that were found; the interval counts clips, not shifts."""
    rates = [float(np.mean(hits)) for hits in found.values()]
    value = float(np.mean(rates))
    low, high = wilson(round(value * len(rates)), len(rates))
    return Metric(
        name="shifts of up to 400 ms found within one frame",
        value=round(value, 4),
        low=round(low, 4),
        high=round(high, 4),
        n=len(rates),
        dataset=dataset,
        command=command,
    )


def area(known: Told, name: str, dataset: str, command: str) -> Metric:
    """AUC; whole people are drawn for its interval."""
    found = metrics.bootstrap(metrics.auc, known.fake, known.score, known.person.tolist())
    return Metric(
        name=name,
        value=round(found.value, 4),
        low=round(found.low, 4),
        high=round(found.high, 4),
        n=len(known.fake),
        dataset=dataset,
        command=command,
    )
