"""How long each network takes by each backend that this machine has."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.speeds.page import Chapter
from core.detectors.base import load_detector
from core.registry import card
from core.runtime.backends import accelerated
from core.settings import Settings, build_settings
from core.weights.files import as_found

_NETWORKS = ("face-lite", "face-vit", "face-v2", "face-resnet18", "face-cnn4", "face-patch")


def measure(folder: Path, settings: Settings | None = None) -> Chapter:
    """The trials of the shipped networks of single faces, and those that ``settings`` already made."""
    own = build_settings(data_dir=folder / "trials")
    for name in _NETWORKS:
        known, weights = as_found(card(name), own)
        accelerated(load_detector(known, weights, "cpu"), own)
    notes = [note for s in (own, settings) if s for note in sorted((s.data_dir / "backends").glob("*.json"))]
    tried = {note["title"]: note for note in (json.loads(path.read_text(encoding="utf-8")) for path in notes)}
    rows = []
    for title, note in tried.items():
        first = note["tried"][0]["ms"]
        for row in note["tried"]:
            chosen = " (chosen)" if row["backend"] == note["backend"] else ""
            ratio = f"{first / row['ms']:.1f}"
            rows.append([title, row["backend"] + chosen, ratio, f"{row['ms']:.2f}", f"{row['difference']:.0e}"])
    text = "One network, four inputs at a time. The last column is how much a probability moved at most against torch."
    head = ["network", "backend", "times as fast as torch", "ms an input", "difference"]
    return Chapter("Backends", "python -m benchmarks.speed --only backends", text, head, rows)
