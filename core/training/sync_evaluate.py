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
from core.sync.coherence import SHOWN, VOTES, Coherence, Piece, Steps, spoken_at
from core.sync.correlation import coherence_of
from core.sync.lips import FPS
from core.sync.speech import voiced
from core.sync.together import by_both
from core.sync.votes import window_logits
from core.training import metrics
from core.training.data.talking import MARGIN, SR_HZ, WINDOW_S, Talk
from core.training.intervals import wilson
from core.types import AudioClip

SHIFTS_MS = (-400, -280, -160, -80, 0, 80, 160, 280, 400)
FOREIGN = 3
"""Other people's recordings that each clip is put to."""
_SPOKEN_S = 3.0
_NEAR_MS = 40.0
_WINDOWS = 2

Hear: TypeAlias = Callable[[AudioClip], Coherence | None]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One clip with at least three seconds of speech, and how a measure hears a sound to it, as an analysis does: in
    its first two windows. ``votes`` float64[M] are the raw logits of a sound's stretches; None for a measure that has
    none."""

    talk: Talk
    hear: Hear
    votes: Callable[[AudioClip], npt.NDArray[np.float64]] | None = None


def scenes_by_both(talk: Talk, detector: LipSyncDetector) -> list[Scene]:
    """A clip as the network and the correlation together see it."""
    shown = [
        (p.start_s, detector.embed_mouths(_inner(p.crops))) for p in talk.pieces if p.start_s < _WINDOWS * WINDOW_S
    ]
    motions = talk.motions[:_WINDOWS]

    def parts(audio: AudioClip) -> list[Piece]:
        times, heard = voiced(audio)
        out = []
        for start_s, mouths in shown:
            middles = np.asarray(start_s + (np.arange(len(mouths)) + 0.5) / FPS, np.float64)
            voices = detector.embed_voices(sound_round(audio, start_s, len(mouths)))
            out.append(Piece(start_s, mouths, voices, spoken_at(middles, times, heard)))
        return out

    def hear(audio: AudioClip, steps: Steps = SHOWN) -> Coherence | None:
        return by_both(parts(audio), motions, audio, steps)

    def votes(audio: AudioClip) -> npt.NDArray[np.float64]:
        return window_logits(hear(audio, VOTES))[1]

    spoken = sum(int(part.heard.sum()) for part in parts(talk.audio))
    return [Scene(talk, hear, votes)] if spoken >= _SPOKEN_S * FPS else []


def _inner(crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return crops[:, MARGIN:-MARGIN, MARGIN:-MARGIN]


def scenes_by_motion(talk: Talk) -> list[Scene]:
    """A clip as the measure without a network sees it."""
    times, heard = voiced(talk.audio)
    moving = [mouth for mouth in talk.motions[:_WINDOWS] if mouth.moves]
    spoken = sum(int((spoken_at(m.t_s, times, heard) & np.isfinite(m.motion)).sum()) for m in moving)
    return [Scene(talk, partial(coherence_of, moving))] if spoken >= _SPOKEN_S * FPS else []


def shown_lags(scenes: Sequence[Scene]) -> dict[str, list[float]]:
    """For each clip, by how many ms its sound is found to be late after each constant shift; infinite where nothing is
    found."""
    out: dict[str, list[float]] = {}
    for scene in scenes:
        audio = scene.talk.audio
        heard = [scene.hear(replace(audio, start_s=audio.start_s + ms / 1000)) for ms in SHIFTS_MS]
        out[scene.talk.item.sha256] = [one.lag * 1000 / FPS if one is not None else np.inf for one in heard]
    return out


def shifts_found(shown: Mapping[str, Sequence[float]], own: Mapping[str, float] | None = None) -> dict[str, list[bool]]:
    """For each clip, whether each constant shift was found within one frame.

    Args:
        shown: what :func:`shown_lags` gave.
        own: ms by which the sound of a clip is late as it is; without it, all are taken to be in time, and with it only
            those named are asked.
    """
    late = dict.fromkeys(shown, 0.0) if own is None else own
    return {
        clip: [abs(lag - ms - late[clip]) <= _NEAR_MS + 1e-6 for lag, ms in zip(lags, SHIFTS_MS, strict=True)]
        for clip, lags in shown.items()
        if clip in late
    }


def window_of(talk: Talk, number: int) -> Talk:
    """What is seen of a clip in one window of eight seconds."""
    inside = tuple(p for p in talk.pieces if number * WINDOW_S <= p.start_s < (number + 1) * WINDOW_S)
    return replace(talk, pieces=inside, motions=talk.motions[number : number + 1])


def own_lags(scenes: Sequence[Scene]) -> dict[str, float]:
    """By how many ms the sound of each clip is late as it is, where that is found."""
    found = {scene.talk.item.sha256: scene.hear(scene.talk.audio) for scene in scenes}
    return {clip: one.lag * 1000 / FPS for clip, one in found.items() if one is not None}


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
    """Scores of clips or stretches, the higher the less they fit, by clip: ``score`` float64[N], ``fake`` bool[N],
    ``clip`` and ``person`` str[N]."""

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
    """Each clip with its own sound and with that of others."""
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
    """By how many standard deviations of wrong sound the best shift is better than it."""
    return None if found is None else float((found.curve.max() - found.chance.mean()) / max(found.chance.std(), 1e-9))


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


def share_found(found: Mapping[str, Sequence[bool]], dataset: str, command: str, more: str = "") -> Metric:
    """Share of shifts that were found, named with ``more``; the interval counts clips, not shifts."""
    rates = [float(np.mean(hits)) for hits in found.values()]
    value = float(np.mean(rates))
    low, high = wilson(round(value * len(rates)), len(rates))
    return Metric(
        name=f"shifts of up to 400 ms found within one frame{more}",
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
