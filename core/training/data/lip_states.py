"""What the encoders say of talking clips and of altered copies of them, worked out once."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.networks.lip_sync import ROWS, SIDE, LipSync
from core.sync.cepstra import cepstra
from core.sync.lips import FPS, Lips
from core.training.data.talking import MARGIN, SR_HZ, Talk
from core.training.nuisance.codecs import h264_clip
from core.training.nuisance.sound import band_limit, coded, room, stationary, telephone, volume
from core.types import PCM

log = logging.getLogger(__name__)

REACH = 15
_SAMPLES = int(SR_HZ / FPS)
_FARTHEST = 2400  # samples that a codec may have put in front

Grey = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class States:
    """One piece of a clip. Each copy is (mouths float32[N, 128], voices float32[N + 30, 180]); the voices begin 15
    frames before the mouths."""

    identity: str
    sha256: str
    copies: tuple[tuple[Tensor, Tensor], ...]

    @property
    def frames(self) -> int:
        return len(self.copies[0][0])


def states_of(network: LipSync, talks: Sequence[Talk], copies: int, seed: int, store: Path) -> list[States]:
    """States of all pieces of ``talks`` in ``copies`` copies, of which the first is unaltered. They are kept in
    ``store``."""
    store.mkdir(parents=True, exist_ok=True)
    out: list[States] = []
    babble = [talk.audio.pcm for talk in talks]
    for number, talk in enumerate(talks, 1):
        for place, piece in enumerate(talk.pieces):
            out.append(_kept(network, talk, place, piece, copies, seed, store, babble))
        log.info("states: %d of %d clips", number, len(talks))
    return out


def _kept(
    network: LipSync, talk: Talk, place: int, piece: Lips, copies: int, seed: int, store: Path, babble: Sequence[PCM]
) -> States:
    made = []
    for copy in range(copies):
        path = store / f"{talk.item.sha256[:16]}-{place}-{seed}-{copy}.npz"
        if not path.is_file():
            key = hashlib.sha256(path.name.encode()).digest()
            rng = np.random.default_rng(int.from_bytes(key[:8], "little"))
            mouths, voices = _worked_out(network, talk, piece, rng if copy else None, babble)
            np.savez(path, mouths=mouths.astype(np.float16), voices=voices.astype(np.float16))
        with np.load(path) as file:
            made.append((torch.from_numpy(file["mouths"]).float(), torch.from_numpy(file["voices"]).float()))
    return States(talk.item.identity, talk.item.sha256, tuple(made))


def _worked_out(
    network: LipSync, talk: Talk, piece: Lips, rng: np.random.Generator | None, babble: Sequence[PCM]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    crops, sound = piece.crops, talk.heard(piece.start_s - REACH / FPS, len(piece.crops) + 2 * REACH)
    if rng is None:
        crops = crops[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
    else:
        crops, sound = altered_mouths(rng, crops), altered_sound(rng, sound, babble)
    with torch.inference_mode():
        mouths = network.mouth_states(torch.from_numpy(np.ascontiguousarray(crops))[None].float())
        voices = network.voice_states(torch.from_numpy(rows_of(sound, len(crops) + 2 * REACH))[None])
    return mouths[0].numpy(), voices[0].numpy()


def rows_of(sound: PCM, frames: int) -> npt.NDArray[np.float32]:
    """Cepstra float32[4 * frames, 13] of sound that begins with the first frame."""
    rows = cepstra(sound)[: ROWS * frames]
    return np.pad(rows, ((0, ROWS * frames - len(rows)), (0, 0)), mode="edge")


def altered_mouths(rng: np.random.Generator, crops: Grey) -> Grey:
    """Mouths uint8[N, 80, 80] as another camera and another connection would show them, uint8[N, 64, 64]."""
    if rng.random() < 0.4:
        coarse = h264_clip(np.repeat(crops[..., None], 3, axis=3), int(rng.integers(20, 38)))
        crops = np.ascontiguousarray(coarse[..., 1])
    angle, grow = rng.normal(0, 4.0), float(np.exp(rng.normal(0, 0.07)))
    centre = (crops.shape[2] / 2, crops.shape[1] / 2)
    matrix = np.asarray(cv2.getRotationMatrix2D(centre, angle, grow), np.float64)
    matrix[:, 2] += rng.uniform(-4, 4, 2) - MARGIN
    flip = rng.random() < 0.5
    small = int(rng.integers(20, 56)) if rng.random() < 0.3 else SIDE
    gain, lift, gamma = rng.uniform(0.7, 1.3), rng.uniform(-30, 30), rng.uniform(0.7, 1.4)
    grain = rng.uniform(0, 6) if rng.random() < 0.3 else 0.0
    out = np.empty((len(crops), SIDE, SIDE), np.uint8)
    for i, crop in enumerate(crops):
        x = cv2.warpAffine(crop, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT_101)
        if small < SIDE:
            x = cv2.resize(cv2.resize(x, (small, small), interpolation=cv2.INTER_AREA), (SIDE, SIDE))
        y = 255.0 * (np.asarray(x, np.float32) / 255.0) ** gamma * gain + lift
        if grain:
            y = y + rng.normal(0, grain, y.shape)
        out[i] = np.clip(y, 0, 255)
    return out[:, :, ::-1] if flip else out


def altered_sound(rng: np.random.Generator, sound: PCM, babble: Sequence[PCM]) -> PCM:
    """Sound as another microphone, room and connection would give it; what is heard stays where it was in time."""
    out = sound
    if rng.random() < 0.3:
        out = room(rng, out, 0.5)
    if rng.random() < 0.5:
        out = stationary(rng, out, rng.uniform(8.0, 35.0))
    if rng.random() < 0.3:
        out = _with_others(rng, out, babble[int(rng.integers(len(babble)))])
    kind = rng.random()
    if kind < 0.25:
        out = in_place(coded(out, ("mp3", "aac", "opus")[int(rng.integers(3))], int(rng.choice([24, 32, 64]))), out)
    elif kind < 0.4:
        out = telephone(out)
    elif kind < 0.6:
        out = band_limit(out, float(rng.uniform(3000, 7500)))
    return volume(out, float(rng.uniform(-18.0, 3.0)))


def _with_others(rng: np.random.Generator, sound: PCM, other: PCM) -> PCM:
    if len(other) < len(sound):
        return sound
    first = int(rng.integers(len(other) - len(sound) + 1))
    beside = other[first : first + len(sound)]
    own, theirs = (float(np.sqrt(np.mean(np.square(x)))) + 1e-6 for x in (sound, beside))
    return (sound + beside * (own / theirs * 10 ** (-rng.uniform(6, 20) / 20))).astype(np.float32)


def in_place(late: PCM, sound: PCM) -> PCM:
    """``late`` moved to where it fits ``sound`` best: codecs put a delay in front."""
    from scipy.signal import fftconvolve

    fits = fftconvolve(late, sound[::-1])[len(sound) - 1 - _FARTHEST : len(sound) + _FARTHEST]
    shift = int(np.argmax(fits)) - _FARTHEST
    return np.roll(late, -shift)
