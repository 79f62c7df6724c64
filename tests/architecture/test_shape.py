"""How long files and functions are, and what a text of this repository may not name."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

from core.settings import ROOT
from tests.architecture.scans import function_lengths, snippet, sources, too_long, tracked_files, words_in

MOST_LINES = 400
EVERYTHING = ("core", "pages", "tests", "benchmarks", "app.py", "workbench.py")

# Spelt in parts, so that this file does not name them.
NEIGHBOUR = ".." + "/shared"
ELSEWHERE = ("/wo" + "rk/", "/ro" + "ot/", "pypi" + ".org", "pythonhosted" + ".org")


def test_files_are_short() -> None:
    assert [line for source in sources(*EVERYTHING) for line in too_long(source, MOST_LINES)] == []


def test_a_long_file_is_found() -> None:
    assert too_long(snippet("x = 1\n" * (MOST_LINES + 1)), MOST_LINES)
    assert too_long(snippet("x = 1\n" * MOST_LINES), MOST_LINES) == []


def test_functions_are_short() -> None:
    found = sorted(f for source in sources("core", "pages", "app.py", "workbench.py") for f in function_lengths(source))
    lengths = [length for length, _ in found]
    assert statistics.median(lengths) <= 14
    assert lengths[int(0.95 * len(lengths))] <= 50, found[-10:]
    assert lengths[-1] <= 80, found[-3:]


def test_function_lengths_are_counted() -> None:
    text = "@cached\ndef f():\n    def g():\n        pass\n    return g\n\nasync def h():\n    pass\n"
    assert sorted(function_lengths(snippet(text))) == [
        (2, "snippet.py:3 g"),
        (2, "snippet.py:7 h"),
        (4, "snippet.py:2 f"),
    ]


def _texts() -> list[tuple[Path, str]]:
    texts = []
    for path in tracked_files():
        try:
            texts.append((path.relative_to(ROOT), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return texts


def test_no_text_names_a_place_outside_the_repository() -> None:
    found = [line for path, text in _texts() for line in words_in(path, text, ELSEWHERE)]
    assert found == []


def test_only_the_checks_know_the_folder_beside_the_repository() -> None:
    found = [line for path, text in _texts() for line in words_in(path, text, (NEIGHBOUR,))]
    assert [line for line in found if not line.startswith(".ci/run:")] == []


def test_a_forbidden_word_is_found() -> None:
    assert words_in(Path("a.md"), f"ok\nsee {NEIGHBOUR}/x", (NEIGHBOUR,)) == [f"a.md:2: {NEIGHBOUR}"]


def test_the_texts_that_are_searched_are_there() -> None:
    names = {path.as_posix() for path, _ in _texts()}
    assert {"pyproject.toml", "core/types.py", ".ci/run", "requirements.txt", "LICENSE"} <= names


def test_the_demo_starts_without_what_only_reports_and_models_need() -> None:
    heavy = ("torch", "timm", "librosa", "matplotlib", "reportlab", "ray")
    code = f"import sys, app; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
