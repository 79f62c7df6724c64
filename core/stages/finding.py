"""Stage "finding faces": people over time."""

from __future__ import annotations

from collections.abc import Sequence

from core.faces.detect import face_finder
from core.faces.track import track
from core.media.enhance import enhance_for_faces
from core.media.scenes import cuts
from core.stages.context import Context
from core.types import FaceTrack, Frame, SampledFrame


def find_people(frames: Sequence[Frame], context: Context) -> tuple[tuple[FaceTrack, ...], tuple[SampledFrame, ...]]:
    """Find and follow faces in the sampled frames; say which frames were enhanced for that, and how."""
    if not frames:
        return (), ()
    copies, notes = zip(*(enhance_for_faces(f.rgb, context.settings.enhance) for f in frames), strict=True)
    what = ", ".join(sorted({n for n in notes if n}))
    settings = context.settings.faces
    scenes = cuts(frames)

    def done(count: int) -> None:
        context.step(count / len(frames), f"{count} of {len(frames)} frames" + (f", {what}" if what else ""))

    key = f"faces:{settings.model_dump_json()}"
    with context.pool.lease(key, lambda device: face_finder(context.settings, device)) as finder:
        found = finder.find(copies, done, cuts=scenes)
    tracks = track(found, [f.t_s for f in frames], [f.rgb for f in frames], scenes)
    sampled = tuple(SampledFrame(f.index, f.t_s, note) for f, note in zip(frames, notes, strict=True))
    return tuple(tracks), sampled
