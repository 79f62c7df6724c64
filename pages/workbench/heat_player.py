"""A clip frame by frame with the heat laid over: played, stepped through and faded in the browser."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from core import wording
from core.explain.overlay import layer
from core.overlays import faces_at
from core.types import Analysis

if TYPE_CHECKING:
    from core.explain.frames import FrameHeat

_MOST = 48
_LONGEST_PX = 560
_KEPT = "heat-player-stills"

_HTML = """
<div class="player" role="group" aria-label="Clip with heat map">
  <div class="stage"><img class="picture" alt=""><img class="heat" alt=""></div>
  <div class="row">
    <button class="back" aria-label="One frame back">&#9664;&#9664;</button>
    <button class="play" aria-label="Play">Play</button>
    <button class="on" aria-label="One frame on">&#9654;&#9654;</button>
    <input class="at" type="range" min="0" value="0" step="1" aria-label="Frame">
    <span class="told" aria-live="polite"></span>
  </div>
  <label class="row">Opacity <input class="opacity" type="range" min="0" max="100" step="1"></label>
</div>
"""

_CSS = """
.player { max-width: 560px; font: inherit; color: var(--st-text-color); }
.stage { position: relative; line-height: 0; }
.stage img { width: 100%; height: auto; border-radius: 4px; }
.stage .heat { position: absolute; inset: 0; height: 100%; }
.row { display: flex; flex-wrap: wrap; align-items: center; gap: .6rem; margin-top: .5rem; }
.row input { flex: 1 1 8rem; accent-color: var(--st-primary-color); }
button { font: inherit; color: inherit; background: var(--st-secondary-background-color); min-width: 3rem;
  border: 1px solid var(--st-border-color); border-radius: 4px; padding: .25rem .7rem; cursor: pointer; }
.told { min-width: 11rem; }
"""

_SCRIPT = """
const STEP_MS = 250;

export default function ({ data, parentElement }) {
  const find = (name) => parentElement.querySelector("." + name);
  const [picture, heat, play, at, told, opacity] =
    ["picture", "heat", "play", "at", "told", "opacity"].map(find);
  const last = data.stills.length - 1;
  at.max = last;
  if (!opacity.dataset.set) opacity.value = data.opacity;
  opacity.dataset.set = "1";
  let timer = null;

  const show = (index) => {
    const still = data.stills[Math.min(Math.max(index, 0), last)];
    at.value = data.stills.indexOf(still);
    picture.src = still.picture;
    heat.src = still.heat;
    picture.alt = "Frame at " + still.words;
    told.textContent = still.words;
  };
  const fade = () => { heat.style.opacity = opacity.value / 100; };
  const halt = () => { clearInterval(timer); timer = null; play.textContent = "Play"; play.ariaLabel = "Play"; };
  const step = (by) => { halt(); show(Number(at.value) + by); };

  play.onclick = () => {
    if (timer) return halt();
    play.textContent = "Pause";
    play.ariaLabel = "Pause";
    timer = setInterval(() => show(Number(at.value) === last ? 0 : Number(at.value) + 1), STEP_MS);
  };
  find("back").onclick = () => step(-1);
  find("on").onclick = () => step(1);
  at.oninput = () => { halt(); show(Number(at.value)); };
  opacity.oninput = fade;
  show(Number(at.value));
  fade();
  return halt;
}
"""

_component = st.components.v2.component("unmask_heat_player", html=_HTML, css=_CSS, js=_SCRIPT)


@dataclass(frozen=True, slots=True)
class Still:
    """One frame: the picture and the heat over it as data addresses, and what is said below them."""

    picture: str
    heat: str
    words: str


def play_through(
    analysis: Analysis,
    track_id: int | None,
    ask: Callable[[float, int | None], FrameHeat],
    opacity: int,
    key: str,
) -> None:
    """A button, and once it was pressed the player. ``ask`` explains the frame at a time; ``opacity`` is in percent.

    A visit keeps the stills of the latest ``key`` alone: they are several megabytes.
    """
    times = shown_times(analysis, track_id)
    if len(times) < 2:
        return
    st.markdown("### Through the clip")
    place = st.empty()
    if st.session_state.get(_KEPT, ("", ()))[0] != key:
        with place.container():
            st.caption(f"The model is asked about {len(times)} frames, which takes some seconds.")
            if not st.button("Play with the heat map", key=f"play-{key}", icon=":material/play_circle:"):
                return
        st.session_state[_KEPT] = (key, _stills(analysis, track_id, times, ask, place))
    stills: tuple[Still, ...] = st.session_state[_KEPT][1]
    _component(key=f"player-{key}", data={"stills": [asdict(still) for still in stills], "opacity": opacity})


def shown_times(analysis: Analysis, track_id: int | None) -> tuple[float, ...]:
    """When the person was seen in the frames that were looked at, or all of these; at most 48, evenly chosen."""
    times = next((t.t_s for t in analysis.tracks if t.id == track_id), tuple(f.t_s for f in analysis.frames))
    if len(times) <= _MOST:
        return times
    return tuple(times[i] for i in np.linspace(0, len(times) - 1, _MOST).round().astype(int))


def _stills(
    analysis: Analysis,
    track_id: int | None,
    times: Sequence[float],
    ask: Callable[[float, int | None], FrameHeat],
    place: DeltaGenerator,
) -> tuple[Still, ...]:
    bar = place.progress(0.0, "Asking the model where it looks…")
    stills = []
    for number, t_s in enumerate(times, start=1):
        stills.append(_still(analysis, ask(t_s, track_id)))
        bar.progress(number / len(times), f"{number} of {len(times)} frames")
    place.empty()
    return tuple(stills)


def _still(analysis: Analysis, found: FrameHeat) -> Still:
    face = next((f for f in faces_at(analysis, found.t_s) if f.track_id == found.track_id), None)
    share = f" · P(fake) {wording.percent(face.p_fake)}" if face is not None and face.p_fake is not None else ""
    return Still(
        _address(Image.fromarray(found.rgb), "JPEG"),
        _address(Image.fromarray(layer(found.heat)), "PNG"),
        f"{wording.clock(found.t_s)}{share}",
    )


def _address(image: Image.Image, kind: str) -> str:
    image.thumbnail((_LONGEST_PX, _LONGEST_PX))
    out = io.BytesIO()
    image.save(out, kind, quality=82)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(out.getvalue()).decode('ascii')}"
