"""One picture of a medium that was analysed before."""

from __future__ import annotations

from pathlib import Path

from core.media.decoding import decoder
from core.settings import Settings
from core.types import RGB, MediaFacts, MediaKind, MediaRef


def picture_at(path: Path, media: MediaFacts, t_s: float, settings: Settings) -> RGB:
    """The frame of a clip at ``t_s``, or the picture itself, uint8[H, W, 3].

    Raises:
        WorkbenchError: the file is gone or cannot be read any more.
    """
    if media.info.kind is MediaKind.IMAGE:
        ref = MediaRef(path, media.sha256, media.info.kind, media.format, media.size_bytes, media.name)
        return decoder(settings).image(ref)[0][0].rgb
    return decoder(settings).frame_at(path, t_s).rgb
