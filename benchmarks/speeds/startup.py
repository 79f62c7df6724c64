"""From starting the demo to its first answer."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from benchmarks.speeds.page import Chapter, seconds
from core.settings import ROOT
from tests import media

_LONGEST_S = 180


def demo(data: Path) -> tuple[float, float]:
    """Seconds until the page answers, and until the models are there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    known = _surroundings(data) | {"GRADIO_SERVER_PORT": str(port)}
    start = time.perf_counter()
    with subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=known, stderr=subprocess.DEVNULL) as process:
        try:
            page = _until(f"http://127.0.0.1:{port}/", start)
            ready = _until(f"http://127.0.0.1:{port}/api/v1/health/ready", start)
        finally:
            process.terminate()
    return page, ready


def _surroundings(data: Path) -> dict[str, str]:
    """The second start finds what the first has compiled, also where a shell forbids to write bytecode."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"UNMASK_DATA_DIR": str(data)}


def _until(address: str, start: float) -> float:
    while time.perf_counter() - start < _LONGEST_S:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                if answer.status == 200:
                    return time.perf_counter() - start
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise SystemExit(f"{address} did not answer")


def measure(folder: Path) -> Chapter:
    picture = media.portrait(folder / "a.png", size=640)
    command = [sys.executable, "-m", "core.cli", "analyse", str(picture), "-q", "--no-cache"]
    known = _surroundings(folder / "data")
    subprocess.run(command, cwd=ROOT, env=known, check=True, stdout=subprocess.DEVNULL)  # chooses backends
    demo(folder / "data")  # makes the examples
    page, ready = demo(folder / "data")
    cold, _ = seconds(lambda: subprocess.run(command, cwd=ROOT, env=known, check=True, stdout=subprocess.DEVNULL))
    rows = [
        ["the demo's page answers", f"{page:.1f}"],
        ["its models are loaded", f"{ready:.1f}"],
        ["`python -m core.cli analyse` of one picture, from nothing to the end", f"{cold:.1f}"],
    ]
    text = (
        "The second start on this machine: the first also makes the examples, tries the backends and compiles Python's "
        "sources."
    )
    head = ["from the start until", "seconds"]
    return Chapter("Start", "python -m benchmarks.speed --only startup", text, head, rows)
