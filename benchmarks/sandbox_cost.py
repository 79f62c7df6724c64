"""What decoding in a process of its own costs: ``python -m benchmarks.sandbox_cost [--repeat 5]``.

The same files are identified, probed and decoded in this process and in a warm decoding process; the measure is the
median over repetitions.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from core.media.decoding import Apart, Decoder, Here
from core.media.sandbox import Sandbox
from core.settings import Limits, Sampling, SandboxSettings
from core.types import MediaKind
from tests import media


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    asked = parser.parse_args()
    box = Sandbox(SandboxSettings(enabled=True, workers=1))
    started = time.perf_counter()
    box.warm_up()
    report: dict[str, object] = {"start_of_a_worker_s": round(time.perf_counter() - started, 2)}
    with tempfile.TemporaryDirectory(prefix="unmask-cost-") as name:
        for path in _files(Path(name)):
            here = _median(partial(_read, Here(Limits()), path), asked.repeat)
            apart = _median(partial(_read, Apart(Limits(), box), path), asked.repeat)
            report[path.name] = {"here_ms": here, "apart_ms": apart, "more_ms": round(apart - here, 1)}
    box.close()
    print(json.dumps(report, indent=1))


def _files(folder: Path) -> list[Path]:
    return [
        media.portrait(folder / "portrait-512.png"),
        media.portrait(folder / "portrait-2048.jpg", size=2048),
        media.talking_clip(folder / "clip-6s.mp4", seconds=6),
        media.speech(folder / "speech-30s.wav", seconds=30),
    ]


def _read(decoder: Decoder, path: Path) -> None:
    ref = decoder.identify(path)
    info = decoder.probe(ref)
    if ref.kind is MediaKind.IMAGE:
        decoder.image(ref)
    elif ref.kind is MediaKind.VIDEO:
        decoder.frames(ref, info, Sampling())
    decoder.audio(ref, info)


def _median(work: Callable[[], None], repeat: int) -> float:
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return round(1000 * statistics.median(times), 1)


if __name__ == "__main__":
    main()
