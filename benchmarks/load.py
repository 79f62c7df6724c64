"""Many clients at once against the demo server: ``python -m benchmarks.load --clients 16 --minutes 5``.

Each client sends pictures, clips, sound and broken files as jobs, asks until they are over and counts what came back.
The bench fails if an answer is a 5xx, if a job that was taken has no end, or if a client was left without any result
while others had many. Memory is that of the server's process and its children.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from tests import media
from tests.ui.servers import free_port, serving

_ENOUGH = 3  # results on average before fairness can be judged
_LIMITS = {
    "UNMASK_SERVER__ANALYSES_PER_MINUTE": "100000",
    "UNMASK_SERVER__REQUESTS_PER_MINUTE": "100000",
    "UNMASK_SERVER__QUEUE": "12",
    "UNMASK_CACHE__ENABLED": "false",
}


@dataclass
class Client:
    """One visitor of the bench."""

    number: int
    outcomes: Counter[str] = field(default_factory=Counter)
    waits_s: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def work(self, url: str, files: list[Path], until: float) -> None:
        rng = random.Random(self.number)
        headers = {"X-Unmask-Visitor": f"bench-client-{self.number:08d}", "X-Forwarded-For": f"10.1.0.{self.number}"}
        with httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=120) as http:
            while time.monotonic() < until:
                try:
                    self._one(http, rng.choice(files), until)
                except httpx.HTTPError as error:
                    self.faults.append(f"client {self.number}: {type(error).__name__}")

    def _one(self, http: httpx.Client, path: Path, until: float) -> None:
        began = time.monotonic()
        # A few bytes behind the file make it new to the server, so that nothing is answered for another client.
        content = path.read_bytes() + f"{self.number}-{began}".encode()
        answer = http.post("/jobs", files={"file": (path.name, content)})
        if answer.status_code == 429:
            self.outcomes[answer.json()["code"]] += 1
            time.sleep(1.0)
            return
        if answer.status_code != 202:
            self.faults.append(f"{path.name}: {answer.status_code} {answer.text[:200]}")
            return
        job = answer.json()
        while job["state"] in ("queued", "running"):
            if time.monotonic() > until + 120:
                self.faults.append(f"{path.name}: no end")
                return
            time.sleep(0.5)
            job = http.get(f"/jobs/{job['id']}").raise_for_status().json()
        self.outcomes[job["state"] if job["state"] == "done" else job["error"]["code"]] += 1
        self.waits_s.append(time.monotonic() - began)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--minutes", type=float, default=5.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="unmask-load-") as name:
        folder, port = Path(name), free_port()
        files = _files(folder / "files")
        environment = {"GRADIO_SERVER_PORT": str(port), "UNMASK_SERVER__PROXIES": "1", **_LIMITS}
        with serving(["app.py"], port, folder, environment) as server:
            report = _run(server.url, port, files, asked)
            report["tracebacks"] = len(server.faults())
    print(json.dumps(report, indent=1))
    return 1 if report["faults"] or report["tracebacks"] else 0


def _run(url: str, port: int, files: list[Path], asked: argparse.Namespace) -> dict[str, object]:
    httpx.post(f"{url}/api/v1/analyse/image", files={"file": files[0].read_bytes()}, timeout=180)
    clients = [Client(number) for number in range(asked.clients)]
    until = time.monotonic() + 60 * asked.minutes
    threads = [threading.Thread(target=client.work, args=(url, files, until)) for client in clients]
    for thread in threads:
        thread.start()
    memory: list[float] = []
    while any(thread.is_alive() for thread in threads):
        memory.append(_memory_mb(port))
        time.sleep(2.0)
    done = [sum(client.outcomes.values()) - client.outcomes["busy"] for client in clients]
    faults = [fault for client in clients for fault in client.faults]
    if statistics.mean(done) >= _ENOUGH and min(done) == 0:
        faults.append("a client had no turn")
    waits = sorted(wait for client in clients for wait in client.waits_s)
    third = max(1, len(memory) // 3)
    return {
        "clients": asked.clients,
        "minutes": asked.minutes,
        "outcomes": dict(sum((client.outcomes for client in clients), Counter())),
        "finished_per_client": {"least": min(done), "most": max(done)},
        "wait_s": {"median": round(statistics.median(waits), 2), "most": round(waits[-1], 2)} if waits else {},
        "memory_mb": {
            "first_third": round(statistics.mean(memory[:third])),
            "last_third": round(statistics.mean(memory[-third:])),
            "most": round(max(memory)),
        },
        "faults": faults[:20],
    }


def _files(folder: Path) -> list[Path]:
    folder.mkdir()
    whole = media.talking_clip(folder / "clip.mp4", seconds=2)
    return [
        media.portrait(folder / "portrait.png", size=256),
        media.landscape(folder / "landscape.jpg"),
        whole,
        media.speech(folder / "speech.wav"),
        media.truncated(folder / "cut.mp4", whole, 0.3),
        media.bytes_of(folder / "words.png", b"this is no picture\n" * 20),
    ]


def _memory_mb(port: int) -> float:
    """Resident memory of the process that listens on ``port``, with its children."""
    for connection in psutil.net_connections("tcp"):
        if connection.laddr and connection.laddr.port == port and connection.status == "LISTEN" and connection.pid:
            process = psutil.Process(connection.pid)
            return sum(_resident(p) for p in (process, *process.children(recursive=True))) / 1e6
    return 0.0


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0


if __name__ == "__main__":
    sys.exit(main())
