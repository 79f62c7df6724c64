"""A batch by Ray actors on this machine: one against two."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import cv2

from benchmarks.speeds.page import Chapter
from core.batch.many import analyse_many
from core.batch.rows import Row, lasting
from core.settings import Settings, build_settings
from tests import media

_FILES = 200
_SKIPPED = 20  # rows before which actors are starting and loading


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds from the start to the last row, and from row 20 on; rows by path."""

    whole_s: float
    steady_s: float
    rows: dict[str, Row]


def pictures(folder: Path, count: int) -> list[Path]:
    """Portraits of 640 px, no two alike."""
    folder.mkdir()
    picture = cv2.imread(str(media.portrait(folder / "base.png", size=640)))
    assert picture is not None
    paths = [folder / f"{i:03}.png" for i in range(count)]
    for i, path in enumerate(paths):
        cv2.imwrite(str(path), cv2.convertScaleAbs(picture, alpha=1.0 - i / (4 * count)))
    return paths


def run(paths: list[Path], settings: Settings, workers: int) -> Run:
    start, times, rows = time.perf_counter(), [], {}
    for row in analyse_many(paths, settings, workers=workers, engine="ray"):
        times.append(time.perf_counter() - start)
        rows[str(row["path"])] = row
    return Run(times[-1], times[-1] - times[_SKIPPED - 1], rows)


def measure(folder: Path) -> Chapter:
    paths = pictures(folder / "in", _FILES)
    settings = build_settings(data_dir=folder / "data", cache={"enabled": False}, runtime={"backend": "torch"})
    one, two = run(paths, settings, 1), run(paths, settings, 2)
    alike = all(lasting(one.rows[path]) == lasting(two.rows[path]) for path in one.rows)
    rows = [
        [name, *_ratio(one.steady_s, done.steady_s), *_ratio(one.whole_s, done.whole_s)]
        for name, done in (("1 actor", one), ("2 actors", two))
    ]
    text = (
        f"{_FILES} pictures of 640 px, one thread an actor, networks by torch. The first figures leave out the first "
        f"{_SKIPPED} rows, while actors start and load. Rows of both runs alike but for their timings: "
        f"{'yes' if alike else 'NO'}."
    )
    head = [
        "",
        "times as fast, running",
        "seconds, running",
        "times as fast, with the start",
        "seconds, with the start",
    ]
    return Chapter("Ray", "python -m benchmarks.speed --only cluster", text, head, rows)


def _ratio(first_s: float, done_s: float) -> list[str]:
    return [f"{first_s / done_s:.2f}", f"{done_s:.1f}"]
