"""Public checkpoints as they are, where UNMASK_WEIGHTS_DIR names a folder with some."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.weights.states import convert, differences, read_state

FOLDER = os.environ.get("UNMASK_WEIGHTS_DIR")
FILES = sorted(p for p in Path(FOLDER).rglob("*") if p.suffix in (".pth", ".pt", ".model")) if FOLDER else []

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not FILES, reason="UNMASK_WEIGHTS_DIR names no folder with checkpoints"),
]


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_checkpoint_is_read_without_code_and_converted_bit_for_bit(path: Path, tmp_path: Path) -> None:
    done = convert(path, tmp_path / "w.safetensors")
    state = read_state(path)
    assert done.tensors == len(state) > 10
    assert differences(state, read_state(done.path)) == []
