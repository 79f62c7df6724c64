"""The medium itself, without a word on what the models think of it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.types import Analysis, MediaKind
from pages.workbench.common import guarded
from pages.workbench.frames import decode, kept_file

_PLAYED_BYTES = 150_000_000
_STRIP = 4


def player(analysis: Analysis) -> None:
    """Picture, player or sound; a clip also as some frames, for codecs that a browser does not play."""
    media = analysis.media
    with st.container(key="medium"), guarded():
        path = kept_file(media)
        if media.info.kind is MediaKind.AUDIO:
            st.audio(str(path))
        elif media.info.kind is MediaKind.IMAGE:
            st.image(decode(str(path), media.sha256, media.info.kind, 0.0), width="stretch", output_format="JPEG")
        else:
            if media.size_bytes <= _PLAYED_BYTES:
                st.video(str(path))
            times = _spread([f.t_s for f in analysis.frames])
            for column, t_s in zip(st.columns(len(times) or 1, gap="small"), times, strict=False):
                column.image(decode(str(path), media.sha256, media.info.kind, t_s), output_format="JPEG")


def _spread(times: Sequence[float]) -> list[float]:
    """Some moments over the whole of a clip."""
    if len(times) <= _STRIP:
        return list(times)
    return [times[round((i + 0.5) * len(times) / _STRIP)] for i in range(_STRIP)]
