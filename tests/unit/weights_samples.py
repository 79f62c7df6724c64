"""Cards of detectors that do not exist, for tests of their weights."""

from __future__ import annotations

import hashlib
import random
from typing import Any

from core.registry import Card, InputSpec, WeightsSpec
from core.types import Modality


def payload(size: int = 300_000, seed: int = 7) -> bytes:
    return random.Random(seed).randbytes(size)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_card(data: bytes = b"", **weights: Any) -> Card:
    """The card of a detector whose file holds ``data``; ``weights`` replaces fields of its weights."""
    facts = {
        "file": "net.pth",
        "sha256": digest(data),
        "size_bytes": max(len(data), 1),
        "licence": "MIT",
        "trained_on": "nothing",
        "how_to_get": "python -m core.cli weights pull net",
        "format": "onnx",
    } | weights
    return Card(
        id="net",
        title="Net",
        family="test",
        modality=Modality.IMAGE,
        implementation="collections:OrderedDict",
        architecture="none",
        summary="made for tests",
        input=InputSpec(size=64),
        weights=WeightsSpec(**facts),
    )
