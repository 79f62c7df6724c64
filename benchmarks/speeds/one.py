"""One file in a process of its own: ``python -m benchmarks.speeds.one WARM FILE [DATA [PRESET]]``, a line of JSON."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from core.settings import ROOT

COSTS = ("cost", "memory", "seconds", "processor seconds", "peak MB")


def asked(warm: Path, file: Path, data: Path, preset: str = "default") -> dict[str, Any]:
    """What :func:`main` prints, from a fresh process."""
    command = [sys.executable, "-m", "benchmarks.speeds.one", str(warm), str(file), str(data), preset]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def costs(result: dict[str, Any], first: dict[str, Any]) -> list[str]:
    """Cells under :data:`COSTS`: processor time and memory against those of ``first``, then as they are."""
    return [
        f"{result['cpu'] / first['cpu']:.2f}",
        f"{result['peak_mb'] / first['peak_mb']:.2f}",
        f"{result['seconds']:.2f}",
        f"{result['cpu']:.2f}",
        f"{result['peak_mb']:.0f}",
    ]


def peak_mb() -> float:
    """Most memory that this process held at once. Linux counts it for the program alone in VmHWM; ru_maxrss begins
    with what the process that started it had."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    except OSError:
        found = None
    most = int(found.group(1)) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1024


def main() -> None:
    """Analyse WARM, then FILE, which is timed; the peak of memory is that of both."""
    from benchmarks.speeds.page import seconds
    from core.pipeline import analyse
    from core.settings import build_settings

    warm, file = Path(sys.argv[1]), Path(sys.argv[2])
    data = Path(sys.argv[3]) if len(sys.argv) > 3 else Path(tempfile.mkdtemp())
    preset = sys.argv[4] if len(sys.argv) > 4 else "default"
    settings = build_settings(data_dir=data, cache={"enabled": False}, preset=preset)
    analyse(warm, settings)
    made: list[Any] = []
    wall, cpu = seconds(lambda: made.append(analyse(file, settings)))
    stages = {timing.stage.value: timing.seconds for timing in made[0].timings}
    voices = [timeline for timeline in made[0].timelines if timeline.track_id is None]
    facts = {
        "frames": len(made[0].frames),
        "people": len(made[0].tracks),
        "windows": max((len(timeline.t_s) for timeline in voices), default=0),
        "label": made[0].verdict.label.value,
    }
    sys.stdout.write(json.dumps({"seconds": wall, "cpu": cpu, "peak_mb": peak_mb(), "stages": stages, **facts}) + "\n")


if __name__ == "__main__":
    main()
