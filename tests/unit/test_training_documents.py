"""Figures find their place in a document, or say that there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConfigError
from core.settings import ROOT
from core.training.documents import put_between


def test_figures_are_put_between_their_marks(tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    path.write_text("before\n<!-- measured -->\nold\n<!-- /measured -->\nafter\n")
    for _ in range(2):
        put_between(path, "new | table\n", "measured")
        assert path.read_text() == "before\n<!-- measured -->\nnew | table\n<!-- /measured -->\nafter\n"
    path.write_text("nothing")
    with pytest.raises(ConfigError, match="no place"):
        put_between(path, "new", "measured")


@pytest.mark.parametrize(
    ("path", "name"), [("README.md", "measured"), ("README.md", "preset"), ("docs/detectors.md", "measured")]
)
def test_the_documents_of_the_project_have_the_marks(path: str, name: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert text.count(f"<!-- {name} -->") == text.count(f"<!-- /{name} -->") == 1
