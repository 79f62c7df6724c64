"""Whatever bytes come: an answer or an error for the user, never anything else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import WorkbenchError
from core.media.audio import read_audio
from core.media.guard import identify
from core.media.image import read_image
from core.media.probe import probe
from core.media.video import frame_at, read_frames
from core.settings import Limits, Sampling
from core.types import MediaKind
from tests.media import Samples

LIMITS = Limits(max_pixels=4_000_000)
WRITERS = (
    ("portrait", "a.jpg", {"size": 128}),
    ("portrait", "a.png", {"size": 128}),
    ("portrait", "a.webp", {"size": 128}),
    ("portrait", "a.tif", {"size": 128}),
    ("portrait", "a.bmp", {"size": 128}),
    ("portrait", "a.avif", {"size": 128}),
    ("animated", "a.gif", {"size": 64}),
    ("animated", "a.webp", {"size": 64}),
    ("animated", "a.png", {"size": 64}),
    ("talking_clip", "a.mp4", {"seconds": 1.0, "size": 96}),
    ("talking_clip", "a.mkv", {"seconds": 1.0, "size": 96}),
    ("talking_clip", "a.webm", {"seconds": 1.0, "size": 96}),
    ("talking_clip", "a.avi", {"seconds": 1.0, "size": 96}),
    ("talking_clip", "a.ts", {"seconds": 1.0, "size": 96}),
    ("speech", "a.wav", {"seconds": 1.0}),
    ("speech", "a.mp3", {"seconds": 1.0}),
    ("speech", "a.flac", {"seconds": 1.0}),
    ("speech", "a.ogg", {"seconds": 1.0}),
)

positions = st.floats(0, 1, exclude_max=True)
"""A place in the file; half of them in its head, where the structure is."""
places = st.one_of(positions, positions.map(lambda p: p / 50))
kinds = st.sampled_from(["set", "zero", "drop", "insert"])
edits = st.lists(st.tuples(places, kinds, st.binary(min_size=1, max_size=40)))
cuts = st.one_of(st.just(1.0), st.floats(0.01, 1.0))


def mutate(content: bytes, changes: list[tuple[float, str, bytes]], keep: float) -> bytes:
    data = bytearray(content[: max(1, int(len(content) * keep))])
    for place, what, new in changes:
        at = int(place * len(data))
        if what == "set":
            data[at : at + len(new)] = new
        elif what == "zero":
            data[at : at + 20 * len(new)] = bytes(len(data[at : at + 20 * len(new)]))
        elif what == "drop":
            del data[at : at + len(new)]
        else:
            data[at:at] = new
    return bytes(data)


def read_everything(path: Path) -> None:
    ref = identify(path, LIMITS)
    info = probe(ref, LIMITS)
    if ref.kind is MediaKind.IMAGE:
        frames, _ = read_image(ref, LIMITS)
        assert len(frames) == 1
        return
    if ref.kind is MediaKind.VIDEO:
        frames, _ = read_frames(ref, info, Sampling(frames=3), limits=LIMITS)
        assert frames
        assert all(f.rgb.ndim == 3 and f.rgb.shape[2] == 3 and f.t_s >= -1 for f in frames)
        frame_at(path, frames[-1].t_s)
    read_audio(ref, info, LIMITS)


def refusal(path: Path) -> WorkbenchError | None:
    try:
        read_everything(path)
    except WorkbenchError as error:
        return error
    return None


@pytest.mark.parametrize(("writer", "name", "options"), WRITERS, ids=[f"{w}-{n}" for w, n, _ in WRITERS])
def test_mutated_files_give_an_answer_or_an_error(samples: Samples, tmp_path: Path, writer, name, options):
    content = samples(writer, name, **options).read_bytes()
    read_everything(samples(writer, name, **options))
    path = tmp_path / name

    @settings(max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(changes=edits, keep=cuts)
    def run(changes: list[tuple[float, str, bytes]], keep: float) -> None:
        path.write_bytes(mutate(content, changes, keep) or b"\0")
        error = refusal(path)
        assert error is None or (error.message and error.hint)

    run()


@settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(head=st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WAVE", b"\0\0\0\x18ftypmp42",
                             b"\x1aE\xdf\xa3", b"OggS", b"ID3\x03", b"GIF89a", b"\0\0\0\x01g", b"FLV\x01", b"G" * 400]),
       body=st.binary(max_size=2000))  # fmt: skip
def test_signatures_followed_by_anything(tmp_path_factory: pytest.TempPathFactory, head: bytes, body: bytes):
    path = tmp_path_factory.getbasetemp() / "any.bin"
    path.write_bytes(head + body)
    error = refusal(path)
    assert error is None or error.hint
