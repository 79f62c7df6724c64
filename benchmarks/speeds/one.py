"""One file in a process of its own: ``python -m benchmarks.speeds.one WARM FILE`` prints a line of JSON."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from core.settings import ROOT


def asked(warm: Path, file: Path, data: Path) -> dict[str, Any]:
    """What :func:`main` prints, from a fresh process."""
    command = [sys.executable, "-m", "benchmarks.speeds.one", str(warm), str(file), str(data)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Analyse WARM, then FILE, which is timed; the peak of memory is that of both."""
    from benchmarks.speeds.page import seconds
    from core.pipeline import analyse
    from core.settings import build_settings

    warm, file = Path(sys.argv[1]), Path(sys.argv[2])
    data = Path(sys.argv[3]) if len(sys.argv) > 3 else Path(tempfile.mkdtemp())
    settings = build_settings(data_dir=data, cache={"enabled": False})
    analyse(warm, settings)
    made: list[Any] = []
    wall, cpu = seconds(lambda: made.append(analyse(file, settings)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    stages = {timing.stage.value: timing.seconds for timing in made[0].timings}
    facts = {"frames": len(made[0].frames), "people": len(made[0].tracks), "label": made[0].verdict.label.value}
    sys.stdout.write(json.dumps({"seconds": wall, "cpu": cpu, "peak_mb": peak, "stages": stages, **facts}) + "\n")


if __name__ == "__main__":
    main()
