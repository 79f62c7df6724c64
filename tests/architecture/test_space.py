"""The Space's card, settings and the README say the same."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml

from core.settings import ROOT, build_settings
from tests.architecture.test_requirements import declared


def space() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((ROOT / "space.yaml").read_text(encoding="utf-8"))
    return data


def front_matter(text: str) -> Any:
    """What stands between the first two lines of three dashes; None where there is no such block."""
    opening, _, rest = text.partition("---\n")
    block, closing, _ = rest.partition("\n---\n")
    return yaml.safe_load(block) if opening == "" and closing else None


def test_front_matter_is_read_from_the_top_only() -> None:
    assert front_matter("---\na: 1\n---\ntext") == {"a": 1}
    assert front_matter("text\n---\na: 1\n---\n") is None
    assert front_matter("---\na: 1\n") is None


def test_the_readme_carries_the_card() -> None:
    readme = ROOT / "README.md"
    assert front_matter(readme.read_text(encoding="utf-8")) == space()["card"]


def test_the_card_names_what_is_there() -> None:
    card = space()["card"]
    assert (ROOT / card["app_file"]).is_file()
    assert declared("requirements.txt")["gradio"].specifier.contains(card["sdk_version"])
    assert tuple(int(n) for n in card["python_version"].split(".")) >= (3, 11)
    assert card["license"] == "mit"
    assert len(card["short_description"]) <= 60


def test_the_variables_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = space()["variables"]
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    settings = build_settings()
    assert settings.profile == variables["UNMASK_PROFILE"]
    assert settings.limits.max_bytes == variables["UNMASK_LIMITS__MAX_BYTES"]
    assert settings.limits.max_seconds == variables["UNMASK_LIMITS__MAX_SECONDS"]
    assert settings.server.proxies == variables["UNMASK_SERVER__PROXIES"] >= 1
    assert settings.server.lanes == variables["UNMASK_SERVER__LANES"]
    assert settings.server.queue == variables["UNMASK_SERVER__QUEUE"]
    assert settings.server.budget_s == variables["UNMASK_SERVER__BUDGET_S"]
    assert settings.sandbox.workers == variables["UNMASK_SANDBOX__WORKERS"]
    assert len(variables) == 9


def test_no_secret_stands_in_the_file() -> None:
    names = [name for name in space()["variables"] if "TOKEN" in name or "PASSWORD" in name or "LOGIN" in name]
    assert names == []


def test_the_data_lie_on_the_persistent_disk() -> None:
    assert PurePosixPath(space()["storage"]["mount"]) in PurePosixPath(space()["variables"]["UNMASK_DATA_DIR"]).parents
