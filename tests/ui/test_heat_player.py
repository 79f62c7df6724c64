"""Playing through a clip with the heat map: every frame is asked about once, and laid over as a still shows it."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.explain.overlay import layer, overlay
from pages.workbench.heat_player import _KEPT, _still, shown_times
from tests import analyses

HEAT = np.linspace(0, 1, 240 * 320, dtype=np.float32).reshape(240, 320)


def found(t_s: float, track_id: int | None) -> SimpleNamespace:
    return SimpleNamespace(rgb=np.full((240, 320, 3), 90, np.uint8), heat=HEAT, t_s=t_s, track_id=track_id)


def page() -> None:
    import streamlit as st

    from pages.workbench.heat_player import play_through
    from tests import analyses
    from tests.ui.test_heat_player import found

    def ask(t_s, track_id):
        st.session_state.asked = st.session_state.get("asked", 0) + 1
        return found(t_s, track_id)

    play_through(analyses.clip(), 2, ask, 60, st.session_state.get("key", "test"))


def test_the_model_is_asked_once_for_each_frame_and_only_on_request() -> None:
    at = AppTest.from_function(page, default_timeout=60).run()
    assert "16 frames" in at.caption[0].value
    assert "asked" not in at.session_state
    at.button[0].click().run()
    assert not at.exception
    assert at.session_state.asked == 16
    assert not at.button, "the player is there instead"
    at.run()
    assert at.session_state.asked == 16
    assert at.session_state[_KEPT][1][0].words == "0:00.0 · P(fake) 81%"


def test_only_the_stills_shown_last_are_kept() -> None:
    at = AppTest.from_function(page, default_timeout=60).run()
    at.button[0].click().run()
    at.session_state.key = "other"
    at.run()
    assert at.button, "those of another model are asked for anew"
    assert at.session_state[_KEPT][0] == "test"
    at.button[0].click().run()
    assert at.session_state.asked == 32
    assert at.session_state[_KEPT][0] == "other"


def test_a_picture_or_a_single_sighting_has_nothing_to_play() -> None:
    assert len(shown_times(analyses.picture(), 1)) == 1


def test_long_tracks_are_thinned_out_evenly() -> None:
    track = analyses.track(1)
    times = tuple(i / 25 for i in range(500))
    many = replace(track, t_s=times, frame=tuple(range(500)), faces=track.faces[:1] * 500)
    chosen = shown_times(replace(analyses.clip(), tracks=(many,)), 1)
    assert len(chosen) == 48
    assert (chosen[0], chosen[-1]) == (times[0], times[-1])
    assert max(np.diff(chosen)) < 2 * min(np.diff(chosen))


@pytest.mark.parametrize("opacity", [0.0, 0.6, 1.0])
def test_the_layer_looks_like_the_still(opacity) -> None:
    rgb = np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)
    rgba = layer(HEAT).astype(np.float64)
    share = opacity * rgba[..., 3:] / 255
    laid = rgb * (1 - share) + rgba[..., :3] * share
    assert np.abs(laid - overlay(rgb, HEAT, opacity)).max() <= 1.5


def test_a_still_holds_picture_heat_and_words() -> None:
    still = _still(analyses.clip(), found(0.25, 1))  # type: ignore[arg-type]
    heat = Image.open(io.BytesIO(base64.b64decode(still.heat.partition(",")[2])))
    assert (heat.mode, heat.size) == ("RGBA", (320, 240))
    assert still.picture.startswith("data:image/jpeg;base64,")
    assert still.words.startswith("0:00.2")
