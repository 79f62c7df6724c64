"""What an hour costs against ten seconds: opening, probing and sampling 30 frames of a 720p file, then finding faces.

    python -m benchmarks.long_video [--format mp4] [--gop 250] [--hours 1] [--repeat 3] [--no-faces]

Both files hold the same encoded minute-long scene of a moving face; the long one repeats its packets with shifted
times, so it is written in seconds. The measure is the median over repetitions.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import skimage.data

from core.media.guard import identify
from core.media.probe import probe
from core.media.video import read_frames
from core.settings import FaceSettings, Limits, Sampling
from core.types import RGB, Frame

FPS = 30
FRAMES = 30
SHORT_S = 10
SCENE_S = 20


def scene() -> Iterator[RGB]:
    """A face that moves over a noisy wall, 1280 x 720."""
    face = cv2.resize(skimage.data.astronaut()[0:260, 95:355], (520, 520))
    wall = np.random.default_rng(0).integers(90, 130, (720, 1280, 3)).astype(np.uint8)
    for i in range(SCENE_S * FPS):
        picture = np.roll(wall, i % 7, axis=1)
        x, y = 380 + round(300 * np.sin(i / 40)), 100 + round(90 * np.sin(i / 23))
        picture[y : y + 520, x : x + 520] = face
        yield picture


def encode(path: Path, gop: int) -> None:
    with av.open(str(path), "w", format="mp4") as out:
        track: Any = out.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "26"})
        track.width, track.height, track.pix_fmt, track.gop_size = 1280, 720, "yuv420p", gop
        for i, picture in enumerate(scene()):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = i, Fraction(1, FPS)
            out.mux(track.encode(frame))
        out.mux(track.encode(None))


def repeat(source: Path, path: Path, seconds: float) -> None:
    """Copy the packets of ``source`` again and again until ``seconds`` are full."""
    with av.open(str(source)) as reader:
        stream = reader.streams.video[0]
        base = stream.time_base or Fraction(1, FPS)
        packets = [(bytes(p), p.pts, p.dts, p.is_keyframe) for p in reader.demux(stream) if p.size]
        length = round(SCENE_S / base)
        with av.open(str(path), "w") as out:
            track = out.add_stream_from_template(stream)
            for round_ in range(int(np.ceil(seconds / SCENE_S))):
                for content, pts, dts, key in packets:
                    if ((pts or 0) + round_ * length) * base >= seconds:
                        continue
                    packet = av.Packet(content)
                    packet.pts, packet.dts = (pts or 0) + round_ * length, (dts or 0) + round_ * length
                    packet.time_base, packet.is_keyframe, packet.stream = base, key, track
                    out.mux(packet)


def sample(path: Path) -> list[Frame]:
    limits = Limits()
    ref = identify(path, limits)
    frames, warnings = read_frames(ref, probe(ref, limits), Sampling(strategy="uniform", frames=FRAMES))
    if len(frames) != FRAMES or warnings:
        raise SystemExit(f"{path.name}: {len(frames)} frames, {warnings}")
    return frames


def face_finder() -> Callable[[list[Frame]], object] | None:
    try:
        detect = importlib.import_module("core.faces.detect")
    except ImportError:
        return None
    finder = detect.FaceFinder(FaceSettings(), "cpu")
    return lambda frames: finder.find([f.rgb for f in frames], lambda done: None)


def measure(path: Path, find: Callable[[list[Frame]], object] | None, repetitions: int) -> tuple[float, float]:
    """Median seconds of opening and sampling, and of these with faces."""
    reading, whole = [], []
    for _ in range(repetitions):
        start = time.perf_counter()
        frames = sample(path)
        reading.append(time.perf_counter() - start)
        if find is not None:
            find(frames)
        whole.append(time.perf_counter() - start)
    return statistics.median(reading), statistics.median(whole)


def main() -> None:
    parser = argparse.ArgumentParser(description="Cost of an hour of video against ten seconds.")
    parser.add_argument("--format", default="mp4", choices=["mp4", "mkv", "ts", "mov"])
    parser.add_argument("--gop", type=int, default=250, help="frames between key frames (x264's default is 250)")
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--no-faces", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "scene.mp4"
        encode(source, options.gop)
        short, long = (Path(folder) / f"{name}.{options.format}" for name in ("short", "long"))
        repeat(source, short, SHORT_S)
        repeat(source, long, 3600 * options.hours)
        find = None if options.no_faces else face_finder()
        if find is not None:
            find(sample(short))  # load and warm the network before the clock runs
        (read_s, all_s), (read_l, all_l) = (measure(p, find, options.repeat) for p in (short, long))
        print(f"{options.format}, key frame every {options.gop} frames, long file {long.stat().st_size / 1e6:.0f} MB")
        print(f"open + sample {FRAMES} frames: {read_s:.2f} s of 10 s, {read_l:.2f} s of {options.hours:g} h: "
              f"ratio {read_l / read_s:.2f}")  # fmt: skip
        if find is not None:
            print(f"the same and finding faces: {all_s:.2f} s, {all_l:.2f} s: ratio {all_l / all_s:.2f}")


if __name__ == "__main__":
    main()
