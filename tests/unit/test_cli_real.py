"""The command line as a process of its own, with the real pipeline and the shipped preset."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core import schema
from core.settings import ROOT
from tests.media import Samples

pytestmark = pytest.mark.timeout(600)

BROKEN = {"empty.png": "empty_media", "foreign.mp4": "unsupported_media", "gone.jpg": "not_found"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, samples: Samples) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    for writer, name in (("portrait", "a.png"), ("noise", "b.png"), ("empty", "empty.png"), ("foreign", "text.txt")):
        shutil.copy(samples(writer, name), folder / name)
    (folder / "text.txt").rename(folder / "foreign.mp4")
    return folder


def _run(folder: Path, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    env = {**os.environ, "UNMASK_DATA_DIR": str(folder / "data"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "core.cli", "analyse", "--json", str(folder / "out.jsonl"), *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    lines = (folder / "out.jsonl").read_text(encoding="utf-8").splitlines()
    return done.returncode, [json.loads(line) for line in lines], done.stderr


def test_good_and_bad_files_together(folder: Path) -> None:
    files = [str(folder / name) for name in ("a.png", "empty.png", "b.png", "foreign.mp4", "gone.jpg")]
    code, rows, err = _run(folder, "--full", *files)
    assert code == 1
    assert [row["path"] for row in rows] == files
    assert [row["status"] for row in rows] == ["ok", "error", "ok", "error", "error"]
    assert {Path(r["path"]).name: r["error"]["code"] for r in rows if r["status"] == "error"} == BROKEN
    assert all(r["error"]["message"] and r["error"]["hint"] for r in rows if r["status"] == "error")
    portrait, noise = (r for r in rows if r["status"] == "ok")
    assert portrait["verdict"]["label"] != "fake"
    assert portrait["kind"] == "image"
    assert portrait["scores"]
    assert (noise["verdict"]["label"], noise["verdict"]["p_fake"]) == ("not_applicable", None)
    assert schema.load(json.dumps(portrait["analysis"])).id == portrait["id"]
    assert "Traceback" not in err


def test_the_same_file_again_is_answered_alike_from_the_cache(folder: Path) -> None:
    picture = str(folder / "a.png")
    first = _run(folder, picture)
    again = _run(folder, picture, "--threshold-fake", "0", "--threshold-real", "0")
    assert (first[0], again[0]) == (0, 0)
    (one,), (two,) = first[1], again[1]
    assert one["id"] == two["id"]
    assert one["timings"] == two["timings"]
    assert one["verdict"]["p_fake"] == two["verdict"]["p_fake"]
    assert two["verdict"]["label"] == "fake"
