"""Public detectors on a test split: who is asked about what, what counts, and what is written."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigError
from core.registry import Card, card
from core.settings import Settings, build_settings
from core.training import public
from core.training.data.manifest import Item
from tests.media_clips import speech
from tests.unit.audio_samples import RawNetLite
from tests.unit.plugin_samples import card_for

COLUMNS = ["path", "modality", "label", "method", "source", "split", "sha256", "licence"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return build_settings(data_dir=tmp_path / "data", weights_dir=tmp_path / "weights")


@pytest.fixture
def listener(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Card:
    """RawNetLite with weights of the published layout, the only public detector that is here."""
    assert settings.weights_dir is not None
    settings.weights_dir.mkdir()
    file = RawNetLite().save(settings.weights_dir / "net.pt")
    made = card_for("rawnetlite", file)
    monkeypatch.setattr(public, "card", lambda name: made if name == "rawnetlite" else card(name))
    return made


def collection(folder: Path) -> Path:
    """Four recordings and a broken one of the test split, and one to train on."""
    folder.mkdir()
    rows = []
    for i in range(5):
        speech(folder / f"{i}.wav", seed=i)
        label, split = ("fake" if i % 2 else "real"), ("train" if i == 4 else "test")
        rows.append([f"{i}.wav", "audio", label, "TTS" if i % 2 else "bonafide", "s", split, f"{i}", ""])
    (folder / "broken.wav").write_bytes(b"no sound at all")
    rows.append(["broken.wav", "audio", "fake", "TTS", "s", "test", "9", ""])
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([COLUMNS, *rows])
    return folder


def test_each_file_of_the_split_gets_a_row_and_each_kind_a_figure(
    listener: Card, settings: Settings, tmp_path: Path
) -> None:
    cards = public.public_cards(settings)
    assert [c.id for c in cards] == ["rawnetlite"]
    rows = public.measure(collection(tmp_path / "media"), settings, cards)
    assert [row.item.sha256 for row in rows] == ["0", "1", "2", "3", "9"]
    assert all(row.p is not None and 0 < row.p < 1 and not row.why for row in rows[:4])
    assert rows[4].p is None and rows[4].why
    (line,) = public.lines(rows, cards)
    assert (line.kind, line.real, line.fake, line.unanswered) == ("audio", 2, 2, 1)
    page = public.write(rows, [line], tmp_path / "out", "python -m core.cli measure-public")
    text, facts = page.read_text(encoding="utf-8"), json.loads((tmp_path / "out" / "public.json").read_text())
    assert "## Voices" in text and "2 real, 3 fake: TTS (3)." in text and "| `rawnetlite` | " in text
    assert len(facts["rows"]) == 5 and facts["figures"][0]["unanswered"] == 1


def row(number: int, *, fake: bool, p: float | None, person: str = "") -> public.Row:
    item = Item(f"{number}", f"{number}", "image", fake, "m", "s", person or f"{number}", "test")
    return public.Row("classnseg-face2face", item, p, "" if p is not None else "no face was found")


def test_the_figure_is_the_auc_of_those_who_answered() -> None:
    known = card("classnseg-face2face")
    scores = [0.1, 0.4, 0.35, 0.8, 0.9, 0.2]
    rows = [row(i, fake=i >= 3, p=p) for i, p in enumerate(scores)] + [row(9, fake=True, p=None)]
    (line,) = public.lines(rows, [known])
    assert line.auc is not None and line.auc.value == pytest.approx(7 / 9) and line.auc.how == "DeLong"
    assert line.auc.low < 7 / 9 < line.auc.high and (line.real, line.fake, line.unanswered) == (3, 3, 1)
    same = [row(i, fake=i >= 3, p=p, person="a" if i < 2 else "") for i, p in enumerate(scores)]
    drawn = public.lines(same, [known])[0].auc
    assert drawn is not None and drawn.how != "DeLong" and drawn.value == pytest.approx(7 / 9)


def test_too_few_files_give_no_figure() -> None:
    (line,) = public.lines([row(0, fake=True, p=0.2), row(1, fake=False, p=0.1)], [card("classnseg-face2face")])
    assert line.auc is None and "| – |" in public.markdown([line], [], "x")


def test_nothing_to_ask_or_to_ask_about_is_said(settings: Settings, listener: Card, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="None of the public detectors"):
        public.measure(tmp_path, settings, [])
    (tmp_path / "manifest.csv").write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="no file of the split"):
        public.measure(tmp_path, settings, [listener])


def test_helpers_and_detectors_of_this_project_are_not_public(settings: Settings) -> None:
    judged = {
        name for name in ("face-mesh", "yunet", "mobilefacenet", "lr-asd", "face-lite") if public._judges(card(name))
    }
    assert judged == set()
    assert all(public._judges(card(name)) for name in ("lrnet", "aasist", "tiny-ladeda-wildrf", "effort-clip"))
    assert np.all([c.id != "aasist" for c in public.public_cards(settings)])


def test_figures_go_into_the_section_of_their_detector(tmp_path: Path) -> None:
    guide = tmp_path / "guide.md"
    nothing = "- **Measured here**: nothing yet\n- **Licence**: x\n"
    guide.write_text(f"### a\n\nText.\n\n{nothing}\n### a-b\n\n- **Trained on**: y\n{nothing}", encoding="utf-8")
    rows = [row(i, fake=i >= 3, p=p) for i, p in enumerate([0.1, 0.4, 0.35, 0.8, 0.9, 0.2])]
    (line,) = public.lines(rows, [card("classnseg-face2face")])
    for _ in range(2):
        public.put_figures(guide, [replace(line, detector="a-b")])
    first, second = guide.read_text(encoding="utf-8").split("### a-b")
    assert nothing in first and nothing not in second
    assert (
        "AUC of pictures 0.78 [" in second and second.count("Measured here") == 1 and second.endswith("Licence**: x\n")
    )
