"""Many items of a review at once: pick some, judge them alike, submit what was judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st
from PIL import Image

from core.review import Judgement, Queue, Review, decide_many, score_visible, submit_many, undo, upcoming
from core.types import RGB, Analysis, MediaKind
from pages.workbench.common import action, escape, guarded, reviewer, store
from pages.workbench.frames import decode, kept_file, most_telling
from pages.workbench.words import WORDS, models_say
from pages.workbench.worklist import Scope, keep, load

_SHOWN = 24
_ACROSS = 6
_WIDTH = 320


def bulk_view(queue: Queue, scope: Scope) -> None:
    """The next items as small pictures. Name and score of each stay covered until it is judged."""
    ids = [item.id for item in upcoming(queue)[:_SHOWN]]
    _buttons(queue, ids, scope)
    for start in range(0, len(ids), _ACROSS):
        columns = st.columns(_ACROSS, gap="small")
        for column, item_id in zip(columns, ids[start : start + _ACROSS], strict=False):
            with column, st.container(border=True, key=f"tile-{item_id}"):
                _tile(store().get(item_id), queue.review(item_id))


def _buttons(queue: Queue, ids: Sequence[str], scope: Scope) -> None:
    picked = [item_id for item_id in ids if st.session_state.get(_key(item_id))]
    judged = [item_id for item_id in ids if score_visible(queue.review(item_id))]
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.button("Pick all", key="bulk-all", on_click=_pick, args=(ids, True))
        st.button("Pick none", key="bulk-none", on_click=_pick, args=(ids, False), disabled=not picked)
        for word in Judgement:
            st.button(
                f"{WORDS[word].capitalize()} ({len(picked)})",
                key=f"bulk-{word.value}",
                disabled=not picked,
                on_click=_judge,
                args=(tuple(picked), word, scope),
            )
        st.button(
            f"Submit the {len(judged)} judged",
            key="bulk-submit",
            type="primary",
            disabled=not judged,
            on_click=_change,
            args=(lambda now: submit_many(now, judged), scope),
        )
        st.button(
            "Undo", key="bulk-undo", type="tertiary", disabled=not queue.steps, on_click=_change, args=(undo, scope)
        )
    st.caption(
        f"{len(ids)} of {len(upcoming(queue))} open. Pick with care: one judgement holds for all that are picked."
    )


def _tile(analysis: Analysis, review: Review) -> None:
    with guarded():
        if analysis.media.info.kind is MediaKind.AUDIO:
            st.audio(str(kept_file(analysis.media)))
        else:
            st.image(_thumbnail(analysis, score_visible(review)), width="stretch", output_format="JPEG", alt="Item")
    if score_visible(review) and review.judgement:
        st.markdown(f"**{WORDS[review.judgement].capitalize()}**")
        st.caption(f"Models: {escape(models_say(analysis))}. {escape(analysis.media.name)}")
    st.checkbox("Pick", key=_key(review.item))


def _thumbnail(analysis: Analysis, uncovered: bool) -> RGB:
    """A frame from the middle, or, once the item was judged, the one that the models found most telling."""
    times = [frame.t_s for frame in analysis.frames] or [0.0]
    t_s = most_telling(analysis) if uncovered else times[len(times) // 2]
    media = analysis.media
    return _small(str(kept_file(media)), media.sha256, media.info.kind, t_s)


@st.cache_data(max_entries=512, show_spinner=False)
def _small(path: str, sha256: str, kind: MediaKind, t_s: float) -> RGB:
    image = Image.fromarray(decode(path, sha256, kind, t_s))
    image.thumbnail((_WIDTH, _WIDTH))
    return np.asarray(image)


def _key(item_id: str) -> str:
    return f"pick-{item_id}"


def _pick(ids: Sequence[str], value: bool) -> None:
    for item_id in ids:
        st.session_state[_key(item_id)] = value


def _judge(picked: tuple[str, ...], word: Judgement, scope: Scope) -> None:
    _change(lambda now: decide_many(now, picked, word), scope)
    _pick(picked, False)


@action
def _change(step: Callable[[Queue], Queue], scope: Scope) -> None:
    queue = load(reviewer(), scope)
    keep(reviewer(), scope, queue, step(queue))
