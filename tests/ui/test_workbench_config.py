"""The workbench's configuration: nothing leaves the machine, no details of faults are shown, limits agree."""

from __future__ import annotations

import re
import tomllib

import pytest

from core.figures.style import PALETTES
from core.settings import ROOT, Limits


@pytest.fixture(scope="module")
def config() -> dict:
    return tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))


def test_nothing_is_reported_to_anyone(config) -> None:
    assert config["browser"]["gatherUsageStats"] is False
    assert config["client"]["showErrorLinks"] is False


def test_no_details_of_a_fault_reach_the_page(config) -> None:
    assert config["client"]["showErrorDetails"] == "none"


def test_the_server_takes_as_much_as_the_default_limits_let_in(config) -> None:
    megabyte = 1 << 20
    limit = Limits().max_bytes
    assert limit - megabyte < config["server"]["maxUploadSize"] * megabyte <= limit


def test_the_server_listens_on_this_machine_only_unless_told_otherwise(config) -> None:
    assert config["server"]["address"] == "127.0.0.1"


def test_no_page_halts_the_analysis_beside_it_for_a_full_collection(config) -> None:
    assert config["runner"]["postScriptGC"] is False


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_have_the_colours_of_the_figures(config, theme) -> None:
    palette = PALETTES[theme]
    assert config["theme"][theme]["orangeTextColor"] == palette.fake
    assert config["theme"][theme]["blueTextColor"] == palette.real


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_its_background(config, theme) -> None:
    colours = config["theme"][theme]
    for name in ("textColor", "orangeTextColor", "blueTextColor", "violetTextColor", "grayTextColor"):
        assert contrast(colours[name], colours["backgroundColor"]) >= 4.5, name


def contrast(a: str, b: str) -> float:
    """Contrast ratio after WCAG 2.1."""
    bright, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    channels = [int(part, 16) / 255 for part in re.findall("..", colour[1:])]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
