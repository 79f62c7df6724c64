"""The workbench's explanations, provenance and downloads, drawn without a browser and without networks."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.errors import WeightsMissingError
from core.facts import Attention, Head, Provenance
from core.settings import get_settings
from core.store.feedback import Truth
from core.types import Modality
from pages import engine
from pages.workbench import explain
from pages.workbench.common import store, uploads
from pages.workbench.downloads import _item, _session
from tests import analyses


def explain_page() -> None:
    import streamlit as st

    from pages.workbench.common import store
    from pages.workbench.explain import explain_view

    explain_view(store().get(st.query_params["analysis"]), "test")


def provenance_page() -> None:
    import streamlit as st

    from pages.workbench.common import store
    from pages.workbench.provenance import provenance_view

    provenance_view(store().get(st.query_params["analysis"]))


@pytest.fixture(autouse=True)
def _own_data(tmp_path, monkeypatch):
    monkeypatch.setenv("UNMASK_DATA_DIR", str(tmp_path))
    get_settings.cache_clear()
    explain._explained.clear()
    yield
    store().close()
    get_settings.cache_clear()


@pytest.fixture
def kept(tmp_path):
    """A picture of which face-lite said something, and its file."""
    out = BytesIO()
    exif = Image.Exif()
    exif[0x013B] = "Jane <b>Doe</b>"
    Image.new("RGB", (320, 240), (90, 120, 60)).save(out, "JPEG", exif=exif)
    sha256 = hashlib.sha256(out.getvalue()).hexdigest()
    (tmp_path / "a.jpg").write_bytes(out.getvalue())
    uploads().keep(tmp_path / "a.jpg", sha256)
    base = analyses.picture()
    made = replace(
        base,
        media=replace(base.media, sha256=sha256, name="a.jpg", format="jpeg"),
        scores=(analyses.score("face-lite", 0.12, 1),),
        provenance=Provenance(facts=(("Camera", "X*1*"),), fingerprints=("00000000000000ff",)),
    )
    store().record(made, origin="workbench")
    return made


@pytest.fixture
def asked(monkeypatch):
    """Stands in for the networks; remembers what was asked."""
    calls = []

    def explain_frame(analysis, path, t_s, track_id, detector, method, settings):
        calls.append((track_id, detector, method))
        if method == "scorecam":
            raise WeightsMissingError("The weights are not here.", hint="Get them.")
        rgb, crop = np.full((240, 320, 3), 90, np.uint8), np.full((64, 64, 3), 90, np.uint8)
        heat = np.ones((240, 320), np.float32)
        return SimpleNamespace(
            rgb=rgb, heat=heat, crop=crop, crop_heat=heat[:64, :64], t_s=t_s, method=method or "layercam",
            words=("Bright *places*.",),
        )  # fmt: skip

    monkeypatch.setattr(engine, "explain_frame", explain_frame)
    return calls


def draw(page, analysis) -> AppTest:
    at = AppTest.from_function(page, default_timeout=60)
    at.query_params["analysis"] = analysis.id
    at.run()
    assert not at.exception, at.exception
    return at


def words(at: AppTest) -> str:
    return "\n".join(part.value for part in [*at.markdown, *at.caption, *at.error])


def test_a_heat_map_is_shown_and_asked_for_once(kept, asked) -> None:
    at = draw(explain_page, kept)
    assert asked == [(1, "face-lite", None)]
    assert r"Bright \*places\*" in words(at) and "no scores" in words(at)
    at.slider[0].set_value(30).run()
    assert len(asked) == 1, "the opacity asks no network"
    at.selectbox[1].set_value("gradcam").run()
    assert asked[-1] == (1, "face-lite", "gradcam")


def test_what_cannot_be_explained_says_why(kept, asked) -> None:
    at = draw(explain_page, kept)
    at.selectbox[1].set_value("scorecam").run()
    assert "The weights are not here" in words(at) and "Get them" in words(at)


def test_aids_are_named_as_aids(kept, asked) -> None:
    at = draw(explain_page, kept)
    for aid in ("spectrum", "error-level", "noise"):
        at.button_group[0].set_value(aid).run()
        assert not at.exception
        assert "do not enter the verdict" in words(at) and not at.error


def test_without_models_there_is_no_heat_map(kept, asked) -> None:
    other = replace(analyses.landscape(), id="e" * 64)
    store().record(other, origin="workbench")
    at = draw(explain_page, other)
    assert "there is no heat map" in words(at) and asked == []


def test_networks_over_time_say_which_frames_counted_and_head_by_head(kept, asked) -> None:
    seen = Attention((0.5, 0.54, 0.58), (0.4, 2.0, 0.6))
    heads = (Head("motion", 0.8, (0.54,), (0.8,)), Head("fingerprint", 0.3, (0.54,), (0.3,)))
    clip = analyses.clip()
    row = analyses.score("clip-net", 0.9, 2, modality=Modality.CLIP, attention=seen, heads=heads)
    told = replace(clip, id="f" * 64, scores=(row,), timelines=())
    store().record(told, origin="workbench")
    at = draw(explain_page, told)
    assert "Which frames counted" in words(at) and "Head by head" in words(at)
    assert "times an even share" in words(at) and "fingerprint of a generator" in words(at)
    assert "Head by head" not in words(draw(explain_page, kept))


def test_provenance_and_earlier_sightings_are_shown(kept) -> None:
    store().add_label(kept, Truth.FAKE, reviewer="ann")
    store().add_label(kept, Truth.FAKE, reviewer="ben")
    copy = replace(kept, id="f" * 64, media=replace(kept.media, sha256="9" * 64, name="copy.jpg"),
                   provenance=Provenance(fingerprints=("00000000000000fe",)))  # fmt: skip
    store().record(copy, origin="workbench")
    at = draw(provenance_page, copy)
    assert "labelled fake by two reviewers" in words(at)
    assert "that is no sign of a fake" in words(at).replace("\\", "")
    at = draw(provenance_page, kept)
    assert r"X\*1\*" in at.table[0].value.to_string()
    shown = words(at) + at.table[0].value.to_string()
    assert "Jane" not in shown, "private facts are shown on request only"


def test_an_analysis_without_provenance_says_so() -> None:
    old = analyses.picture()
    store().record(old, origin="workbench")
    assert "before provenance was looked at" in words(draw(provenance_page, old))


def test_reports_hold_labels_and_pictures(kept, monkeypatch) -> None:
    store().add_label(kept, Truth.FAKE, reviewer="ann")
    monkeypatch.setattr(engine, "report_pictures", lambda analysis, path, settings: ())
    item = _item(kept, None, store(), get_settings())
    assert [label.reviewer for label in item.labels] == ["ann"]
    assert [item.analysis.id for item in _session((kept.id,), store())] == [kept.id]
