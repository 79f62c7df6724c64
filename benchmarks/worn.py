"""Are worn files called fake: ``python -m benchmarks.worn --data DIR --write docs/measured/worn.md``.

Real pictures, clips and sounds of the test split (README of the data root), and clips of the people of the training
split whom detectors were chosen by, are analysed as they are and after one nuisance at a time, by a preset as users
meet it. The verdict counts, not only the figure: a worn file may well be uncertain.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from core.errors import EmptyMediaError, WorkbenchError
from core.faces.windows import shown
from core.media.audio import write_wav
from core.media.decoding import Decoder, decoder
from core.media.shrinking import shrunk
from core.pipeline import analyse
from core.settings import Settings, build_settings
from core.training.audio_evaluate import CODECS
from core.training.data.manifest import Item, read_manifest
from core.training.fusion_media import FPS, held_out, write_clip
from core.training.intervals import wilson
from core.training.nuisance import held, wobble
from core.training.nuisance.sound import SR_HZ
from core.training.robustness import Series, all_series
from core.types import PCM, RGB, Label

_HARDEST = 2  # levels of each nuisance
_CLIP_S, _CLIP_PX = 8.0, 720
Read = TypeVar("Read")


@dataclass(slots=True)
class Counted:
    """Verdicts on one kind of picture, and P(fake) where there is one."""

    name: str
    labels: list[Label] = field(default_factory=list)
    p_fake: list[float] = field(default_factory=list)

    def add(self, path: Path, settings: Settings) -> None:
        verdict = analyse(path, settings).verdict
        self.labels.append(verdict.label)
        if verdict.p_fake is not None:
            self.p_fake.append(verdict.p_fake)

    def row(self) -> str:
        fake, judged = self.labels.count(Label.FAKE), len(self.p_fake)
        low, high = wilson(fake, judged)
        cells = [
            self.name,
            str(judged),
            f"{fake / max(judged, 1):.3f} [{low:.3f}, {high:.3f}]",
            str(self.labels.count(Label.UNCERTAIN)),
            str(self.labels.count(Label.NOT_APPLICABLE)),
            f"{float(np.mean(self.p_fake)) if judged else float('nan'):.3f}",
        ]
        return f"| {' | '.join(cells)} |"


def measure(
    data: Path,
    modality: str,
    settings: Settings,
    read: Callable[[Decoder, Path], Read],
    worn: Callable[[Read, int, Path], Iterator[tuple[str, Path]]],
) -> list[Counted]:
    """Verdicts on real test files of ``modality`` by nuisance.

    Args:
        read: what a file holds; one that it cannot read is left out.
        worn: copies of what was read, each by the name of what was done to it and its path in the folder it is told;
            the number it is told differs from file to file.
    """
    found: dict[str, Counted] = {}
    reader = decoder(settings)
    with tempfile.TemporaryDirectory() as folder:
        for number, item in enumerate(_real(data, modality)):
            try:
                held = read(reader, data / item.path)
            except WorkbenchError:
                continue
            for name, path in worn(held, number, Path(folder)):
                found.setdefault(name, Counted(name)).add(path, settings)
    return list(found.values())


def _real(data: Path, modality: str) -> list[Item]:
    items = [i for i in read_manifest(data, modalities=(modality,)) if not i.fake]
    few = held_out(items) if modality == "video" else []
    return [*few, *(i for i in items if i.split == "test")]


def seen(reader: Decoder, path: Path) -> RGB:
    return reader.image(reader.identify(path))[0][0].rgb


def pictures(rgb: RGB, seed: int, folder: Path) -> Iterator[tuple[str, Path]]:
    """A picture as it is and after each nuisance of pictures at its hardest levels."""
    for name, worn in _worn_pictures(rgb, seed):
        copy = folder / "worn.png"
        cv2.imwrite(str(copy), cv2.cvtColor(worn, cv2.COLOR_RGB2BGR))
        yield name, copy


def _worn_pictures(rgb: RGB, seed: int) -> Iterator[tuple[str, RGB]]:
    even = rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2]  # as H.264 wants it
    yield "as it is", even
    for series in all_series().values():
        for level in series.levels[-_HARDEST:]:
            yield f"{series.name}, {_level(series, level)}", series.apply(np.random.default_rng(seed), even, level)


def watched(reader: Decoder, path: Path) -> list[RGB]:
    """The first eight seconds at 25 frames a second, at most 720 px high."""
    ref = reader.identify(path)
    info = reader.probe(ref)
    length_s = min(_CLIP_S, (info.duration_s or _CLIP_S) - 0.1)
    frames = reader.window(ref, info, 0.0, length_s + 0.1, None, 2 * FPS)
    shots = shown(frames, frames[0].t_s + np.arange(0.0, length_s - frames[0].t_s, 1 / FPS))
    zoom = min(1.0, _CLIP_PX / shots[0].rgb.shape[0])
    return [_sized(shot.rgb, zoom) for shot in shots]


def clips(frames: list[RGB], seed: int, folder: Path) -> Iterator[tuple[str, Path]]:
    """A clip as it is, compressed, smaller, with frames dropped or held, and in light that wobbles."""
    copy, rng, whole = folder / "worn.mp4", np.random.default_rng(seed), np.stack(frames)
    fps, crf = Fraction(FPS), 18
    worn: dict[str, tuple[Sequence[RGB], Fraction, int]] = {
        "as it is": (frames, fps, crf),
        "H.264, 28 CRF": (frames, fps, 28),
        "H.264, 32 CRF": (frames, fps, 32),
        "half the size": ([_sized(frame, 0.5) for frame in frames], fps, crf),
        "every other frame": (frames[::2], fps / 2, crf),
        "frames held": (list(held(rng, whole, 1.0)), fps, crf),
        "light wobbles": (list(wobble(rng, whole, 1.0)), fps, crf),
    }
    for name, (shots, rate, quality) in worn.items():
        write_clip(copy, shots, fps=rate, crf=quality)
        yield name, copy


def _sized(rgb: RGB, zoom: float) -> RGB:
    """Smaller by ``zoom``, of even sides as H.264 wants them."""
    height, width = (int(side * zoom) // 2 * 2 for side in rgb.shape[:2])
    return shrunk(rgb, (width, height))


def heard(reader: Decoder, path: Path) -> PCM:
    ref = reader.identify(path)
    clip, _ = reader.audio(ref, reader.probe(ref), SR_HZ)
    if clip is None:
        raise EmptyMediaError("The file has no sound.", hint="Take it out of the manifest.")
    return clip.pcm


def sounds(pcm: PCM, _: int, folder: Path) -> Iterator[tuple[str, Path]]:
    """A sound as it is, after each codec, and over a telephone line."""
    for name, change in CODECS.items():
        copy = folder / "worn.wav"
        write_wav(copy, change(pcm), SR_HZ)
        yield name, copy


def _level(series: Series, level: float) -> str:
    return f"{level:g} {series.unit}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data root, with its manifest")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--write", type=Path, help="a Markdown file")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = build_settings(preset=asked.preset, data_dir=Path(folder), cache={"enabled": False})
        stills = measure(asked.data, "image", settings, seen, pictures)
        moving = measure(asked.data, "video", settings, watched, clips)
        voices = measure(asked.data, "audio", settings, heard, sounds)
    lines = [_HEAD.format(preset=asked.preset)]
    for head, counted in ((_PICTURES, stills), (_CLIPS, moving), (_SOUNDS, voices)):
        lines += [head, *(one.row() for one in counted)]
    text = "\n".join(lines)
    if asked.write is not None:
        asked.write.write_text(text + "\n", encoding="utf-8")
    print(text)


_HEAD = """# Worn files that are real

Printed by `python -m benchmarks.worn --data DIR --write docs/measured/worn.md`; preset `{preset}`.

Real files of the test split (clips also of the training split's people whom detectors were chosen by), as they are and
after one nuisance at a time. "Called fake" is the share of those that were judged at all, with Wilson's 95 % interval;
every one of them is a false alarm."""

_TABLE = """| nuisance | judged | called fake | uncertain | not applicable | mean P(fake) |
|---|---|---|---|---|---|"""

_PICTURES = f"""
## Pictures

Each nuisance at its two hardest levels.

{_TABLE}"""

_CLIPS = f"""
## Clips

The first eight seconds without their sound. As it is: H.264 at 18 CRF; so are all others but those of another rate.

{_TABLE}"""

_SOUNDS = f"""
## Voices

{_TABLE}"""


if __name__ == "__main__":
    main()
