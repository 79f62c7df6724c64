"""What a file costs by its length, people and resolution, stage by stage, and files in a batch."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from benchmarks.long_video import encode, repeat
from benchmarks.speeds.media import clip_720p, people, resized
from benchmarks.speeds.one import COSTS, asked, costs
from benchmarks.speeds.page import Chapter, median, seconds
from core.batch.many import analyse_many
from core.pipeline import analyse
from core.settings import build_settings
from tests import media

_LENGTHS = {"10 s": 10, "1 min": 60, "10 min": 600, "60 min": 3600}
_HEIGHTS = {"360p": 360, "720p": 720, "1080p": 1080, "4K": 2160}


def _row(name: str, result: dict[str, Any], first: dict[str, Any]) -> list[str]:
    return [
        name,
        *costs(result, first),
        f"{result['frames']} × {result['people']}",
    ]


def scaling(folder: Path) -> Chapter:
    """One file a row, each in a fresh process whose models are warm."""
    data, warm = folder / "data", clip_720p(folder / "warm.mp4", 2)
    asked(warm, warm, data)  # chooses backends
    encode(folder / "scene.mp4", 250)
    rows, first = [], None
    for name, length in _LENGTHS.items():
        repeat(folder / "scene.mp4", folder / "long.mp4", length)
        result = asked(warm, folder / "long.mp4", data)
        first = first or result
        rows.append(_row(f"{name}, no sound", result, first))
    for count in (1, 3, 10):
        rows.append(_row(f"{count} people, 6 s", asked(warm, people(folder / "people.mp4", count), data), first or {}))
    for name, height in _HEIGHTS.items():
        rows.append(_row(f"{name}, 4 s", asked(warm, resized(folder / "size.mp4", height), data), first or {}))
    text = (
        "The preset `default`, models warm, 32 frames sampled. Ratios are against the first row; memory is the peak of "
        "the whole process."
    )
    head = ["file", *COSTS, "frames × people"]
    return Chapter("Length, people, resolution", "python -m benchmarks.speed --only scaling", text, head, rows)


def single(folder: Path) -> Chapter:
    """One picture and one clip, cold, warm and from the cache, stage by stage."""
    picture, clip = media.portrait(folder / "a.png", size=1024), clip_720p(folder / "a.mp4", 10)
    rows = []
    for name, path in (("picture, 1024 px", picture), ("10-s 720p clip with sound", clip)):
        plain = build_settings(data_dir=folder / "plain", cache={"enabled": False})
        analyse(path, plain)
        warm_s = median(lambda path=path, plain=plain: analyse(path, plain))  # type: ignore[misc]
        made = analyse(path, plain)
        cached = build_settings(data_dir=folder / "cached")
        analyse(path, cached)
        again_s = median(lambda path=path, cached=cached: analyse(path, cached), 9)  # type: ignore[misc]
        profile = ", ".join(f"{t.stage.value} {t.seconds:.2f}" for t in made.timings)
        rows.append([name, f"1/{warm_s / again_s:.0f}", f"{warm_s:.2f}", f"{1000 * again_s:.0f} ms", profile])
    head = ["file", "from the cache", "seconds, warm", "from the cache", "stages, seconds"]
    text = "The preset `default`, medians of three."
    return Chapter("One file, stage by stage", "python -m benchmarks.speed --only single", text, head, rows)


def batch(folder: Path, files: int = 24) -> Chapter:
    """The same pictures by one process and by two; what a day of a core and a million files come to."""
    (folder / "in").mkdir()
    base = media.portrait(folder / "base.png", size=640)
    paths = [Path(shutil.copy(base, folder / "in" / f"{i}.png")) for i in range(files)]
    settings = build_settings(data_dir=folder / "data", cache={"enabled": False})
    list(analyse_many(paths[:1], settings))
    one_s, _ = seconds(lambda: list(analyse_many(paths, settings)))
    two_s, _ = seconds(lambda: list(analyse_many(paths, settings, workers=2)))
    rows = [
        ["1 process", "1.00", f"{one_s:.1f}", f"{3600 * files / one_s:.0f}"],
        ["2 processes, start included", f"{one_s / two_s:.2f}", f"{two_s:.1f}", f"{3600 * files / two_s:.0f}"],
    ]
    head = [f"{files} pictures of 640 px", "times as fast", "seconds", "files an hour"]
    text = "Two processes have half the threads each, and their start (about as long as ten pictures) is counted."
    return Chapter("Files in a batch", "python -m benchmarks.speed --only batch", text, head, rows)
