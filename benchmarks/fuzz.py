"""Mutated media through every decoder: ``python -m benchmarks.fuzz --count 20000``.

Each file is read in a decoding process as the demo server reads it. The bench fails if an answer is neither a result
nor an error with message and hint, or if one takes longer than the limit. Crashes of decoding processes are counted:
they cost one file each.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core.media.decoding import Apart
from core.media.sandbox import Sandbox
from core.settings import SandboxSettings
from tests.mutations import corpus, mutations
from tests.unit.test_media_fuzz import LIMITS, read_all

_WALL_S = 30.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.0, help="stop after this many seconds (0: never)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="unmask-fuzz-") as folder:
        report = _run(asked, Path(folder))
    print(json.dumps(report, indent=1))
    return 1 if report["faults"] else 0


def _run(asked: argparse.Namespace, folder: Path) -> dict[str, object]:
    box = Sandbox(SandboxSettings(enabled=True, workers=asked.workers, wall_s=_WALL_S))
    outcomes: Counter[str] = Counter()
    faults: list[str] = []
    slowest = 0.0
    started = time.monotonic()

    def one(item: tuple[str, bytes]) -> tuple[str, str, float]:
        name, data = item
        if asked.seconds and time.monotonic() - started > asked.seconds:
            return name, "skipped", 0.0
        path = folder / name
        path.write_bytes(data)
        began = time.monotonic()
        try:
            outcome = read_all(Apart(LIMITS, box), path)
        except Exception as error:  # noqa: BLE001 - that is what the bench looks for
            outcome = f"fault: {type(error).__name__}: {error}"
        path.unlink()
        return name, outcome, time.monotonic() - began

    with ThreadPoolExecutor(asked.workers) as pool:
        for name, outcome, seconds in pool.map(one, mutations(corpus(folder / "corpus"), asked.count, asked.seed)):
            outcomes[outcome.split(":")[0]] += 1
            slowest = max(slowest, seconds)
            if outcome.startswith("fault") or outcome == "internal" or seconds > 5 * _WALL_S:
                faults.append(f"{name}: {outcome} ({seconds:.1f} s)")
    box.close()
    return {
        "asked": asked.count,
        "seed": asked.seed,
        "outcomes": dict(outcomes.most_common()),
        "workers_lost": box.lost,
        "slowest_s": round(slowest, 2),
        "seconds": round(time.monotonic() - started, 1),
        "faults": faults[:20],
    }


if __name__ == "__main__":
    sys.exit(main())
