"""Voices on disk: real speech without the silence round it, fakes made of it by copy-synthesis, and recorded fakes."""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.audio.activity import VoiceActivity
from core.errors import NotFoundError
from core.training.data.crops import CropRow
from core.training.data.manifest import Item
from core.training.fakes.speech import SR_HZ, speech_fake
from core.types import PCM

log = logging.getLogger(__name__)

SHORTEST_S = 0.25
LONGEST_S = 30.0
# Clips with more music than words are no voices.
SPOKEN = 0.5
# Frames quieter than this below the loudest are silence where a recording begins and ends.
SILENCE_DB = 35.0

# Who speaks, as far as collections tell it in their names: pattern in the path, family; group 1 is the speaker.
_SPEAKERS = (
    (r"(?:^|[/_])(?:LJ)(?:Speech|-Sample|\d{3}-)|mixture_(?:lj)_|/samples__ss__|__ss_\d+_gt", "ljspeech"),
    (r"__\d_([a-z]+)_\d+\.", "digits"),
    (r"[/_](p\d{3})_\d{3,5}\b", "vctk"),
    (r"[/_](SSB\d{4})\d+", "aishell3"),
    (r"[/_]([a-z]{3})_arctic_", "arctic"),
    (r"__(\d{2,5})[-_]\d+[-_]\d+(?:[-_]\d+)?\.", "libri"),
    (r"__(\d{2,5})_\d{5}\.", "libri"),
)


@dataclass(frozen=True, slots=True)
class Voice:
    """``row`` says who and where from; ``path`` is the stored sound."""

    row: CropRow
    path: Path

    def samples(self, method: str | None = None) -> PCM:
        """The voice float32[L] at 16 kHz, or the fake that ``method`` made of it."""
        path = self.path if method is None else _spoof_path(self.path, method)
        return np.load(path, allow_pickle=False).astype(np.float32) / 32767.0


def speaker_of(item: Item) -> str:
    """The group that must never be divided between splits: the speaker where the name tells, else the file's."""
    for pattern, family in _SPEAKERS:
        if hit := re.search(pattern, item.path):
            return f"voice/{family}/{hit.group(1)}" if hit.lastindex else f"voice/{family}"
    if "__" in Path(item.path).name and item.source == "algan_self_recorded":
        return f"voice/{item.source}/{Path(item.path).name.split('__')[0]}"
    return f"voice/{item.identity}"


def build(root: Path, items: Sequence[Item], store: Path, methods: Sequence[str], *, processes: int = 1) -> list[Voice]:
    """Cut the sound files among ``items`` into ``store`` and make the fakes; what is there is not made again.

    Args:
        root: data root that the items' paths are relative to.
        items: sound files, and clips, whose sound counts as a voice where somebody speaks for half of it or more.
        store: folder; ``<sha256[:2]>/<sha256>.npy`` holds int16 samples, ``<sha256>-<method>.npy`` a fake of a real.
        methods: names of :mod:`core.training.fakes.speech`, for real voices.
        processes: how many work at the same time.

    Raises:
        NotFoundError: nothing among ``items`` is a voice.
    """
    sounds = [replace(item, identity=speaker_of(item)) for item in items]
    tasks = [(root / item.path, _path(store, item), item) for item in sounds]
    work = partial(_make, methods=tuple(methods))
    if processes == 1:
        done = [work(task) for task in tasks]
    else:
        with ProcessPoolExecutor(processes, mp_context=get_context("fork"), initializer=_alone) as pool:
            done = list(pool.map(work, tasks, chunksize=8))
    voices = [Voice(_row(item), _path(store, item)) for item, ok in zip(sounds, done, strict=True) if ok]
    if not voices:
        raise NotFoundError("No voice was found in the data.", hint="Check the data folder and its manifest.")
    log.info("%d of %d sound files hold a voice", len(voices), len(sounds))
    return voices


def _path(store: Path, item: Item) -> Path:
    return store / item.sha256[:2] / f"{item.sha256}.npy"


def _spoof_path(path: Path, method: str) -> Path:
    return path.with_name(f"{path.stem}-{method}.npy")


def _row(item: Item) -> CropRow:
    shared = {k: getattr(item, k) for k in ("sha256", "fake", "method", "source", "identity", "split", "modality")}
    return CropRow(t_s=0.0, face_px=0.0, points=(), **shared)


def _alone() -> None:
    """One thread a process: there are as many processes as are meant to work."""
    import torch

    torch.set_num_threads(1)


def _make(task: tuple[Path, Path, Item], methods: tuple[str, ...]) -> bool:
    """Store a file and, for a real voice, its fakes; whether it holds a voice."""
    source, path, item = task
    if not path.is_file():
        try:
            pcm = trimmed(read_sound(source))
        except (OSError, ValueError) as exc:
            log.log(logging.INFO if item.modality == "video" else logging.WARNING, "%s: %s", source.name, exc)
            pcm = np.zeros(0, np.float32)
        spoken = len(pcm) >= SHORTEST_S * SR_HZ and (item.modality == "audio" or _speech(pcm) >= SPOKEN)
        _write(path, pcm if spoken else pcm[:0])
    stored = np.load(path, allow_pickle=False)
    for method in () if item.fake or not len(stored) else methods:
        spoof = _spoof_path(path, method)
        if not spoof.is_file():
            rng = np.random.default_rng((int(path.stem[:12], 16), zlib.crc32(method.encode())))
            _write(spoof, speech_fake(method).make(rng, stored.astype(np.float32) / 32767.0))
    return len(stored) > 0


@lru_cache(maxsize=1)
def _activity() -> VoiceActivity:
    return VoiceActivity()


def _speech(pcm: PCM) -> float:
    """Share of a sound in which somebody speaks."""
    return float((_activity().probabilities(pcm) > 0.5).mean())


def _write(path: Path, pcm: PCM) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npy")
    np.save(part, np.round(np.clip(pcm, -1.0, 1.0) * 32767.0).astype(np.int16))
    part.replace(path)


def read_sound(path: Path, longest_s: float = LONGEST_S) -> PCM:
    """The first sound track of a file as mono float32[L] at 16 kHz, at most ``longest_s`` of it.

    Raises:
        ValueError: there is no sound in it (PyAV's own errors are values or system errors too).
    """
    import av

    with av.open(str(path)) as box:
        if not box.streams.audio:
            raise ValueError("no sound track")
        resampler = av.AudioResampler("fltp", "mono", SR_HZ)
        parts: list[npt.NDArray[np.float32]] = []
        room = round(longest_s * SR_HZ)
        for frame in box.decode(audio=0):
            parts += [np.asarray(p.to_ndarray()[0], np.float32) for p in resampler.resample(frame)]
            if sum(map(len, parts)) >= room:
                break
        else:
            parts += [np.asarray(p.to_ndarray()[0], np.float32) for p in resampler.resample(None)]
    return np.clip(np.nan_to_num(np.concatenate(parts)), -1.0, 1.0)[:room] if parts else np.zeros(0, np.float32)


def trimmed(pcm: PCM, below_db: float = SILENCE_DB) -> PCM:
    """Without the silence before and after: it alone can tell collections apart."""
    size = SR_HZ // 50
    count = len(pcm) // size
    if not count:
        return pcm[:0]
    power = np.square(pcm[: count * size], dtype=np.float64).reshape(count, size).mean(axis=1)
    loud = np.nonzero(power > power.max() * 10.0 ** (-below_db / 10.0))[0]
    if power.max() < 1e-8 or not len(loud):
        return pcm[:0]
    return pcm[max(0, loud[0] - 2) * size : (loud[-1] + 3) * size]
