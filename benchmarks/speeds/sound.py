"""What a recording of speech costs by its length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speeds.one import COSTS, asked, costs
from benchmarks.speeds.page import Chapter
from core.registry import ensemble, member_cards
from core.types import PCM, Modality
from tests.media import voice, write_sound

_LENGTHS = {"10 s": 10, "1 min": 60, "10 min": 600}
_PRESETS = ("fusion5", "multimodal")
_RATE_HZ = 16_000
_PIECE_S = 60


def recording(path: Path, length_s: int) -> Path:
    """A voice that says something else every minute."""
    return write_sound(path, np.concatenate(list(_pieces(length_s))), _RATE_HZ)


def _pieces(length_s: int) -> Iterator[PCM]:
    for seed, begin in enumerate(range(0, length_s, _PIECE_S)):
        yield voice(min(_PIECE_S, length_s - begin), _RATE_HZ, seed)


def _listener(preset: str) -> str:
    return next(card.id for card in member_cards(ensemble(preset)) if card.modality is Modality.AUDIO)


def _row(name: str, result: dict[str, Any], first: dict[str, Any]) -> list[str]:
    return [
        name,
        *costs(result, first),
        str(result["windows"]),
        ", ".join(f"{stage} {spent:.2f}" for stage, spent in result["stages"].items() if spent >= 0.01),
    ]


def measure(folder: Path) -> Chapter:
    """One recording a row, each in a fresh process whose models are warm."""
    files = {name: recording(folder / f"{length}.wav", length) for name, length in _LENGTHS.items()}
    warm, rows = next(iter(files.values())), []
    for preset in _PRESETS:
        asked(warm, warm, folder / "data", preset)  # fills the file cache
        results = {name: asked(warm, file, folder / "data", preset) for name, file in files.items()}
        first = next(iter(results.values()))
        rows += [_row(f"{name}, {_listener(preset)}", result, first) for name, result in results.items()]
    text = (
        "Speech alone, models warm. Ratios are against the row of 10 s of the same detector; memory is the peak of the "
        "whole process."
    )
    head = ["file", *COSTS, "windows judged", "stages, seconds"]
    return Chapter("Length of speech", "python -m benchmarks.speed --only sound", text, head, rows)
