"""Who may import whom, and what start-up must not load."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from core.settings import ROOT
from tests.architecture.scans import forbidden_imports, imports, snippet, sources

FRONT_ENDS = {"gradio", "gradio_client", "streamlit", "pages", "app", "workbench"}
NETWORKS = {"torch", "torchvision", "timm", "transformers", "facenet_pytorch", "pytorch_grad_cam"}


def test_core_knows_no_front_end() -> None:
    assert [line for source in sources("core") for line in forbidden_imports(source, FRONT_ENDS)] == []


def test_front_ends_touch_no_network() -> None:
    front = sources("pages", "app.py", "workbench.py")
    assert [line for source in front for line in forbidden_imports(source, NETWORKS)] == []


@pytest.mark.parametrize(
    "text",
    [
        "import streamlit",
        "import gradio as gr",
        "from streamlit.testing import v1",
        "from pages.demo import analyse",
        "def f():\n    import gradio.themes",
        "import importlib\nimportlib.import_module('gradio')",
        "__import__('streamlit')",
        "from importlib import import_module\nimport_module('pages.demo')",
    ],
)
def test_the_search_finds_every_way_to_import(text: str) -> None:
    assert forbidden_imports(snippet(text), FRONT_ENDS)


@pytest.mark.parametrize(
    "text", ["import core.pages", "from . import pages", "x = 'import gradio'", "import gradiometer"]
)
def test_the_search_does_not_cry_wolf(text: str) -> None:
    assert forbidden_imports(snippet(text), FRONT_ENDS) == []


def test_imports_are_full_names() -> None:
    assert imports(snippet("import a.b\nfrom c.d import e")) == {"a.b", "c.d", "c.d.e"}


LIGHT = (
    "core.types",
    "core.errors",
    "core.settings",
    "core.registry",
    "core.review",
    "core.schema",
    "core.wording",
    "core.logs",
    "core.cli",
    "core.store.cache",
    "core.store.history",
    "core.store.feedback",
    "core.store.reviews",
    "core.store.uploads",
    "core.store.privacy",
)


def _loaded_by(*modules: str) -> set[str]:
    load = "import sys, json, importlib\nfor m in sys.argv[1:]: importlib.import_module(m)\n"
    code = load + "print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code, *modules], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in json.loads(done.stdout)}


def test_start_up_loads_no_network_library() -> None:
    assert _loaded_by(*LIGHT) & (NETWORKS | FRONT_ENDS | {"librosa", "cv2"}) == set()


def test_the_check_of_loaded_modules_sees_what_is_loaded() -> None:
    assert {"yaml", "pydantic"} <= _loaded_by("core.settings")
