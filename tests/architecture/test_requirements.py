"""Everything that is imported is declared, and everything that is declared is there for a reason."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import distributions, packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from core.settings import ROOT
from tests.architecture.scans import Source, imports, snippet, sources

PROGRAM = ("core", "pages", "app.py", "workbench.py")
OWN = {"core", "pages", "tests", "benchmarks", "app", "workbench", "__future__"}
CHOSEN = {
    "gradio", "streamlit", "plotly", "torch", "timm", "transformers", "facenet-pytorch", "opencv-python-headless",
    "librosa", "grad-cam", "pandas", "diskcache",
}  # fmt: skip
# Brought for the weights in its wheel, which are read as a file.
FILES = {"silero-vad"}
# Only on machines of a certain kind or for one method, and imported only where they are there.
OPTIONAL = {"fsspec", "mlflow", "onnxruntime", "pyworld", "ray", "s3fs", "spaces"}


def declared(file: str) -> dict[str, Requirement]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return {canonicalize_name(r.name): r for r in found}


def foreign(source: Source) -> set[str]:
    """Top-level names of modules that are neither Python's nor this project's."""
    return {name.split(".")[0] for name in imports(source)} - OWN - OPTIONAL - set(sys.stdlib_module_names)


@lru_cache(maxsize=1)
def owners() -> Mapping[str, list[str]]:
    """Which distributions a top-level module comes from."""
    return packages_distributions()


def undeclared(source: Source, names: set[str]) -> list[str]:
    return [
        f"{source}: {module}"
        for module in sorted(foreign(source))
        if not {canonicalize_name(d) for d in owners().get(module, [])} & names
    ]


def test_what_the_program_imports_is_declared() -> None:
    names = set(declared("requirements.txt"))
    assert [line for source in sources(*PROGRAM) for line in undeclared(source, names)] == []


def test_what_the_tests_import_is_declared() -> None:
    names = {*declared("requirements.txt"), *declared("requirements-dev.txt")}
    assert [line for source in sources("tests", "benchmarks") for line in undeclared(source, names)] == []


def test_an_undeclared_import_is_found() -> None:
    assert undeclared(snippet("import torch\nimport yaml\nimport os\nimport core.x"), {"torch"}) == ["snippet.py: yaml"]
    assert undeclared(snippet("import surely_not_there"), {"torch"}) == ["snippet.py: surely_not_there"]


def test_nothing_is_declared_in_vain() -> None:
    used = {canonicalize_name(d) for s in sources(*PROGRAM) for m in foreign(s) for d in owners().get(m, [])}
    assert set(declared("requirements.txt")) - used - CHOSEN - FILES == set()


def test_what_the_users_chose_is_declared() -> None:
    assert set(declared("requirements.txt")) >= CHOSEN


@pytest.mark.parametrize("requirement", declared("requirements.txt").values(), ids=lambda r: r.name)
def test_a_range_is_declared_and_what_is_installed_lies_in_it(requirement: Requirement) -> None:
    assert requirement.specifier.contains(version(requirement.name), prereleases=True)
    operators = {s.operator for s in requirement.specifier}
    if requirement.name != "facenet-pytorch":
        assert operators == {">=", "<"}


def test_only_the_opencv_that_needs_no_screen_is_installed() -> None:
    names = {canonicalize_name(d.metadata["Name"]) for d in distributions()}
    assert {n for n in names if n.startswith("opencv")} == {"opencv-python-headless"}


def test_python_is_asked_for_alike_everywhere() -> None:
    texts = [(ROOT / f).read_text(encoding="utf-8") for f in ("pyproject.toml", "Makefile")]
    assert 'requires-python = ">=3.11"' in texts[0]
    assert re.search(r"version_info < \(3, 11\)", texts[1])
    assert 'target-version = "py311"' in texts[0]
    assert Path(ROOT / ".ci" / "run").stat().st_mode & 0o111
