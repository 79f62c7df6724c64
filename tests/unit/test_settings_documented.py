"""Every setting stands in the user's guide, and nothing else does."""

from __future__ import annotations

import re

from pydantic import BaseModel

from core.settings import ROOT, Settings


def names(model: type[BaseModel], before: str = "") -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= names(kind, f"{before}{name}.")
        else:
            found.add(before + name)
    return found


def test_the_guide_lists_the_settings() -> None:
    guide = (ROOT / "docs" / "usage.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([a-z0-9_.]+)` \|", guide, flags=re.MULTILINE))
    assert listed == names(Settings)
