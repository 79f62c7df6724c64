"""Files on which fusion is fitted and measured: faces, clips and voices of people that no detector was trained on, each
as it is and as a fake made from it. They are real files, so that presets are asked exactly as they are by users.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from core.media.audio import write_wav
from core.training.calibrate import left_out
from core.training.config import TrainConfig, read_config
from core.training.data import tracks, voices
from core.training.data.audio import AudioMaker, copy_methods, segment
from core.training.data.clips import ClipMaker
from core.training.data.crops import build as build_crops
from core.training.data.manifest import Item, read_manifest
from core.training.data.pairs import Drawer, make_fake
from core.training.fakes.speech import SR_HZ
from core.training.heldout import evenly
from core.training.nuisance import degrade, degrade_clip
from core.training.nuisance.sound import degrade_sound
from core.training.prepare import SPLITS
from core.training.tasks import TaskConfig, read_task
from core.training.validation import spaced
from core.types import PCM, RGB

CLIP_FRAMES, FPS = 32, 25
PICTURES = 250  # pairs, at most
WINDOWS = 16
SECONDS = 4.0
STRENGTH = 0.6
"""Of the nuisances that half of all items go through, real and fake alike."""


@dataclass(frozen=True, slots=True)
class Medium:
    """One file: ``kind`` is picture, clip or voice; ``person`` is who is seen or heard."""

    file: str
    kind: str
    fake: bool
    method: str
    person: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """What media are made from: ``items`` of the data root ``data``, fakes as the three training files have them, face
    crops kept in ``store``, drawn by ``seed``."""

    data: Path
    store: Path
    items: tuple[Item, ...]
    face: TrainConfig
    clip: TaskConfig
    voice: TaskConfig
    seed: int


def recipe(data: Path, store: Path, part: str, configs: Path) -> Recipe:
    """Media of ``part``: "calib" is the calibration split without people of the training split, "held-out" are the
    training split's people that detectors were chosen by and not trained on."""
    items = read_manifest(data, modalities=("image", "video", "audio"))
    if part == "calib":
        others = left_out()
        chosen = [i for i in items if i.split == "calib" and i.sha256 not in others]
    else:
        chosen = held_out(items)
    return Recipe(
        data=data,
        store=store,
        items=tuple(chosen),
        face=read_config(configs / "face-lite.yaml"),
        clip=read_task(configs / "clips" / "clip-cnn-bilstm.yaml"),
        voice=read_task(configs / "voices" / "audio-cqcc-cnn.yaml"),
        seed={"calib": 11, "held-out": 12}[part],
    )


def held_out(items: Sequence[Item]) -> list[Item]:
    """Of the training split those whom detectors were chosen by: pictures and clips by the split of faces, sound files
    by that of voices."""
    held = {kind: _validating(SPLITS / f"{kind}.json") for kind in ("face", "voice")}
    return [i for i in items if i.split == "train" and i.sha256 in held["voice" if i.modality == "audio" else "face"]]


def _validating(path: Path) -> set[str]:
    files = json.loads(path.read_text(encoding="utf-8"))["files"] if path.is_file() else {}
    return {sha for sha, where in files.items() if where == "val"}


def make_media(what: Recipe, folder: Path) -> list[Medium]:
    """Write the files, or find them as they were written before."""
    index = folder / "media.json"
    if not index.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        made = [*_pictures(what, folder), *_clips(what, folder), *_voices(what, folder)]
        part = index.with_suffix(".part")
        part.write_text(json.dumps([asdict(m) for m in made]), encoding="utf-8")
        part.replace(index)
    return [Medium(**row) for row in json.loads(index.read_text(encoding="utf-8"))]


def _pictures(what: Recipe, folder: Path) -> Iterator[Medium]:
    stills = [i for i in what.items if i.modality == "image" and not i.fake]
    if not stills:
        return
    crops = build_crops(what.data, stills, what.store)
    config = what.face
    drawer = Drawer(crops, {}, 1.0)
    methods = sorted(config.fakes)
    for number, index in enumerate(evenly(spaced(crops), PICTURES)):
        rng = np.random.default_rng((what.seed, 0, number))
        method = methods[number % len(methods)]
        face, forged = make_fake(rng, crops, index, method, drawer)
        worn = _worn(rng)
        for rgb, how in ((face.pixels, "pristine"), (forged, method)):
            name = f"picture-{number}-{how}.png"
            image = rgb if worn is None else degrade(np.random.default_rng(worn), rgb, STRENGTH)
            cv2.imwrite(str(folder / name), _even(image)[:, :, ::-1])
            yield Medium(name, "picture", how != "pristine", how, crops.rows[index].identity)


def _worn(rng: np.random.Generator) -> int | None:
    """The seed of the nuisances; None for the half that is spared."""
    seed, hard = int(rng.integers(2**63)), rng.random() < 0.5
    return seed if hard else None


def _even(rgb: RGB) -> RGB:
    """An even number of px a side, as H.264 wants it."""
    side = rgb.shape[0] - rgb.shape[0] % 2
    return np.ascontiguousarray(rgb[:side, :side])


def _clips(what: Recipe, folder: Path) -> Iterator[Medium]:
    clips = [i for i in what.items if i.modality == "video" and not i.fake]
    if not clips:
        return
    windows = tracks.build(what.data, clips, what.store, windows=WINDOWS, length=CLIP_FRAMES)
    maker = ClipMaker(windows, what.clip, CLIP_FRAMES, (1,))
    methods = sorted(what.clip.fakes)
    for number, window in enumerate(windows):
        rng = np.random.default_rng((what.seed, 1, number))
        method = methods[number % len(methods)]
        pair = maker.make(rng, number, method)
        worn = _worn(rng)
        for frames, how in zip(pair, ("pristine", method), strict=True):
            name = f"clip-{number}-{how}.mp4"
            shown = frames if worn is None else degrade_clip(np.random.default_rng(worn), frames, STRENGTH)
            write_clip(folder / name, [_even(frame) for frame in shown])
            yield Medium(name, "clip", how != "pristine", how, window.row.identity)


def write_clip(path: Path, frames: Sequence[RGB], *, fps: Fraction = Fraction(FPS), crf: int = 18) -> None:
    """Frames uint8[H, W, 3] of even sides as H.264, without sound."""
    import av

    with av.open(str(path), "w") as box:
        stream = box.add_stream("libx264", rate=fps, options={"crf": str(crf), "preset": "veryfast"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for number, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            frame.pts, frame.time_base = number, 1 / fps
            box.mux(stream.encode(frame))
        box.mux(stream.encode())


def _voices(what: Recipe, folder: Path) -> Iterator[Medium]:
    sounds = [i for i in what.items if i.modality == "audio"]
    if not any(not i.fake for i in sounds):
        return
    methods = copy_methods(what.voice)
    heard = voices.build(what.data, sounds, what.store.parent / "voices", methods)
    samples = int(SECONDS * SR_HZ)
    maker = AudioMaker(heard, what.voice, samples)
    for number, voice in enumerate(maker.real):
        rng = np.random.default_rng((what.seed, 2, number))
        method = methods[number % len(methods)]
        pair = maker.copied(rng, number, method)
        worn = _worn(rng)
        for pcm, how in zip(pair, ("bonafide", method), strict=True):
            yield _voice(folder, f"voice-{number}-{how}.wav", pcm, worn, how, voice.row.identity)
    for number, voice in enumerate(maker.recorded):
        rng = np.random.default_rng((what.seed, 3, number))
        pcm = segment(voice.samples(), samples, float(rng.random()))
        yield _voice(folder, f"recorded-{number}.wav", pcm, _worn(rng), voice.row.method, voice.row.identity)


def _voice(folder: Path, name: str, pcm: PCM, worn: int | None, how: str, person: str) -> Medium:
    sound = pcm if worn is None else degrade_sound(np.random.default_rng(worn), pcm, STRENGTH)
    write_wav(folder / name, sound, SR_HZ)
    return Medium(name, "voice", how != "bonafide", how, person)
