"""What the documents name is there: commands, settings, make targets, linked files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from core.cli import build_parser
from core.settings import ROOT, Settings

_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_COMMAND = re.compile(r"python -m core\.cli (?:-v )?([a-z][\w-]*)")
_TARGET = re.compile(r"\bmake ([a-z][a-z-]*)")
_SETTING = re.compile(r"^\| `([\w.]+)` \|", re.MULTILINE)


def documents() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def missing_links(path: Path, text: str) -> list[str]:
    links = [link for link in _LINK.findall(text) if "://" not in link and not link.startswith("mailto:")]
    return [f"{path.name}: {link}" for link in links if not (path.parent / link).exists()]


def unknown_commands(text: str) -> set[str]:
    actions = build_parser()._subparsers
    assert actions is not None
    known = {name for action in actions._group_actions for name in (action.choices or ())}
    return set(_COMMAND.findall(text)) - known


def setting_names(model: type[BaseModel], prefix: str = "") -> set[str]:
    names: set[str] = set()
    for name, field in model.model_fields.items():
        kind = field.annotation
        part = isinstance(kind, type) and issubclass(kind, BaseModel)
        names |= setting_names(kind, f"{prefix}{name}.") if part else {prefix + name}  # type: ignore[arg-type]
    return names


@pytest.mark.parametrize("path", documents(), ids=lambda p: p.name)
def test_links_lead_somewhere_and_commands_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert missing_links(path, text) == []
    assert unknown_commands(text) == set()
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    fenced = "\n".join(re.findall(r"```.*?```|`[^`\n]*`", text, re.DOTALL))
    assert set(_TARGET.findall(fenced)) <= targets


def test_wrong_links_and_commands_are_found(tmp_path: Path) -> None:
    text = "[a](none.md) [b](https://example.org) `python -m core.cli dance`"
    assert missing_links(tmp_path / "x.md", text) == ["x.md: none.md"]
    assert unknown_commands(text) == {"dance"}


def test_the_settings_that_are_explained_exist() -> None:
    explained = set(_SETTING.findall((ROOT / "docs" / "usage.md").read_text(encoding="utf-8")))
    assert len(explained) >= 10
    assert explained - setting_names(Settings) == set()


def test_setting_names_reach_into_the_parts() -> None:
    names = setting_names(Settings)
    assert {"preset", "limits.max_bytes", "runtime.device"} <= names
    assert "limits" not in names
