"""The pages of the detectors in both front ends, drawn without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import yaml
from streamlit.testing.v1 import AppTest

from core import registry
from core.registry import Metric
from core.settings import Settings, get_settings
from core.weights.manage import Entry
from pages.demo.detectors import article, listing, place_detectors
from tests.unit.weights_samples import digest, make_card

DATA = b"the right bytes"
NASTY = "<script>alert(1)</script>*x*"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """One detector whose weights are here, one that can be pulled, one with a damaged file and one broken card."""
    folder = tmp_path / "configs" / "detectors"
    folder.mkdir(parents=True)
    kinds: dict[str, dict[str, Any]] = {
        "here": {},
        "far": {"file": "far.pth", "url": "https://example.org/far.pth", "non_commercial": True, "licence": NASTY},
        "hurt": {"file": "hurt.pth"},
    }
    for name, weights in kinds.items():
        card = make_card(DATA, **weights).model_copy(update={"id": name, "title": f"{name.title()} {NASTY}"})
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(card.model_dump(mode="json")), encoding="utf-8")
    (folder / "bad.yaml").write_text("id: bad\n")
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "net.pth").write_bytes(DATA)
    (mirror / "hurt.pth").write_bytes(b"damaged")
    monkeypatch.setattr(registry, "CONFIGS", tmp_path / "configs")
    monkeypatch.setenv("UNMASK_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("UNMASK_WEIGHTS_DIR", str(mirror))
    registry.card.cache_clear()
    get_settings.cache_clear()
    yield get_settings()
    registry.card.cache_clear()
    get_settings.cache_clear()


# --- demo ----------------------------------------------------------------------------------------------------------


def test_the_demo_lists_every_detector_with_its_state(settings: Settings) -> None:
    html = listing(settings)
    assert "1 of 4 detectors can run on this machine." in html
    assert html.index("Present.") < html.index("Missing.")
    for part in ("Damaged.", "The card of bad cannot be read", digest(DATA), digest(b"damaged"), "folder of your own"):
        assert part in html


def test_the_demo_says_how_to_get_what_is_missing(settings: Settings) -> None:
    html = listing(settings)
    assert "<code>python -m core.cli weights pull far --accept-licence</code>" in html
    assert html.count("To get them:") == 2


def test_the_demo_escapes_cards_and_names_no_weights_folder(settings: Settings) -> None:
    html = listing(settings)
    assert NASTY not in html
    assert str(settings.weights_dir) not in html and str(settings.data_dir) not in html


def test_the_demo_shows_what_was_pulled_meanwhile(settings: Settings) -> None:
    before = listing(settings)
    assert settings.weights_dir is not None
    (settings.weights_dir / "far.pth").write_bytes(DATA)
    assert before != listing(settings) and "2 of 4" in listing(settings)


def test_the_demo_shows_the_main_figures_and_folds_the_others(settings: Settings) -> None:
    def figure(name: str, dataset: str, value: float) -> Metric:
        return Metric(name=name, value=value, low=0.85, high=0.94, n=1200, dataset=dataset, command="x")

    figures = (figure("AUC", "these", 0.9), figure("ECE", "these", 0.86), figure("AUC", NASTY, 0.91))
    html = article(Entry("net", make_card(DATA).model_copy(update={"measured": figures})), settings)
    shown, folded = html.split("<details>", 1)
    assert "0.900" in shown and "0.910" in shown and "0.860" not in shown
    assert "All 3 measured figures" in folded and "0.860" in folded and "0.850 to 0.940" in folded
    assert folded.index("These") < folded.index("ECE") < folded.index("0.910")
    assert NASTY not in html and "No measured figures yet" not in html


def test_the_demo_says_where_nothing_is_measured(settings: Settings) -> None:
    html = article(Entry("net", make_card(DATA)), settings)
    assert "No measured figures yet" in html and "Licence" in html and "nothing" in html


def test_the_page_asks_when_it_is_opened_and_is_no_part_of_the_api(settings: Settings) -> None:
    with gr.Blocks() as site:
        pass
    with site.route("Detectors", "/detectors"):
        place_detectors(site, settings)
    (load,) = site.fns.values()
    assert (load.page, load.api_visibility, load.targets) == ("detectors", "private", [(site._id, "load")])
    assert load.fn is not None and load.fn() == listing(settings)


# --- workbench -----------------------------------------------------------------------------------------------------


def workbench_page() -> None:
    from pages.workbench.detectors import show

    show()


def draw() -> AppTest:
    at = AppTest.from_function(workbench_page, default_timeout=60).run()
    assert not at.exception, at.exception
    return at


@pytest.mark.usefixtures("settings")
def test_the_workbench_lists_every_detector_with_its_state() -> None:
    at = draw()
    assert at.title[0].value == "Detectors"
    assert "1 of 4 detectors" in at.caption[0].value.replace("\\", "")
    assert list(at.table[0].value["Weights"]) == ["present", "missing", "damaged"]
    assert list(at.table[0].value["AUC, true generators"]) == ["–"] * 3
    assert len(at.expander) == 3
    assert "bad" in at.error[0].value


@pytest.mark.usefixtures("settings")
def test_the_workbench_says_how_to_get_what_is_missing() -> None:
    codes = [code.value for code in draw().code]
    assert codes == ["python -m core.cli weights pull far --accept-licence", "python -m core.cli weights pull net"]


@pytest.mark.usefixtures("settings")
def test_the_workbench_shows_cards_as_plain_text() -> None:
    at = draw()
    assert NASTY not in at.table[0].value.to_string()
    assert all("<script>" not in part.value for part in at.markdown)
