"""Talking faces with their sound: mouths cut as an analysis cuts them, kept on disk."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import NotFoundError, WorkbenchError
from core.media.audio import read_audio
from core.media.guard import identify
from core.media.probe import probe
from core.media.video import read_frames, read_window
from core.registry import ensemble
from core.runtime.pool import shared_pool
from core.settings import Sampling, Settings
from core.stages.context import Context
from core.stages.finding import find_people
from core.sync.lips import FPS, MOUTH, Lips, cut_lips
from core.sync.mouth import MouthMotion, mouth_motion
from core.training.data.manifest import Item
from core.types import PCM, AudioClip, Frame

log = logging.getLogger(__name__)

MARGIN = 8
SR_HZ = 16_000
LONGEST_S = 32.0
"""So much of a file is read, from its start."""
WINDOW_S = 8.0
_LOOKS_A_SECOND = 2.0
_SHORTEST = 25


@dataclass(frozen=True, slots=True, eq=False)
class Talk:
    """One person who talks: pieces of mouths uint8[N, 80, 80] at 25 Hz, how the mouth moves in each window, and the
    sound of the whole file."""

    item: Item
    pieces: tuple[Lips, ...]
    motions: tuple[MouthMotion, ...]
    audio: AudioClip

    def heard(self, start_s: float, frames: int) -> PCM:
        """Sound float32[frames * 640] from ``start_s`` seconds on; silence where nothing was recorded."""
        first = round((start_s - self.audio.start_s) * SR_HZ)
        count = frames * SR_HZ // 25
        out = np.zeros(count, np.float32)
        low, high = max(0, first), min(len(self.audio.pcm), first + count)
        if high > low:
            out[low - first : high - first] = self.audio.pcm[low:high]
        return out


def build(root: Path, items: Sequence[Item], store: Path, settings: Settings) -> list[Talk]:
    """Cut the person seen most in each clip of ``items``; files already in ``store`` are not read again.

    Clips without sound or without a face that is followed for a second are left out.

    Raises:
        NotFoundError: nothing is left.
    """
    context = Context(settings, ensemble(settings.preset), shared_pool(settings.runtime))
    talks: list[Talk] = []
    for number, item in enumerate(items, 1):
        path = store / item.sha256[:2] / f"{item.sha256}-talk.npz"
        if not path.is_file():
            _write(path, *_cut(root / item.path, context))
        talk = _read(path, item)
        if talk.pieces:
            talks.append(talk)
        if number % 10 == 0:
            log.info("talking clips: %d of %d files", number, len(items))
    if not talks:
        raise NotFoundError("No clip shows a face with sound.", hint="Check the data folder.")
    return talks


def _cut(path: Path, context: Context) -> tuple[list[Lips], list[MouthMotion], AudioClip]:
    nothing = AudioClip(np.zeros(0, np.float32), SR_HZ)
    try:
        limits = context.settings.limits
        ref = identify(path, limits)
        info = probe(ref, limits)
        if not info.has_audio:
            return [], [], nothing
        audio, _ = read_audio(ref, info, limits)
        if audio is None:
            return [], [], nothing
        length = min(info.duration_s or LONGEST_S, LONGEST_S)
        sampling = Sampling(strategy="uniform", frames=round(max(8, _LOOKS_A_SECOND * (info.duration_s or length))))
        people, _ = find_people(read_frames(ref, info, sampling, limits=limits)[0], context)
        if not people:
            return [], [], nothing
        person = max(people, key=lambda t: len(t.t_s))
        pieces, motions = list[Lips](), list[MouthMotion]()
        for start_s in np.arange(0.0, length, WINDOW_S).tolist():
            frames = read_window(ref, info, start_s, min(start_s + WINDOW_S, length), limits=limits)
            motions.append(mouth_motion(frames, person))
            pieces += _mouths(frames, motions[-1])
        return pieces, motions, audio
    except WorkbenchError as exc:
        log.warning("%s: %s", path.name, exc)
        return [], [], nothing


def _mouths(frames: Sequence[Frame], mouth: MouthMotion) -> list[Lips]:
    pieces = cut_lips(frames, mouth, MOUTH.with_margin(MARGIN))
    return [piece for piece in pieces if len(piece.crops) >= _SHORTEST]


def _write(path: Path, pieces: Sequence[Lips], motions: Sequence[MouthMotion], audio: AudioClip) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    facts = {"starts_s": [p.start_s for p in pieces], "audio_s": audio.start_s, "motions": len(motions)}
    arrays = {f"p{i}": piece.crops for i, piece in enumerate(pieces)}
    arrays |= {f"m{i}": np.stack([m.t_s, m.motion, m.opening]) for i, m in enumerate(motions)}
    blob = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    np.savez(part, facts=blob, pcm=audio.pcm, **arrays)  # type: ignore[arg-type]
    part.replace(path)


def _read(path: Path, item: Item) -> Talk:
    with np.load(path, allow_pickle=False) as file:
        facts = json.loads(file["facts"].tobytes())
        pieces = tuple(Lips(file[f"p{i}"], start) for i, start in enumerate(facts["starts_s"]))
        rows = [file[f"m{i}"] for i in range(facts["motions"])]
        motions = tuple(MouthMotion(t_s, motion, opening, FPS) for t_s, motion, opening in rows)
        return Talk(item, pieces, motions, AudioClip(file["pcm"], SR_HZ, facts["audio_s"]))
