"""Which presets there are, who is in them, and one file through several of them; drawn without a browser."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import registry
from core.registry import ensemble, ensemble_ids
from core.settings import get_settings
from core.weights.roster import Seat, fusion_words, headline, roster
from pages.demo.roster import roster_html
from pages.workbench import intake
from pages.workbench.common import store, uploads
from tests import media
from tests.analyses import picture


def compare_page() -> None:
    from pages.workbench.compare import show

    show()


def analyse_page() -> None:
    from pages.workbench.analyse import show

    show()


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("UNMASK_DATA_DIR", str(tmp_path))
    get_settings.cache_clear()
    intake.jobs.clear()
    yield
    store().close()
    intake.jobs.clear()
    get_settings.cache_clear()


def draw(page: object) -> AppTest:
    at = AppTest.from_function(page, default_timeout=120)  # type: ignore[arg-type]
    at.run()
    assert not at.exception, at.exception
    return at


def keep(tmp_path: Path, *presets: str) -> str:
    """A file in the history that those presets have looked at."""
    file = tmp_path / "face.png"
    media.portrait(file)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    uploads().keep(file, sha256)
    for number, preset in enumerate(presets):
        known = picture()
        seen = replace(known, id=f"{number}" * 64, preset=preset, media=replace(known.media, sha256=sha256))
        store().record(seen, origin="workbench")
    return sha256


@pytest.mark.parametrize("name", ensemble_ids())
def test_every_preset_says_who_is_in_it_and_how_to_get_whom(name: str) -> None:
    preset, settings = ensemble(name), get_settings()
    seats = roster(preset, settings)
    assert [seat.detector for seat in seats] == [m.detector for m in preset.members]
    assert all(seat.here or "python -m core.cli" in seat.command for seat in seats)
    html = roster_html(name, settings)
    assert headline(seats) in html
    assert all(seat.title in html.replace("&#x27;", "'").replace("&amp;", "&") for seat in seats)


def test_the_words_of_fusion_say_whether_it_is_fitted() -> None:
    assert "weighted mean" in fusion_words(ensemble("forensics4"))
    words = fusion_words(ensemble("fusion5"))
    assert "12 features" in words and "stops early" in words and ("not fitted" in words or "Fitted" in words)


def test_a_card_that_cannot_be_read_is_named_and_away(monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = ensemble("default").model_copy(update={"members": (registry.Member(detector="nobody"),)})
    [seat] = roster(stranger, get_settings())
    assert not seat.here and "nobody" in seat.state
    assert headline([seat]) == "0 of 1 detector of this preset can run here."
    assert isinstance(seat, Seat)


def test_titles_are_escaped_in_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    from pages.demo import roster as page

    nasty = Seat("x", "<script>", "<b>", False, "away", "<i>")
    monkeypatch.setattr(page, "roster", lambda *_: (nasty,))
    html = page.roster_html("default", get_settings())
    assert "<script>" not in html and "&lt;script&gt;" in html and "<i>" not in html


def test_a_preset_that_is_not_there_says_so_in_the_demo() -> None:
    assert "There is no preset" in roster_html("nothing", get_settings())


def test_the_workbench_shows_the_members_of_the_chosen_preset() -> None:
    at = draw(analyse_page)
    at.selectbox(key="preset-analyse").set_value("gated4").run()
    assert not at.exception
    shown = " ".join(m.value for m in at.markdown).replace("\\", "")
    assert "four-block CNN" in shown
    assert any("face-cnn4.yaml" in c.value for c in at.code) or registry.card("face-cnn4").weights.sha256


def test_nothing_to_compare_says_what_to_do() -> None:
    at = draw(compare_page)
    assert any("Upload a file here" in c.value for c in at.caption)


def test_presets_stand_side_by_side(tmp_path: Path) -> None:
    keep(tmp_path, "default", "forensics4")
    at = draw(compare_page)
    table = at.table[0].value
    assert set(table.index) == {ensemble("default").title, ensemble("forensics4").title}
    assert any("Analyse with 4 more presets" in b.label for b in at.button)


def test_the_other_presets_are_queued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = keep(tmp_path, "default")
    asked: list[tuple[Any, ...]] = []

    def take(*given: Any) -> bool:
        asked.append(given)
        return True

    monkeypatch.setattr("pages.workbench.compare.take_kept", take)
    at = draw(compare_page)
    at.button(key="compare-run").click().run()
    assert not at.exception
    assert asked[0][0] == sha256 and set(asked[0][2]) == set(ensemble_ids()) - {"default"}


def test_a_file_that_is_gone_says_so(tmp_path: Path) -> None:
    uploads().remove(keep(tmp_path, "default"))
    at = draw(compare_page)
    at.button(key="compare-run").click().run()
    assert any("no longer kept" in e.value for e in at.error)
