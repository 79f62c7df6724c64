"""What a second look costs against the first: the result cache, and moving a threshold.

python -m benchmarks.repeated
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from core.examples import examples
from core.fusion.verdict import relabel
from core.pipeline import analyse
from core.settings import Settings, build_settings
from core.types import Thresholds

REPETITIONS = 20


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def report(path: Path, settings: Settings) -> str:
    """First look, later looks and new thresholds for one file."""
    first_s = seconds(lambda: analyse(path, settings))
    repeat_s = statistics.median(seconds(lambda: analyse(path, settings)) for _ in range(REPETITIONS))
    analysis, limits = analyse(path, settings), Thresholds(fake=0.9, real=0.1)
    relabel_s = statistics.median(seconds(lambda: relabel(analysis, limits)) for _ in range(REPETITIONS))
    return (
        f"{path.name}: from the cache 1/{first_s / repeat_s:.0f} of the first look "
        f"({1000 * repeat_s:.0f} ms of {1000 * first_s:.0f} ms), new thresholds {1000 * relabel_s:.2f} ms"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = build_settings(data_dir=Path(folder))
        for example in examples(settings):
            print(report(example.path, settings))


if __name__ == "__main__":
    main()
